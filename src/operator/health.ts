/**
 * After this time without an answer, /healthz fails and the kubelet restarts the container. The restart helps if the fault is in this
 * process. It does no harm if the API server is down: after 10 minutes of running, the kubelet restarts a container within seconds. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
 */
const UNHEALTHY_AFTER_MS = 10 * 60_000;

/** What /healthz reports; empty if all is well. `unansweredMs`: for how long the API server has not answered. */
export function notHealthy(unansweredMs: number): string[] {
  if (unansweredMs < UNHEALTHY_AFTER_MS) return [];
  const minutes = Math.floor(unansweredMs / 60_000);
  return [`no request to the API server has been answered or accepted for ${minutes} minutes; the log has the reason`];
}
