-- The health of a credential of either kind in Argo CD: Healthy when it is synced everywhere, Degraded when a person must act. Argo CD
-- runs this script with only the base library (no string). The variable obj holds the object.
local status = obj.status or {}
local ready = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then ready = condition end
end
local says = (ready.reason or "") .. ": " .. (ready.message or "")

-- A status of an older generation does not describe the current spec. A deletion increases the generation, too.
local seen = status.observedGeneration == obj.metadata.generation

if obj.metadata.deletionTimestamp ~= nil then
  local held = (seen and says or "The operator has not started the cleanup yet.")
    .. " The finalizer regcred.dev/cleanup keeps the object until the cleanup is done. The cleanup needs a running operator: kubectl get pods -n regcred-system"
  -- Argo CD shows deletionMessage since 3.6. Older versions do not run this check for objects in deletion, and show “Pending deletion”.
  return { status = "Progressing", message = held, deletionMessage = held }
end
if not seen then
  local unseen = "The operator has not observed this spec yet. If this does not change, check that the operator runs: kubectl get pods -n regcred-system"
  return { status = "Progressing", message = unseen }
end
if obj.spec.suspend then
  return { status = "Suspended", message = says .. " To resume, remove spec.suspend in Git." }
end

-- What the registries refuse and what expires soon makes nothing Degraded: everything is in place. The message reports it.
if ready.status == "True" then
  for _, condition in ipairs(status.conditions or {}) do
    local bad = (condition.type == "Verified" and condition.status == "False") or (condition.type == "Expiring" and condition.status == "True")
    if bad then says = says .. " " .. (condition.reason or "") .. ": " .. (condition.message or "") end
  end
end

local health = { ["True"] = "Healthy", ["False"] = "Degraded" }
return { status = health[ready.status] or "Progressing", message = says }
