import type { Figures } from './measure.ts';

/** One row of the table: what was measured, the target, and whether the target is met. */
export interface Row {
  readonly what: string;
  readonly value: string;
  readonly target: string;
  readonly met: boolean | undefined;
}

const MOST_MIB: Record<string, number> = { '500×1': 90, '5000×1': 130, '5000×10': 250 };

/** Compares the figures of one cluster size with the targets. Pure. */
export function judge(figures: Figures): Row[] {
  const f = figures;
  const memory = MOST_MIB[`${f.namespaces}×${f.credentials}`];
  return [
    atMost('write phase ÷ floor', f.writeMs / f.floorMs, 1.3, ratio),
    atMost('process start to all placed', f.startMs, 2 * f.floorMs + 600, ms, '2 × floor + 0.6 s'),
    exactly('writes per namespace', f.writesPerNamespace, f.credentials + 1),
    exactly('reads beside lists and watches', f.readsBesideListsAndWatches, 0),
    atMost('rotation ÷ floor', f.rotationMs / f.rotationFloorMs, 1.3, ratio),
    atMost('restart with everything in place', f.restartMs, 2000, ms),
    exactly('writes of that restart', f.restartWrites, 0),
    atMost('new namespace, p50', f.newNamespaceP50, 10, ms),
    atMost('new namespace, p99', f.newNamespaceP99, 50, ms),
    atMost('new namespace in a rotation ÷ bare writer, p99', f.newNamespaceInRotationP99 / f.bareInRotationP99, 1.5, ratio),
    { what: 'new namespace in a rotation, p99', value: ms(f.newNamespaceInRotationP99), target: '', met: undefined },
    atMost('a burst at the start of a rotation ÷ bare writer, p99', f.burstP99 / f.bareBurstP99, 2, ratio),
    { what: 'a burst at the start of a rotation, p99', value: ms(f.burstP99), target: '', met: undefined },
    atMost('drift repaired, p99', f.driftP99, 50, ms),
    atMost('idle CPU', f.idleCpuPercent, 0.2, (value) => `${value.toFixed(2)} % of a core`),
    exactly('idle requests a minute beside the Lease', f.idleRequestsPerMinute, 0),
    { what: 'CPU for a new namespace', value: ms(f.cpuPerNewNamespaceMs), target: '', met: undefined },
    memory === undefined
      ? { what: 'peak memory', value: mib(f.peakMiB), target: '', met: undefined }
      : atMost('peak memory', f.peakMiB, memory, mib),
    { what: 'memory when idle', value: mib(f.idleMiB), target: '', met: undefined },
    { what: 'PSS when idle, before a rotation', value: mib(f.idlePssMiB), target: '', met: undefined },
    atMost('PSS after a rotation', f.rotatedPssMiB, 200, mib),
    atMost('PSS when idle again', f.idleAgainPssMiB, 1.1 * f.idlePssMiB, mib, '1.1 × before'),
  ];
}

/** Compares cluster sizes. The work for a namespace must not grow with the number of namespaces, and at most linearly with the credentials. */
export function judgeFlatness(all: readonly Figures[]): Row[] {
  const ratioOf = (what: string, figures: Figures, to: Figures, most: number) =>
    atMost(`CPU for a new namespace, ${what}`, figures.cpuPerNewNamespaceMs / to.cpuPerNewNamespaceMs, most, ratio);
  const sizes = all.flatMap((figures) => {
    const least = all.find(({ credentials }) => credentials === figures.credentials) as Figures;
    if (least === figures) return [];
    return [ratioOf(`${figures.namespaces} ÷ ${least.namespaces} namespaces × ${figures.credentials}`, figures, least, 1.2)];
  });
  const credentials = all.flatMap((figures) => {
    const one = all.find((other) => other.namespaces === figures.namespaces && other.credentials === 1);
    if (!one || one === figures) return [];
    return [ratioOf(`${figures.namespaces} namespaces × ${figures.credentials} ÷ × 1`, figures, one, figures.credentials)];
  });
  return [...sizes, ...credentials];
}

function atMost(what: string, value: number, most: number, say: (value: number) => string, target = `≤ ${say(most)}`): Row {
  return { what, value: say(value), target: target.startsWith('≤') ? target : `≤ ${target} = ${say(most)}`, met: value <= most };
}

const exactly = (what: string, value: number, wanted: number): Row => ({
  what,
  value: String(value),
  target: String(wanted),
  met: value === wanted,
});
const ratio = (value: number) => `${value.toFixed(2)} ×`;
/** A time in milliseconds, as a person reads it. */
export const ms = (value: number): string => (value < 1000 ? `${value.toFixed(value < 10 ? 1 : 0)} ms` : `${(value / 1000).toFixed(2)} s`);
const mib = (value: number) => `${value.toFixed(0)} MiB`;
