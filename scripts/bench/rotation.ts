import { setTimeout as delay } from 'node:timers/promises';
import type { Audited } from '../../test/support/audit.ts';
import { eventually } from '../../test/support/eventually.ts';
import type { Arena } from './arena.ts';
import { isPlacement } from './audit.ts';
import type { Floor } from './floor.ts';

/** How often to create a namespace in the middle of a rotation. */
const EVERY_MS = 250;

export interface InRotation {
  /** For each new namespace: from the creation of its account to the last write, in milliseconds. */
  readonly latencies: readonly number[];
  /** For each of the same moments: how long a bare writer on one connection takes for the same writes. */
  readonly bare: readonly number[];
}

/** Creates one namespace after the other in the middle of a rotation: from its tenth part on, until nine tenths are done. */
export async function inMiddle(arena: Arena, floor: Floor, credentials: number, namespaces: number, most: number): Promise<InRotation> {
  const prepared = await arena.probes(most);
  const owner = await arena.owner();
  arena.audit.mark();
  await rotate(arena, credentials);
  const all = namespaces * credentials;
  await eventually('a tenth of the rotation is done', () => {
    if (rotatedIn(arena) < all * 0.1) throw new Error(`${rotatedIn(arena)}`);
  });
  const names: string[] = [];
  const probed: string[] = [];
  const probes: Promise<void>[] = [];
  for (const probe of prepared) {
    if (rotatedIn(arena) > all * 0.9) break;
    names.push(await arena.newNamespace());
    probed.push(probe);
    // One after the other: the bare writer has one connection.
    probes.push(
      (probes.at(-1) ?? Promise.resolve()).then(() => floor.run({ job: 'place', namespaces: [probe], credentials, owner, width: 1 })),
    );
    await delay(EVERY_MS);
  }
  await Promise.all(probes);
  await placedIn(arena, names, credentials);
  const latencies = latenciesOf(arena.audit.since(), names);
  const bare = durationsOf(arena.audit.since(), probed);
  await arena.ready(credentials, namespaces + names.length);
  await arena.removeNew([...names, ...prepared]);
  return { latencies, bare };
}

/** Creates `count` namespaces at the start of a rotation. */
export async function burst(arena: Arena, credentials: number, namespaces: number, count: number): Promise<number[]> {
  arena.audit.mark();
  await rotate(arena, credentials);
  const names = await arena.newNamespaces(count);
  await placedIn(arena, names, credentials);
  const latencies = latenciesOf(arena.audit.since(), names);
  await arena.ready(credentials, namespaces + names.length);
  await arena.removeNew(names);
  return latencies;
}

/** The same burst with the bare writer: it rotates its own Secrets, and serves new namespaces first. */
export async function bareBurst(arena: Arena, floor: Floor, credentials: number, all: readonly string[], count: number): Promise<number[]> {
  arena.audit.mark();
  const rotated = floor.run({
    job: 'rotate',
    namespaces: all,
    credentials,
    owner: await arena.owner(),
    alsoNew: { prefix: 'bench-new-', count },
  });
  const names = await arena.newNamespaces(count);
  await placedIn(arena, names, credentials);
  const latencies = latenciesOf(arena.audit.since(), names);
  await rotated;
  await arena.removeNew(names);
  return latencies;
}

async function rotate(arena: Arena, credentials: number): Promise<void> {
  const password = `sample-password-${Date.now()}`;
  for (let n = 0; n < credentials; n++) await arena.setPassword(n, `${password}-${n}`);
}

const rotatedIn = (arena: Arena) => arena.audit.since().filter(({ verb, resource }) => verb === 'patch' && resource === 'secrets').length;

export async function placedIn(arena: Arena, names: readonly string[], credentials: number): Promise<void> {
  const wanted = new Set(names);
  await eventually(
    `${names.length} new namespaces are placed`,
    () => {
      const made = arena.audit.since().filter((request) => isOurs(request) && wanted.has(request.namespace));
      if (made.length < names.length * (credentials + 1)) throw new Error(`${made.length} writes`);
    },
    600_000,
  );
}

export function latenciesOf(requests: readonly Audited[], names: readonly string[]): number[] {
  return names.map((name) => {
    const here = requests.filter(({ namespace }) => namespace === name);
    const account = here.find(({ verb, resource }) => verb === 'create' && resource === 'serviceaccounts') as Audited;
    return Math.max(...here.filter(isOurs).map(({ done }) => done)) - account.done;
  });
}

/** From the first write to the last in each namespace. */
function durationsOf(requests: readonly Audited[], names: readonly string[]): number[] {
  return names.map((name) => {
    const here = requests.filter((request) => request.namespace === name && isOurs(request));
    return Math.max(...here.map(({ done }) => done)) - Math.min(...here.map(({ at }) => at));
  });
}

/** Excludes the creation of ServiceAccounts, which the cluster does. */
const isOurs = (request: Audited) => isPlacement(request) && !(request.verb === 'create' && request.resource === 'serviceaccounts');
