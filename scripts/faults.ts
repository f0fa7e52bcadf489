/** `npm run test:faults`: runs the fault suite in several processes, each with a cluster of its own, and shows its table. */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { DIRECTORY, type FaultRecord, merged, table } from '../test/faults/record.ts';

/** One for each core. A replica has to be replaced in two seconds: it must not wait for a core. */
const JOBS = '2';

const args = process.argv.slice(2);
const paths = args.length > 0 ? args : ['test/faults'];
const seed = process.env.REGCRED_SEED || String(Math.floor(Math.random() * 1_000_000_000));
console.log(`  Seed ${seed}; to have the same again: REGCRED_SEED=${seed} npm run test:faults`);

rmSync(DIRECTORY, { recursive: true, force: true });
const test = [join(import.meta.dirname, 'test.ts'), '--config', '.mocharc.faults.json', '--jobs', JOBS, ...paths];
const { status } = spawnSync(process.execPath, test, { stdio: 'inherit', env: { ...process.env, REGCRED_SEED: seed } });
process.exitCode = status ?? 1;

const records = globSync(join(DIRECTORY, '*.json')).map((file) => JSON.parse(readFileSync(file, 'utf8')) as FaultRecord);
const record = { ...merged(records), ...(status !== 0 && { failed: true }) };
writeFileSync('dist/faults.json', `${JSON.stringify(record, null, 2)}\n`);
console.log(table(record));
