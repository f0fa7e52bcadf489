import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type Audited, isWrite } from '../../test/support/audit.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { OperatorProcess } from '../../test/support/operator.ts';
import type { Arena } from './arena.ts';
import { isPlacement, phaseMs } from './audit.ts';
import { Floor } from './floor.ts';

/** What one size of cluster came to: times in milliseconds, memory in MiB. */
export interface Figures {
  readonly namespaces: number;
  readonly credentials: number;
  /** The same writes by a bare writer. */
  readonly floorMs: number;
  /** From the first write to the last. */
  readonly writeMs: number;
  /** From the start of the process to the last write. */
  readonly startMs: number;
  readonly writesPerNamespace: number;
  readonly readsBesideListsAndWatches: number;
  readonly rotationFloorMs: number;
  readonly rotationMs: number;
  readonly restartMs: number;
  readonly restartWrites: number;
  readonly newNamespaceP50: number;
  readonly newNamespaceP99: number;
  readonly newNamespaceInRotationP99: number;
  readonly driftP99: number;
  readonly cpuPerNewNamespaceMs: number;
  readonly idleCpuPercent: number;
  readonly idleRequestsPerMinute: number;
  readonly peakMiB: number;
  readonly idleMiB: number;
}

/** How often each thing is done; the figures are medians, or percentiles over all of them. */
export interface Rounds {
  readonly placing: number;
  readonly newNamespaces: number;
  readonly drifts: number;
  readonly idleSeconds: number;
}

/** Kernel ticks a second, as every Linux has them (getconf CLK_TCK). */
const TICKS = 100;

/** Measures everything at one size, beginning and ending with no Secret placed. */
export async function measure(
  arena: Arena,
  count: number,
  credentials: number,
  rounds: Rounds,
  say: (line: string) => void,
): Promise<Figures> {
  say('making namespaces');
  const namespaces = await arena.namespaces(count);
  const placing: Placing[] = [];
  for (let round = 1; round <= rounds.placing; round++) {
    say(`placing, ${round} of ${rounds.placing}`);
    placing.push(await placeOnce(arena, namespaces, credentials));
  }

  await arena.makeCredentials(credentials);
  const first = arena.operator();
  await arena.ready(credentials, count);
  await first.stop();
  say('starting again with everything in place');
  const { operator, restartMs, restartWrites } = await restart(arena);
  say('idling');
  const idle = await idling(arena, operator, rounds.idleSeconds);
  say('new namespaces, one after another');
  const fresh = await newNamespaces(arena, operator, credentials, rounds.newNamespaces, idle.cpuPercent);
  say('new namespaces during a rotation');
  const busy = await inRotation(arena, credentials, count, rounds.newNamespaces);
  say('drift');
  const drift = await drifts(arena, namespaces, rounds.drifts);
  say('taking everything back');
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
    newNamespaceInRotationP99: percentile(busy, 99),
    driftP99: percentile(drift, 99),
    cpuPerNewNamespaceMs: fresh.cpuMs,
    idleCpuPercent: idle.cpuPercent,
    idleRequestsPerMinute: idle.requestsPerMinute,
    peakMiB: Math.max(...placing.map(({ peakMiB }) => peakMiB)),
    idleMiB: memory,
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
}

/** The floor and the program, one after the other, into the same empty namespaces. */
async function placeOnce(arena: Arena, namespaces: readonly string[], credentials: number): Promise<Placing> {
  const { audit } = arena;
  const floor = new Floor(arena.kubeconfig);
  const task = { namespaces, credentials, owner: await arena.owner() };
  audit.mark();
  await floor.run({ job: 'place', ...task });
  const floorMs = phaseMs(audit.since().filter(isPlacement));
  audit.mark();
  await floor.run({ job: 'rotate', ...task });
  const rotationFloorMs = phaseMs(audit.since().filter(isPlacement));
  await floor.close();
  await arena.clearFloor();

  await arena.makeCredentials(credentials);
  audit.mark();
  const started = Date.now();
  const operator = arena.operator();
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
  };
}

