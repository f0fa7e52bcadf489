import { setTimeout as delay } from 'node:timers/promises';
import type { Audited } from '../../test/support/audit.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { OperatorProcess } from '../../test/support/operator.ts';
import type { Arena } from './arena.ts';
import { isPlacement, phaseMs } from './audit.ts';
import { Floor } from './floor.ts';
import { cpuMsOf, median, memoryOf, percentile } from './process.ts';
import { restart } from './restart.ts';
import { bareBurst, burst, inMiddle, latenciesOf, placedIn } from './rotation.ts';

/** The results for one cluster size: times in milliseconds, memory in MiB. */
export interface Figures {
  readonly namespaces: number;
  readonly credentials: number;
  /** The time of the bare writer for the same writes. */
  readonly floorMs: number;
  /** The time from the first write to the last. */
  readonly writeMs: number;
  /** The time from the start of the process to the last write. */
  readonly startMs: number;
  readonly writesPerNamespace: number;
  readonly readsBesideListsAndWatches: number;
  readonly rotationFloorMs: number;
  readonly rotationMs: number;
  readonly restartMs: number;
  readonly restartWrites: number;
  readonly newNamespaceP50: number;
  readonly newNamespaceP99: number;
  /** In the middle of a rotation, one every 250 ms, and a bare writer with one connection at the same moments. */
  readonly newNamespaceInRotationP99: number;
  readonly bareInRotationP99: number;
  /** A burst of namespaces at the start of a rotation, and a bare writer with the same burst. */
  readonly burstP99: number;
  readonly bareBurstP99: number;
  readonly driftP99: number;
  readonly cpuPerNewNamespaceMs: number;
  readonly idleCpuPercent: number;
  readonly idleRequestsPerMinute: number;
  readonly peakMiB: number;
  readonly idleMiB: number;
  /** PSS when idle before a rotation, right after it, and when idle again. */
  readonly idlePssMiB: number;
  readonly rotatedPssMiB: number;
  readonly idleAgainPssMiB: number;
}

/** How often to repeat each measurement. The figures are medians or percentiles over all repetitions. */
export interface Rounds {
  readonly placing: number;
  readonly newNamespaces: number;
  readonly drifts: number;
  readonly idleSeconds: number;
}

/** Measures everything for one cluster size. There are no placed Secrets before and after it. */
export async function measure(
  arena: Arena,
  count: number,
  credentials: number,
  rounds: Rounds,
  say: (line: string) => void,
): Promise<Figures> {
  say('creating namespaces');
  const namespaces = await arena.namespaces(count);
  const placing: Placing[] = [];
  for (let round = 1; round <= rounds.placing; round++) {
    say(`placing, ${round} of ${rounds.placing}`);
    placing.push(await placeOnce(arena, namespaces, credentials, { burst: round === rounds.placing ? rounds.newNamespaces : 0 }));
  }

  await arena.makeCredentials(credentials);
  const first = arena.operator();
  await arena.ready(credentials, count);
  await first.stop();
  say('restarting with everything in place');
  const { operator, restartMs, restartWrites } = await restart(arena, { namespaces: count, credentials });
  say('idle');
  const idle = await idling(arena, operator, rounds.idleSeconds);
  say('new namespaces, one after another');
  const fresh = await newNamespaces(arena, operator, credentials, rounds.newNamespaces, idle.cpuPercent);
  say('new namespaces during a rotation');
  const idlePssMiB = memoryOf(operator.pid, 'Pss');
  const prober = new Floor(arena.kubeconfig);
  const middle = await inMiddle(arena, prober, credentials, count, rounds.newNamespaces);
  await prober.close();
  const rotatedPssMiB = memoryOf(operator.pid, 'Pss');
  const burstLatencies = await burst(arena, credentials, count, rounds.newNamespaces);
  say('idle again');
  await delay(COLLECTED_AFTER_MS);
  const idleAgainPssMiB = memoryOf(operator.pid, 'Pss');
  say('drift');
  const drift = await drifts(arena, namespaces, rounds.drifts);
  say('removing everything');
  await arena.removeCredentials(credentials);
  await operator.stop();

  const { memory } = idle;
  return {
    namespaces: count,
    credentials,
    floorMs: median(placing.map(({ floorMs }) => floorMs)),
    writeMs: median(placing.map(({ writeMs }) => writeMs)),
    startMs: median(placing.map(({ startMs }) => startMs)),
    writesPerNamespace: placing[0]?.writesPerNamespace ?? 0,
    readsBesideListsAndWatches: Math.max(...placing.map(({ reads }) => reads)),
    rotationFloorMs: median(placing.map(({ rotationFloorMs }) => rotationFloorMs)),
    rotationMs: median(placing.map(({ rotationMs }) => rotationMs)),
    restartMs,
    restartWrites,
    newNamespaceP50: percentile(fresh.latencies, 50),
    newNamespaceP99: percentile(fresh.latencies, 99),
    newNamespaceInRotationP99: percentile(middle.latencies, 99),
    bareInRotationP99: percentile(middle.bare, 99),
    burstP99: percentile(burstLatencies, 99),
    bareBurstP99: percentile(placing.at(-1)?.bareBurst ?? [], 99),
    driftP99: percentile(drift, 99),
    cpuPerNewNamespaceMs: fresh.cpuMs,
    idleCpuPercent: idle.cpuPercent,
    idleRequestsPerMinute: idle.requestsPerMinute,
    peakMiB: Math.max(...placing.map(({ peakMiB }) => peakMiB)),
    idleMiB: memory,
    idlePssMiB,
    rotatedPssMiB,
    idleAgainPssMiB,
  };
}

