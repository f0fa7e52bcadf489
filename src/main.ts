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
import { withDryRunValue } from './cli/cleanup/dry-run.ts';
import { CommandError, type CommandIo, type CommandResult } from './cli/command-io.ts';
import { commands } from './cli/commands.ts';
import { complete } from './cli/completion.ts';
import { EXIT } from './cli/exit-codes.ts';
import { ProgressLine } from './cli/terminal/progress-line.ts';
import { ConfigError, type ControllerConfig, controllerConfig, SETTINGS, type SettingName } from './config.ts';
import { kubeconfigLoader, NoKubeconfigError } from './kube/kubeconfig.ts';
import { makeLog } from './log.ts';
import { followLevelFile } from './log-level-file.ts';
import { type RegistrySurroundings, registrySurroundings } from './operator/ask-registries.ts';
import { RegistryCredentialOperator } from './operator/operator.ts';

// Without a listener, SIGUSR1 makes Node.js open its debugger on 127.0.0.1:9229, and this process holds credentials. The image also
// has --disable-sigusr1, which works from the first moment: https://nodejs.org/api/cli.html#--disable-sigusr1
process.on('SIGUSR1', () => {});

// kubectl calls the program by another name as a plugin, and by a third name for completion.
const [, path = '', ...words] = process.argv;
const calledBy = basename(path).startsWith('kubectl-') ? 'kubectl regcred' : 'regcred';
const isCompleting = basename(path).startsWith('kubectl_complete-');

const program = new Command(calledBy)
  .description(packageJson.description)
  .version(packageJson.version)
  .showHelpAfterError('See --help.')
  .exitOverride();

const controller = program
  .command('controller')
  .description('run the operator')
  .action((flags: Partial<Record<SettingName, string>>) => run(flags));
for (const { flag, value, env, fallback, help } of Object.values(SETTINGS)) {
  controller.option(`${flag} <${value}>`, `${help}${fallback === undefined ? '' : ` (default: ${fallback})`} [${env}]`);
}

// The reader of a pipe may close it. The command still finishes its work.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

const progress = new ProgressLine({
  write: (text) => void process.stderr.write(text),
  isTerminal: process.stderr.isTTY ?? false,
  width: process.stderr.columns || 80,
  now: () => performance.now(),
});
const io: CommandIo = {
  env: process.env,
  home: home(),
  program: calledBy,
  version: packageJson.version,
  isTerminal: process.stdout.isTTY ?? false,
  input: async () => (process.stdin.isTTY ? undefined : buffer(process.stdin)),
  now: () => new Date(),
  print: (line) => write(process.stdout, `${line}\n`),
  say: (line) => write(process.stderr, `${line}\n`),
  progress: (line) => progress.show(line),
};
for (const command of commands(io, finish)) program.addCommand(command);

/** Writes after the progress line, if there is one. */
function write(stream: NodeJS.WriteStream, text: string): void {
  progress.clear();
  stream.write(text);
}

/** Prints the answer of a command and sets the exit code. */
async function finish(answer: Promise<CommandResult>): Promise<void> {
  try {
    const { output, notes, exitCode } = await answer;
    write(process.stdout, output);
    for (const note of notes) write(process.stderr, `${note}\n`);
    process.exitCode = exitCode;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    write(process.stderr, `${error.message}\n`);
    process.exitCode = EXIT.failed;
  }
}

/** V8 flags that keep the memory peak low, at no measurable cost in time (docs/performance.md). */
const SMALL_HEAP = [
  // Keep the young generation small. V8 would grow it to 32 MiB during a fan-out and never shrink it.
  '--semi-space-growth-factor=1',
  // Collect the old generation when it has doubled, not when it is four times as large.
  '--heap-growing-percent=100',
  // undici parses HTTP with WebAssembly. A second compilation of it takes 20 MiB for a moment and gains nothing here.
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
  const log = makeLog(config.logLevel, config.logFormat);
  if (config.logLevelFile !== undefined) followLevelFile(log, config.logLevel, config.logLevelFile);

  const surroundings = surroundingsWith(config.registries.caFile);
  let operator: RegistryCredentialOperator;
  try {
    const identity = { name: `${hostname()}_${randomUUID()}`, version: packageJson.version, podNamespace: podNamespace() };
    const load = await kubeconfigLoader({ file: config.kubeconfig, env: process.env, home: home() });
    operator = new RegistryCredentialOperator(config, log, identity, load, surroundings);
  } catch (error) {
    if (error instanceof NoKubeconfigError)
      return fail(
        'There is no kubeconfig, and this is not a pod in a cluster. Check the kubeconfig (KUBECONFIG or --kubeconfig), and that the API server runs.',
      );
    // The first line only: a YAML parser quotes the text in the next lines, and a kubeconfig contains secrets.
    return fail(`The kubeconfig is not usable: ${firstLine(error)}. Set KUBECONFIG or --kubeconfig to a valid one.`);
  }
  const stop = new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve(signal));
  });
  log.info('Starting.', { version: packageJson.version });
  try {
    await Promise.race([operator.start(), stop]);
  } catch (error) {
    return fail(firstLine(error));
  }
  const signal = await stop;
  log.info('Stopping: finishing the writes under way, then releasing the Lease.', { signal });
  await operator.stop();
  log.info('Stopped.');
  process.exitCode = 0;
}

/** A user without an entry in the user database, as in a container, has no home directory. */
function home(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

/** Ends the process if the file cannot be used. */
function surroundingsWith(caFile: string | undefined): RegistrySurroundings {
  try {
    return registrySurroundings(process.env, caFile === undefined ? undefined : readFileSync(caFile, 'utf8'));
  } catch (error) {
    fail(`--registry-ca-file: ${caFile} is not usable: ${firstLine(error)}. Name a file with certificates in PEM.`);
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
  if (isCompleting || words[0] === '__complete') await finish(complete(program, isCompleting ? words : words.slice(1), io));
  else await program.parseAsync(withDryRunValue(words), { from: 'user' });
} catch (error) {
  // Wrong usage of a command; commander has printed what is wrong. Exit code 1 is for what a command found.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.failed;
}
