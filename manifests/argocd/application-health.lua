-- Use the health that an Application has in its status. Argo CD has no default health check for Applications, so without this
-- check an app of apps would not wait for a wave to be Healthy before it starts the next one.
local status = obj.status or {}
local health = status.health or {}

-- For Argo CD, missing objects make an Application OutOfSync, and not unhealthy: in its first sync it is Healthy for a moment.
-- Later it can stay OutOfSync for ever, because of a drift without selfHeal or objects that are not pruned. Then its health counts.
local automated = ((obj.spec or {}).syncPolicy or {}).automated
local syncs = automated ~= nil and automated.enabled ~= false
if health.status == "Healthy" and syncs and (status.sync or {}).status ~= "Synced" then
  local operation = status.operationState or {}
  local running = operation.phase == "Running" or operation.phase == "Terminating"
  -- The history has the syncs that succeeded. It is empty with revisionHistoryLimit: 0.
  local succeeded = operation.phase == "Succeeded" or #(status.history or {}) > 0
  -- The end of a sync is in the status before the health after it is.
  local stale = operation.finishedAt ~= nil and (status.reconciledAt or "") <= operation.finishedAt
  if running or not succeeded or stale then
    return { status = "Progressing", message = "Argo CD has not synced it completely." }
  end
end
return { status = health.status or "Progressing", message = health.message or "" }
