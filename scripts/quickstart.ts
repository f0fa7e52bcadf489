/** `npm run quickstart`: the main job from beginning to end, on a cluster of its own or on one that is there. */
import { existsSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { Command } from 'commander';
import { AssetsError } from '../test/support/gobuild.ts';
import { leads, type OperatorProcess, operatorKubeconfig, startOperator } from '../test/support/operator.ts';
import { Eyes } from './quickstart/eyes.ts';
import { Screen } from './quickstart/screen.ts';
import { embeddedStage, existingStage, install, type Stage } from './quickstart/stage.ts';
import { play, type Source } from './quickstart/story.ts';

interface Options {
  readonly keep?: true;
  readonly kubeconfig?: string;
  readonly dockerConfig?: string;
  readonly server?: string;
}

/** What `docker login ghcr.io` leaves in ~/.docker/config.json where no credential store is set up. */
const SAMPLE = { auths: { 'ghcr.io': { auth: Buffer.from('octocat:sample-password').toString('base64') } } };

const options = new Command('npm run quickstart --')
  .description('Shows what regcred does, on a control plane of its own (API server, etcd and controllers; no Docker needed).')
  .option('--keep', 'leave everything running, to try kubectl on it')
  .option('--kubeconfig <file>', 'use an existing cluster (kind, minikube) in place of the embedded one, and clean up afterwards')
  .option('--docker-config <file>', 'a docker config to take the credentials from, for example ~/.docker/config.json (default: a sample)')
  .option('--server <host>', 'of that docker config only the entry for this registry, for example ghcr.io (default: all entries)')
  .parse()
  .opts<Options>();
if (options.kubeconfig !== undefined && !existsSync(options.kubeconfig)) fail(`--kubeconfig: there is no file ${options.kubeconfig}.`);
const source = sourceOf(options);
const screen = new Screen();
const interrupted = new Promise<void>((resolve) => {
  // Not once: where nobody listens any more, the control plane's own handler ends the process before anything is cleaned up.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
});

try {
  process.exitCode = await main();
} catch (error) {
  screen.line();
  screen.failed(`The quickstart failed: ${said(error)}`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const began = performance.now();
  screen.heading('1. A cluster, and the operator in it');
  const stage = await makeStage();
  let operator: OperatorProcess | undefined;
  const eyes = new Eyes(stage.api);
  try {
    const policy = stage.hasPodPolicy ? ', and the policy for new pods' : '';
    await step(`The API (CustomResourceDefinition) and the operator’s rights (RBAC) are installed${policy}`, () => install(stage));
    const kubeconfig = await operatorKubeconfig(stage.kubeconfig, stage.system, stage.scratch);
    operator = startOperator({ kubeconfig, env: { REGCRED_NAMESPACE: stage.system, REGCRED_LOG_FORMAT: 'text' } });
    await step(`The operator runs under its own ServiceAccount, ${stage.system}/regcred`, () => leads(operator as OperatorProcess));

    const story = play({ stage, eyes, screen, source, keep: options.keep ?? false });
    const outcome = await Promise.race([story.then(() => 'held' as const), interrupted.then(() => 'interrupted' as const)]);
    if (outcome === 'interrupted') {
      screen.failed('Interrupted.');
      return 130;
    }
    screen.heading(`Everything held, in ${((performance.now() - began) / 1000).toFixed(1)} s.`);
    if (options.keep) await stay(stage);
    else screen.line('  Next: the README shows how to install it on a cluster of yours. To try kubectl here: npm run quickstart -- --keep');
    return 0;
  } catch (error) {
    screen.failed(said(error));
    screen.line('  What the operator logged last:');
    screen.quote((operator?.log() ?? '').trimEnd().split('\n').slice(-10).join('\n'));
    return 1;
  } finally {
    eyes.close();
    await operator?.stop();
    if (options.kubeconfig) screen.progress('Cleaning up …');
    await stage.leave();
    if (options.kubeconfig) screen.done('The cluster is as it was before');
  }
}

async function makeStage(): Promise<Stage> {
  const since = performance.now();
  const { kubeconfig } = options;
  const stage = kubeconfig === undefined ? await embeddedStage((line) => screen.progress(line)) : await existingStage(kubeconfig);
  const { gitVersion } = await stage.api.call<{ gitVersion: string }>('GET', '/version');
  screen.done(
    kubeconfig === undefined
      ? `An API server, etcd and controllers run, Kubernetes ${gitVersion}`
      : `The cluster answers, Kubernetes ${gitVersion}`,
    performance.now() - since,
  );
  return stage;
}

async function step(what: string, does: () => Promise<unknown>): Promise<void> {
  const since = performance.now();
  await does();
  screen.done(what, performance.now() - since);
}

async function stay({ kubeconfig, kubectl }: Stage): Promise<void> {
  const command = kubectl === 'kubectl' ? 'kubectl' : '$KUBECTL';
  screen.line(`  It stays up until you press Ctrl-C (or: kill -INT ${process.pid}). In another terminal:`);
  screen.line();
  if (command !== 'kubectl') screen.line(`    export KUBECTL=${kubectl}`);
  screen.line(`    export KUBECONFIG=${kubeconfig}`);
  screen.line(`    ${command} get regcred -o wide`);
  screen.line(`    ${command} describe regcred`);
  screen.line(`    ${command} create namespace team-mine && ${command} get secrets,serviceaccounts -n team-mine -o wide`);
  await interrupted;
  screen.line();
}

function sourceOf({ dockerConfig, server }: Options): Source {
  if (dockerConfig === undefined) {
    if (server !== undefined) fail('--server names an entry of a docker config: give one with --docker-config FILE.');
    return { text: JSON.stringify(SAMPLE, null, 2), server: 'ghcr.io', origin: 'a sample of what docker login leaves' };
  }
  try {
    return { text: readFileSync(dockerConfig, 'utf8'), server, origin: dockerConfig };
  } catch (error) {
    return fail(
      `--docker-config: ${dockerConfig} cannot be read (${(error as NodeJS.ErrnoException).code}). Name a file such as ~/.docker/config.json.`,
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
