/** `npm run soak`: changes a cluster at a steady rate, and checks that the operator keeps up, and that its memory and handles stay flat. */
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { isNotFound } from '../src/kube/errors.ts';
import { LASTING } from '../test/faults/sorts.ts';
import { theWorld, type World } from '../test/faults/world.ts';
import { isWrite, readAudited } from '../test/support/audit.ts';
import { memoryOf } from './bench/process.ts';
import { type Sample, verdictOf } from './soak/verdict.ts';

const CHANGE_EVERY_MS = 1000;
/** Namespaces that come and go: their number stays the same. */
const PASSING_NAMESPACES = 20;
const CHECK_EVERY_CHANGES = 60;
const SAMPLES = 40;
/** This is not about speed, so a busy machine gets time. */
const RIGHT_WITHIN_MS = 300_000;
/** Somebody deletes our Secret here, now and then. */
const PLACED = 'team-20';

const command = new Command('npm run soak --')
  .description('Changes a cluster with 200 namespaces once a second, and checks that the operator stays flat.')
  .option('--minutes <n>', 'how long; two hours before a release', minutes, 2)
  .parse();
const options = command.opts<{ minutes: number }>();

const world = await theWorld();
try {
  process.exitCode = await soak(world, options.minutes * 60_000);
} finally {
  await world.stop();
}

async function soak(world: World, lastsMs: number): Promise<number> {
  const replica = await world.leader();
  const row = world.chronicle.row('none: a steady rate of changes', 'everything');
  const passing: string[] = [];
  const samples: Sample[] = [];
  const begun = performance.now();
  const minutesSoFar = () => Math.round((performance.now() - begun) / 60_000);
  let counted = world.mark();
  let writes = 0;
  let changes = 0;
  // As it goes: the audit log of hours does not fit into memory.
  const check = async () => {
    await world.recovers(row, performance.now(), RIGHT_WITHIN_MS);
    const { audited, end } = readAudited(world.controlPlane.auditLog, counted);
    writes += audited.filter(isWrite).length;
    counted = end;
  };
  while (performance.now() - begun < lastsMs) {
    const due = begun + ++changes * CHANGE_EVERY_MS;
    await change(world, changes, passing);
    if (changes % CHECK_EVERY_CHANGES === 0) await check();
    if (performance.now() - begun > (samples.length * lastsMs) / SAMPLES) {
      const sample = sampleOf(replica.pid);
      samples.push(sample);
      console.log(`after ${minutesSoFar()} minutes: ${sample.mebibytes} MiB, ${sample.handles} open files and connections`);
    }
    await delay(Math.max(0, due - performance.now()));
  }
  await check();
  const { before, after, problems } = verdictOf(samples);
  console.log(
    `${minutesSoFar()} minutes, ${changes} changes, ${writes} writes of the operator; longest until everything was right: ${row.longestRecoveryMs} ms`,
  );
  console.log(`memory: ${before.mebibytes} MiB in the second quarter, ${after.mebibytes} MiB in the last one`);
  console.log(`open files and connections: ${before.handles}, ${after.handles}`);
  console.log(`the Lease was lost ${replica.log().split('Lost the Lease').length - 1} times`);
  for (const problem of problems) console.error(problem);
  return problems.length === 0 ? 0 : 1;
}

/** One change of a kind that users make. The kinds take turns. */
async function change(world: World, turn: number, passing: string[]): Promise<void> {
  const kinds: (() => Promise<unknown>)[] = [
    () => world.rotate(LASTING[turn % LASTING.length]),
    async () => passing.push(...(await world.addNamespaces(1))),
    () => world.changeSpec(),
    async () => passing.length > PASSING_NAMESPACES && world.removeNamespaces(passing.splice(0, 1)),
    () => world.relabel(2),
    () => world.api.call('DELETE', `/api/v1/namespaces/${PLACED}/secrets/wide`).catch(unlessNotFound),
  ];
  await kinds[turn % kinds.length]?.();
}

/** The operator may not have repaired it since the last time, or its name is another one just now. */
function unlessNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

function sampleOf(pid: number): Sample {
  return { mebibytes: Math.round(memoryOf(pid, 'VmRSS')), handles: readdirSync(`/proc/${pid}/fd`).length };
}

function minutes(text: string): number {
  const value = Number(text);
  if (value >= 1 && value <= 24 * 60) return value;
  throw new InvalidArgumentError('Give a number from 1 to 1440.');
}
