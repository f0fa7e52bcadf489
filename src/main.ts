/** The program: arguments, signals and exit codes. The only reader of `process`. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { basename } from 'node:path';
import process from 'node:process';
import { buffer } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { commands } from './cli/commands.ts';
import { complete } from './cli/completion.ts';
import { type Answer, Unusable, type World } from './cli/world.ts';
import { ConfigError, type ControllerConfig, controllerConfig, SETTINGS, type SettingName } from './config.ts';
import { makeLog } from './log.ts';
import { RegistryCredentialOperator } from './operator.ts';

// As a plugin of kubectl's it goes by another name, and by a third where kubectl asks it what a word may become.
const [, path = '', ...words] = process.argv;
const calledBy = basename(path).startsWith('kubectl-') ? 'kubectl regcred' : 'regcred';
const isCompleting = basename(path).startsWith('kubectl_complete-');

const program = new Command(calledBy)
  .description(packageJson.description)
  .version(packageJson.version)
  .showHelpAfterError('Run with --help to see what there is.');

const controller = program
  .command('controller')
  .description('run the operator')
  .action((flags: Partial<Record<SettingName, string>>) => run(flags));
for (const { flag, value, env, fallback, help } of Object.values(SETTINGS)) {
  controller.option(`${flag} <${value}>`, `${help}${fallback === undefined ? '' : ` (default: ${fallback})`} [${env}]`);
}

// Who reads what is printed may go: what was begun is still ended.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const world: World = {
  env: process.env,
  home: home(),
  program: calledBy,
  input: async () => (process.stdin.isTTY ? undefined : buffer(process.stdin)),
  now: () => new Date(),
  print: (line) => void process.stdout.write(`${line}\n`),
  say: (line) => void process.stderr.write(`${line}\n`),
};
for (const command of commands(world, answer)) program.addCommand(command);

/** Ends a command that a person runs. */
async function answer(answered: Promise<Answer>): Promise<void> {
  try {
    const { output, notes, exitCode } = await answered;
    process.stdout.write(output);
    for (const note of notes) process.stderr.write(`${note}\n`);
    process.exitCode = exitCode;
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  }
}

/** Flags of V8 that keep the peak of memory low, at no cost in time that could be measured (docs/performance.md). */
const SMALL_HEAP = [
  // The young generation stays as it begins: it would grow to 32 MiB in every fan-out, and never shrink again.
  '--semi-space-growth-factor=1',
  // The old generation is collected when it has doubled, and not when it is four times as large.
  '--heap-growing-percent=100',
  // undici parses by WebAssembly. To compile that a second time takes 20 MiB for a moment, and gains nothing here.
  '--no-wasm-dynamic-tiering',
  '--no-wasm-tier-up',
];

async function run(flags: Partial<Record<SettingName, string>>): Promise<void> {
  let config: ControllerConfig;
  try {
    config = controllerConfig(flags, process.env, process.stderr.isTTY ?? false);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return fail(`The configuration is not usable: ${error.message}.`);
  }
  for (const flag of SMALL_HEAP) setFlagsFromString(flag);
  // client-node reads this itself, here and for the shell.
  if (config.kubeconfig !== undefined) process.env.KUBECONFIG = config.kubeconfig;
  const log = makeLog(config.logLevel, config.logFormat);

  let operator: RegistryCredentialOperator;
  try {
    operator = new RegistryCredentialOperator(config, log, { name: `${hostname()}_${randomUUID()}`, podNamespace: podNamespace() });
  } catch (error) {
    // The first line only: a YAML parser quotes the text below it, and a kubeconfig has secrets in it.
    return fail(`The kubeconfig is not usable: ${firstLine(error)}. Set KUBECONFIG or --kubeconfig to one that is.`);
  }
  const stop = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
  log.info('Starting.', { version: packageJson.version });
  try {
    await Promise.race([operator.start(), stop]);
  } catch (error) {
    return fail(firstLine(error));
  }
  const signal = await stop;
  log.info('Stopping: the writes under way are done first, and the Lease is given back.', { signal });
  await operator.stop();
  log.info('Stopped.');
  process.exitCode = 0;
}

/** A user that is a number only, as in a container, has none. */
function home(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

function podNamespace(): string | undefined {
  try {
    return readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/namespace', 'utf8').trim() || undefined;
  } catch {
    return undefined; // Not in a pod.
  }
}

function firstLine(error: unknown): string {
  return ((error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '').replace(/\.$/, '');
}

function fail(line: string): never {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}

try {
  if (isCompleting || words[0] === '__complete') await answer(complete(program, isCompleting ? words : words.slice(1)));
  else await program.parseAsync();
} catch (error) {
  // Of a command that a person runs; what is wrong has been said. 1 would tell what was found.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
