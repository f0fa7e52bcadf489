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

/**
 * Starts the program when everything is already synced, and measures until it knows that: it leads, and it has counted every Secret and every
 * account as synced. An empty queue alone does not show that, because it is also empty before the credentials are decided.
 */
export async function restart(
  arena: Arena,
  { namespaces, credentials, bundle }: { readonly namespaces: number; readonly credentials: number; readonly bundle?: string | undefined },
): Promise<{ operator: OperatorProcess; restartMs: number; restartWrites: number }> {
  arena.audit.mark();
  const started = performance.now();
  const operator = arena.operator(bundle);
  const url = await operator.url();
  const wanted = namespaces * credentials;
  await eventually(
    'it leads, and knows that everything is synced',
    async () => {
      await delay(50); // Each look takes CPU time from the measured program.
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const counts = (['Secret', 'ServiceAccount'] as const).map((kind) => placements(metrics, kind, 'synced'));
      const isDone = metrics.includes('regcred_leader 1') && metrics.includes('regcred_queue_depth 0');
      if (!isDone || counts.some((count) => count < wanted)) throw new Error(`${counts} of ${wanted} are synced`);
    },
    600_000,
  );
  const restartMs = performance.now() - started;
  await delay(3000); // Long enough to see an unwanted write: the operator writes a status within about a second.
  return { operator, restartMs, restartWrites: arena.audit.since().filter(isWrite).length };
}
