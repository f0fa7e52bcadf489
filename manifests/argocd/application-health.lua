-- An Application is as healthy as what is in it. Argo CD itself gives Applications no health, so without this an app of apps
-- would not wait for one wave before it begins with the next.
local health = obj.status and obj.status.health or {}
return { status = health.status or "Progressing", message = health.message or "" }