interface Placing {
  readonly floorMs: number;
  readonly writeMs: number;
  readonly startMs: number;
  readonly writesPerNamespace: number;
  readonly reads: number;
  readonly rotationFloorMs: number;
  readonly rotationMs: number;
  readonly peakMiB: number;
  readonly bareBurst: readonly number[];
}

interface PlacingOptions {
  /** How many namespaces the bare writer gets at once at the start of another rotation; 0 for no such rotation. */
  readonly burst?: number;
  /** The directory of the built program; undefined for the one of this checkout. */
  readonly bundle?: string | undefined;
}

/** Runs the bare writer and then the program on the same empty namespaces. */
export async function placeOnce(
  arena: Arena,
  namespaces: readonly string[],
  credentials: number,
  { burst = 0, bundle }: PlacingOptions,
): Promise<Placing> {
  const { audit } = arena;
  const floor = new Floor(arena.kubeconfig);
  const task = { namespaces, credentials, owner: await arena.owner() };
  audit.mark();
  await floor.run({ job: 'place', ...task });
  const floorMs = phaseMs(audit.since().filter(isPlacement));
  audit.mark();
  await floor.run({ job: 'rotate', ...task });
  const rotationFloorMs = phaseMs(audit.since().filter(isPlacement));
  const bursts = burst > 0 ? await bareBurst(arena, floor, credentials, namespaces, burst) : [];
  await floor.close();
  await arena.clearFloor();

  await arena.makeCredentials(credentials);
  audit.mark();
  const started = Date.now();
  const operator = arena.operator(bundle);
  await arena.ready(credentials, namespaces.length);
  const placed = audit.since();
  const placements = placed.filter(isPlacement);

  audit.mark();
  for (let n = 0; n < credentials; n++) await arena.setPassword(n, `sample-password-${n}-rotated`);
  const rotated = await placementsAre(arena, namespaces.length * credentials);
  const peakMiB = memoryOf(operator.pid, 'VmHWM');
  await arena.removeCredentials(credentials);
  await operator.stop();
  return {
    floorMs,
    rotationFloorMs,
    writeMs: phaseMs(placements),
    startMs: Math.max(...placements.map(({ done }) => done)) - started,
    writesPerNamespace: placements.length / namespaces.length,
    reads: placed.filter(({ verb, resource }) => verb === 'get' && resource !== '').length,
    rotationMs: phaseMs(rotated),
    peakMiB,
    bareBurst: bursts,
  };
}

/** Waits until the audit log has `wanted` placements since the mark, and returns them. */
export async function placementsAre(arena: Arena, wanted: number): Promise<Audited[]> {
  return eventually(
    `${wanted} placements`,
    async () => {
      await delay(250); // Reading the log takes CPU time from the measured program.
      const made = arena.audit.since().filter(isPlacement);
      if (made.length < wanted) throw new Error(`${made.length}`);
      return made;
    },
    600_000,
  );
}

/**
 * The operator collects garbage once, ten to twenty seconds after a large start or rotation, and V8 gives the memory back some seconds later
 * (ADR 22). That is not what it costs when idle.
 */
export const COLLECTED_AFTER_MS = 30_000;

async function idling(arena: Arena, { pid }: OperatorProcess, seconds: number) {
  await delay(COLLECTED_AFTER_MS);
  arena.audit.mark();
  const before = cpuMsOf(pid);
  const since = performance.now();
  await delay(seconds * 1000);
  const cpuPercent = ((cpuMsOf(pid) - before) / (performance.now() - since)) * 100;
  const requests = arena.audit.since().filter(({ verb }) => verb !== 'watch').length;
  return { cpuPercent, requestsPerMinute: (requests * 60) / seconds, memory: memoryOf(pid, 'VmRSS') };
}

/** Measures from the response that creates the ServiceAccount `default` to the response of our last write in that namespace. */
async function newNamespaces(arena: Arena, { pid }: OperatorProcess, credentials: number, count: number, idlePercent: number) {
  arena.audit.mark();
  const before = cpuMsOf(pid);
  const since = performance.now();
  const names: string[] = [];
  for (let n = 0; n < count; n++) {
    names.push(await arena.newNamespace());
    await placedIn(arena, [names.at(-1) as string], credentials);
  }
  const idleMs = ((performance.now() - since) * idlePercent) / 100;
  const cpuMs = (cpuMsOf(pid) - before - idleMs) / count;
  const latencies = latenciesOf(arena.audit.since(), names);
  await arena.removeNew(names);
  return { latencies, cpuMs };
}

/** Measures from the response of the request that causes the drift to the response of the repair. */
async function drifts(arena: Arena, namespaces: readonly string[], count: number): Promise<number[]> {
  const latencies: number[] = [];
  for (let n = 0; n < count; n++) {
    const namespace = namespaces[n % namespaces.length] as string;
    arena.audit.mark();
    await (n % 2 === 0 ? arena.deleteSecret(namespace, 'credential-0') : arena.stripAccount(namespace));
    const damaged = Date.now();
    const [repair] = await placementsAre(arena, 1);
    latencies.push(Math.max(0, (repair as Audited).done - damaged));
  }
  return latencies;
}
