/** `npm run quickstart`: demonstrates regcred from start to end, on its own cluster or on an existing one. */
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { Command, Option } from 'commander';
import { type Clouds, startClouds } from '../test/support/clouds/clouds.ts';
import { AssetsError } from '../test/support/gobuild.ts';
import { leads, type OperatorProcess, operatorKubeconfig, startOperator } from '../test/support/operator.ts';
import { CLOUDS, type CloudName, playCloud } from './quickstart/cloud-story.ts';
import { Eyes } from './quickstart/eyes.ts';
import { Screen } from './quickstart/screen.ts';
import { embeddedStage, existingStage, install, orElse, type Stage } from './quickstart/stage.ts';
import { play } from './quickstart/story.ts';
import type { Source } from './quickstart/telling.ts';

/** What `npm run quickstart` has built. */
const PROGRAM = join(import.meta.dirname, '../dist/main.js');

interface Options {
  readonly keep?: true;
  readonly kubeconfig?: string;
  readonly dockerConfig?: string;
  readonly server?: string;
  readonly cloud?: CloudName;
}

/** What `docker login ghcr.io` writes to ~/.docker/config.json if no credential store is configured. */
const SAMPLE = { auths: { 'ghcr.io': { auth: Buffer.from('octocat:sample-password').toString('base64') } } };

const options = new Command('npm run quickstart --')
  .description('Shows what regcred does, on its own control plane (API server, etcd and controllers; needs no Docker).')
  .option('--keep', 'keep everything running, so that you can try kubectl')
  .option('--kubeconfig <file>', 'use an existing cluster (kind, minikube) instead of the embedded one, and clean up afterwards')
  .option('--docker-config <file>', 'the docker config with the credentials, for example ~/.docker/config.json (default: a sample)')
  .option('--server <host>', 'use only the entry for this registry from the docker config, for example ghcr.io (default: all entries)')
  .addOption(
    new Option('--cloud <cloud>', 'show how a token of a cloud is fetched, placed and refreshed, with a fake of the cloud').choices(CLOUDS),
  )
  .parse()
  .opts<Options>();
if (options.kubeconfig !== undefined && !existsSync(options.kubeconfig))
  fail(`--kubeconfig: the file ${options.kubeconfig} does not exist. Name an existing kubeconfig.`);
if (options.cloud !== undefined && (options.kubeconfig ?? options.dockerConfig ?? options.server) !== undefined)
  fail('--cloud: the fake of a cloud works with the embedded cluster only, and needs no docker config. Leave the other options out.');
const source = sourceOf(options);
const screen = new Screen();
let signals = 0;
const interrupted = new Promise<void>((resolve) => {
  // Use `on`, not `once`: without a listener, the handler of the control plane would end the process before the cleanup.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      // The second one ends a cleanup that hangs.
      if (++signals > 1) process.exit(130);
      resolve();
    });
});

const exitCode = await main().catch((error: unknown) => {
  screen.line();
  screen.failed(`The quickstart failed: ${said(error)}`);
  return 1;
});
// Whatever a step that failed has left open must not keep the command running. All output is written before.
await Promise.all([process.stdout, process.stderr].map((stream) => new Promise<void>((resolve) => stream.write('', () => resolve()))));
process.exit(exitCode);

async function main(): Promise<number> {
  const began = performance.now();
  screen.heading('1. Start a cluster and the operator');
  const stage = await makeStage();
  let operator: OperatorProcess | undefined;
  const clouds = options.cloud && (await orElse(stage.leave, startClouds()));
  const eyes = new Eyes(stage.api);
  try {
    const policy = stage.hasPodPolicy ? ', and the policy for new pods' : '';
    await step(`Installed the CustomResourceDefinition and the operator’s RBAC permissions${policy}`, () => install(stage));
    const kubeconfig = await operatorKubeconfig(stage.kubeconfig, stage.system, stage.scratch);
    const logFile = join(stage.scratch, 'operator.log');
    operator = startOperator({
      kubeconfig,
      logFile,
      env: { REGCRED_NAMESPACE: stage.system, REGCRED_LOG_FORMAT: 'text', ...checks(stage), ...cloudEnv(clouds) },
    });
    await step(`The operator runs with its own ServiceAccount, ${stage.system}/regcred`, () => leads(operator as OperatorProcess));

    const telling = { stage, eyes, screen, source, keep: options.keep ?? false };
    const story = options.cloud && clouds ? playCloud(telling, options.cloud, clouds) : play(telling);
    const outcome = await Promise.race([story.then(() => 'passed' as const), interrupted.then(() => 'interrupted' as const)]);
    if (outcome === 'interrupted') {
      screen.failed('Interrupted.');
      return 130;
    }
    screen.heading(`All steps passed, in ${((performance.now() - began) / 1000).toFixed(1)} s.`);
    if (options.keep) await stay(stage, logFile);
    else screen.line('  Next: the README shows how to install regcred on your cluster. To try kubectl here: npm run quickstart -- --keep');
    return 0;
  } catch (error) {
    screen.failed(said(error));
    screen.line('  The last log lines of the operator:');
    screen.quote((operator?.log() ?? '').trimEnd().split('\n').slice(-10).join('\n'));
    return 1;
  } finally {
    eyes.close();
    await operator?.stop();
    await clouds?.close();
    if (options.kubeconfig) screen.progress('Cleaning up …');
    await stage.leave();
    if (options.kubeconfig) screen.done('The cluster is as it was before');
  }
}

