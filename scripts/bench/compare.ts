import { setTimeout as delay } from 'node:timers/promises';
import type { Arena } from './arena.ts';
import { phaseMs } from './audit.ts';
import { COLLECTED_AFTER_MS, placementsAre, placeOnce } from './measure.ts';
import { cpuMsOf, median, memoryOf } from './process.ts';
import { restart } from './restart.ts';

export const PARTS = ['placing', 'restart', 'rotation'] as const;
export type Part = (typeof PARTS)[number];

/** One figure of both builds, over all rounds. */
export interface Compared {
  readonly what: string;
  readonly before: readonly number[];
  readonly after: readonly number[];
}

interface Size {
  readonly namespaces: number;
  readonly credentials: number;
  readonly rounds: number;
}

/**
 * Measures two builds by turns, on the same control plane: the machine may be slower for a while, but then it is for both.
 *
 * @param before the directory of the other build; the one of this checkout is `after`
 */
export async function compare(
  arena: Arena,
  size: Size,
  before: string,
  parts: readonly Part[],
  say: (line: string) => void,
): Promise<Compared[]> {
  const { namespaces: count, credentials, rounds } = size;
  const namespaces = await arena.namespaces(count);
  const found = { before: new Map<string, number[]>(), after: new Map<string, number[]>() };
  const measured = async (measure: (bundle: string | undefined) => Promise<Record<string, number>>, what: string) => {
    for (let round = 1; round <= rounds; round++) {
      // Each build goes first in half of the rounds.
      for (const build of round % 2 === 0 ? (['after', 'before'] as const) : (['before', 'after'] as const)) {
        say(`${what}, ${round} of ${rounds}, ${build}`);
        const figures = await measure(build === 'before' ? before : undefined);
        for (const [name, value] of Object.entries(figures)) found[build].set(name, [...(found[build].get(name) ?? []), value]);
      }
    }
  };
  if (parts.includes('placing')) {
    await measured(async (bundle) => {
      const { floorMs, writeMs, rotationMs, rotationFloorMs, peakMiB } = await placeOnce(arena, namespaces, credentials, { bundle });
      return {
        'write phase ÷ floor': writeMs / floorMs,
        'rotation ÷ floor': rotationMs / rotationFloorMs,
        'peak when placing, MiB': peakMiB,
      };
    }, 'placing');
  }
  if (parts.includes('restart') || parts.includes('rotation')) {
    await arena.makeCredentials(credentials);
    const first = arena.operator();
    await arena.ready(credentials, count);
    await first.stop();
    await measured((bundle) => restartOnce(arena, { ...size, bundle }, parts.includes('rotation')), 'restarting');
    const last = arena.operator();
    await arena.removeCredentials(credentials);
    await last.stop();
  }
  return Array.from(found.before, ([what, values]) => ({ what, before: values, after: found.after.get(what) ?? [] }));
}

async function restartOnce(
  arena: Arena,
  size: Size & { bundle: string | undefined },
  alsoRotate: boolean,
): Promise<Record<string, number>> {
  const { operator, restartMs, restartWrites, accountRuns, secretRuns } = await restart(arena, size);
  const { pid } = operator;
  const figures: Record<string, number> = {
    'restart, ms': restartMs,
    'CPU of a restart, ms': cpuMsOf(pid),
    'writes of a restart': restartWrites,
    'runs for accounts in a restart': accountRuns,
    'runs for Secrets in a restart': secretRuns,
    'peak of a restart, MiB': memoryOf(pid, 'VmHWM'),
    'PSS after a restart, MiB': memoryOf(pid, 'Pss'),
  };
  if (alsoRotate) {
    const { namespaces, credentials } = size;
    arena.audit.mark();
    for (let n = 0; n < credentials; n++) await arena.setPassword(n, `sample-password-${n}-${Date.now()}`);
    figures['rotation, ms'] = phaseMs(await placementsAre(arena, namespaces * credentials));
    await arena.ready(credentials, namespaces);
    figures['PSS after a rotation, MiB'] = memoryOf(pid, 'Pss');
    await delay(COLLECTED_AFTER_MS);
    figures['PSS half a minute later, MiB'] = memoryOf(pid, 'Pss');
  }
  await operator.stop();
  return figures;
}

/** Pure. One line for each figure: the median and the spread of both builds, and the ratio of the medians. */
export function linesOf(compared: readonly Compared[]): string[] {
  return compared.map(({ what, before, after }) => {
    const ratio = median(after) / median(before);
    return `${what.padEnd(34)} ${spread(before).padStart(26)} → ${spread(after).padStart(26)}   ${Number.isFinite(ratio) ? ratio.toFixed(2) : '–'} ×`;
  });
}

/**
 * Pure. The figures that are more than `limit` times as high after as before. Both the medians and the lowest values must show it: other work
 * on the machine makes single values higher, but none lower.
 */
export function worseBy(compared: readonly Compared[], limit = Number.POSITIVE_INFINITY): string[] {
  const isWorse = ({ before, after }: Compared) =>
    median(after) > median(before) * limit && Math.min(...after) > Math.min(...before) * limit;
  return compared.filter(isWorse).map(({ what }) => what);
}

const spread = (values: readonly number[]) => `${number(median(values))} (${number(Math.min(...values))}–${number(Math.max(...values))})`;
const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(2));
