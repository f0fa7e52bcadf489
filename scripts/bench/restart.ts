import { setTimeout as delay } from 'node:timers/promises';
import { isWrite } from '../../test/support/audit.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { OperatorProcess } from '../../test/support/operator.ts';
import type { Arena } from './arena.ts';

/** How many placements of one kind have a state, over all credentials, in the text of /metrics. Pure. */
export function placements(metrics: string, kind: 'Secret' | 'ServiceAccount', state: string): number {
  return metrics
    .split('\n')
    .filter((line) => line.startsWith('regcred_placements{') && line.includes(`kind="${kind}"`) && line.includes(`state="${state}"`))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** How often keys of one kind have run, in the text of /metrics. Pure. */
export function runs(metrics: string, kind: string): number {
  const line = metrics.split('\n').find((line) => line.startsWith(`regcred_reconcile_duration_seconds_count{kind="${kind}"`));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(' ')));
}

export interface Restarted {
  readonly operator: OperatorProcess;
  readonly restartMs: number;
  readonly restartWrites: number;
  /** How often accounts of a namespace were planned, and Secrets by a key of their own. */
  readonly accountRuns: number;
  readonly secretRuns: number;
}

/**
 * Starts the program when everything is already synced, and measures until it knows that: it leads, and it has counted every Secret and every
 * account as synced. An empty queue alone does not show that, because it is also empty before the credentials are decided.
 */
export async function restart(
  arena: Arena,
  { namespaces, credentials, bundle }: { readonly namespaces: number; readonly credentials: number; readonly bundle?: string | undefined },
): Promise<Restarted> {
  arena.audit.mark();
  const started = performance.now();
  const operator = arena.operator(bundle);
  const url = await operator.url();
  const wanted = namespaces * credentials;
  const metrics = await eventually(
    'it leads, and knows that everything is synced',
    async () => {
      await delay(50); // Each look takes CPU time from the measured program.
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const counts = (['Secret', 'ServiceAccount'] as const).map((kind) => placements(metrics, kind, 'synced'));
      const isDone = metrics.includes('regcred_leader 1') && metrics.includes('regcred_queue_depth 0');
      if (!isDone || counts.some((count) => count < wanted)) throw new Error(`${counts} of ${wanted} are synced`);
      return metrics;
    },
    600_000,
  );
  const restartMs = performance.now() - started;
  await delay(3000); // Long enough to see an unwanted write: the operator writes a status within about a second.
  return {
    operator,
    restartMs,
    restartWrites: arena.audit.since().filter(isWrite).length,
    accountRuns: runs(metrics, 'accounts'),
    secretRuns: runs(metrics, 'secret'),
  };
}