async function makeStage(): Promise<Stage> {
  const since = performance.now();
  const { kubeconfig } = options;
  const stage = kubeconfig === undefined ? await embeddedStage((line) => screen.progress(line)) : await existingStage(kubeconfig);
  const { gitVersion } = await orElse(stage.leave, stage.api.call<{ gitVersion: string }>('GET', '/version'));
  screen.done(
    kubeconfig === undefined
      ? `Started an API server, etcd and controllers, Kubernetes ${gitVersion}`
      : `Connected to the cluster, Kubernetes ${gitVersion}`,
    performance.now() - since,
  );
  return stage;
}

/** The operator asks the registry of the quickstart, and no other. */
function checks({ registry }: Stage): NodeJS.ProcessEnv {
  return registry ? { REGCRED_VERIFICATION: 'on', REGCRED_INSECURE_REGISTRIES: registry.host } : { REGCRED_VERIFICATION: 'off' };
}

/** The operator asks the fakes by the clouds' real names, through their proxy. */
function cloudEnv(clouds: Clouds | undefined): NodeJS.ProcessEnv {
  return clouds ? { ...clouds.env, NO_PROXY: '127.0.0.1,localhost', REGCRED_VERIFICATION: 'on' } : {};
}

async function step(what: string, does: () => Promise<unknown>): Promise<void> {
  const since = performance.now();
  await does();
  screen.done(what, performance.now() - since);
}

/** Keeps the cluster until Ctrl-C, and says how to use it. The commands of the docs work in the other terminal as they are. */
async function stay({ kubeconfig, kubectl, scratch }: Stage, logFile: string): Promise<void> {
  screen.line(`  The cluster runs until you press Ctrl-C (or: kill -INT ${process.pid}). In another terminal:`);
  screen.line();
  screen.line(`    export PATH=${tools(kubectl, scratch)}:$PATH`);
  screen.line(`    export KUBECONFIG=${kubeconfig}`);
  screen.line('    kubectl get regcred -o wide');
  screen.line('    kubectl describe regcred');
  screen.line('    kubectl regcred status');
  screen.line('    kubectl regcred web --open    # everything on one page in your browser');
  screen.line('    kubectl create namespace team-mine && kubectl get secrets,serviceaccounts -n team-mine -o wide');
  screen.line();
  screen.line(`  The operator’s log: ${logFile}`);
  screen.line('  The operator runs as a process here and not as a pod: where docs/troubleshooting.md has kubectl logs, read this file.');
  await interrupted;
  screen.line();
}

/** A directory for the PATH: kubectl, if it is not the user's own, and the plugin, run by this Node.js. */
function tools(kubectl: string, scratch: string): string {
  const directory = join(scratch, 'bin');
  mkdirSync(directory);
  if (kubectl !== 'kubectl') symlinkSync(kubectl, join(directory, 'kubectl'));
  writeFileSync(join(directory, 'kubectl-regcred'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, { mode: 0o755 });
  return directory;
}

function sourceOf({ dockerConfig, server }: Options): Source {
  if (dockerConfig === undefined) {
    if (server !== undefined) fail('--server: it selects an entry of a docker config, but none is given. Add --docker-config FILE.');
    return { text: JSON.stringify(SAMPLE, null, 2), server: 'ghcr.io', origin: 'a sample docker config' };
  }
  try {
    return { text: readFileSync(dockerConfig, 'utf8'), server, origin: dockerConfig };
  } catch (error) {
    return fail(
      `--docker-config: cannot read ${dockerConfig} (${(error as NodeJS.ErrnoException).code}). Name a file such as ~/.docker/config.json.`,
    );
  }
}

function said(error: unknown): string {
  if (error instanceof AssetsError) return error.message;
  const { message, cause } = error as Error;
  return cause instanceof Error && !message.includes(cause.message) ? `${message}: ${cause.message}` : message;
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