/** Waits until so many have been made since the mark. */
async function placementsAre(arena: Arena, wanted: number): Promise<Audited[]> {
  return eventually(
    `${wanted} placements`,
    async () => {
      await delay(250); // Reading the log costs time that the others need.
      const made = arena.audit.since().filter(isPlacement);
      if (made.length < wanted) throw new Error(`${made.length}`);
      return made;
    },
    600_000,
  );
}

/** A process that finds everything as it should be: when it is ready, and what it writes although there is nothing to write. */
async function restart(arena: Arena): Promise<{ operator: OperatorProcess; restartMs: number; restartWrites: number }> {
  arena.audit.mark();
  const started = performance.now();
  const operator = arena.operator();
  const url = await operator.url();
  await eventually('it is ready and leads, with nothing left to do', async () => {
    if (!(await fetch(`${url}/readyz`)).ok) throw new Error('not ready');
    const metrics = await (await fetch(`${url}/metrics`)).text();
    if (!metrics.includes('regcred_leader 1') || !metrics.includes('regcred_queue_depth 0')) throw new Error('not done');
  });
  const restartMs = performance.now() - started;
  await delay(3000); // Long enough for a write that should not be: statuses are written within a second or so.
  return { operator, restartMs, restartWrites: arena.audit.since().filter(isWrite).length };
}

async function idling(arena: Arena, { pid }: OperatorProcess, seconds: number) {
  arena.audit.mark();
  const before = cpuMsOf(pid);
  const since = performance.now();
  await delay(seconds * 1000);
  const cpuPercent = ((cpuMsOf(pid) - before) / (performance.now() - since)) * 100;
  const requests = arena.audit.since().filter(({ verb }) => verb !== 'watch').length;
  return { cpuPercent, requestsPerMinute: (requests * 60) / seconds, memory: memoryOf(pid, 'VmRSS') };
}

/** From the answer to the request that makes the account `default` to the answer to the last of our writes in that namespace. */
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

async function inRotation(arena: Arena, credentials: number, namespaces: number, most: number): Promise<number[]> {
  arena.audit.mark();
  for (let n = 0; n < credentials; n++) await arena.setPassword(n, `sample-password-${n}-again`);
  const names: string[] = [];
  const rotated = () => arena.audit.since().filter(({ verb, resource }) => verb === 'patch' && resource === 'secrets').length;
  while (names.length < most && (names.length === 0 || rotated() < namespaces * credentials * 0.9)) names.push(await arena.newNamespace());
  await placedIn(arena, names, credentials);
  const latencies = latenciesOf(arena.audit.since(), names);
  await arena.ready(credentials, namespaces + names.length);
  await arena.removeNew(names);
  return latencies;
}

async function placedIn(arena: Arena, names: readonly string[], credentials: number): Promise<void> {
  const wanted = new Set(names);
  await eventually(`${names.length} new namespaces are placed`, () => {
    const made = arena.audit.since().filter((request) => isOurs(request) && wanted.has(request.namespace));
    if (made.length < names.length * (credentials + 1)) throw new Error(`${made.length} writes`);
  });
}

function latenciesOf(requests: readonly Audited[], names: readonly string[]): number[] {
  return names.map((name) => {
    const here = requests.filter(({ namespace }) => namespace === name);
    const account = here.find(({ verb, resource }) => verb === 'create' && resource === 'serviceaccounts') as Audited;
    return Math.max(...here.filter(isOurs).map(({ done }) => done)) - account.done;
  });
}

/** The making of accounts is in the log, too, and is the cluster's. */
const isOurs = (request: Audited) => isPlacement(request) && !(request.verb === 'create' && request.resource === 'serviceaccounts');

/** From the answer to the request that does the damage to the answer to the one that repairs it. */
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

function cpuMsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
}

function memoryOf(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const [, kib] = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

const median = (values: readonly number[]) => percentile(values, 50);

function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}
