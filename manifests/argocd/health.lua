-- How Argo CD sees a RegistryCredential: Healthy once it is in place everywhere, Degraded when a person must act. Argo CD runs
-- this with the base library alone (no string), and with the object in obj.
local status = obj.status or {}
local ready = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then ready = condition end
end
local says = (ready.reason or "") .. ": " .. (ready.message or "")

-- A status that was written for another spec says nothing of this one. A deletion counts as a change of the spec, too.
local seen = status.observedGeneration == obj.metadata.generation

if obj.metadata.deletionTimestamp ~= nil then
  local held = (seen and says or "The operator has not begun to take back what was made.")
    .. " The finalizer regcred.dev/cleanup holds the object until that is done, which takes a running operator: kubectl get pods -n regcred-system"
  -- Argo CD takes deletionMessage since 3.6. Before, it does not ask about what is being deleted, and says “Pending deletion”.
  return { status = "Progressing", message = held, deletionMessage = held }
end
if not seen then
  local unseen = "The operator has not looked at this spec yet. Should that last, see whether it runs: kubectl get pods -n regcred-system"
  return { status = "Progressing", message = unseen }
end
if obj.spec.suspend then
  return { status = "Suspended", message = says .. " Take spec.suspend out of Git to go on." }
end

local health = { ["True"] = "Healthy", ["False"] = "Degraded" }
return { status = health[ready.status] or "Progressing", message = says }
