import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Cluster, type Context, KubeConfig, type User } from '@kubernetes/client-node';
import { KubeClient } from '../../src/kube/client.ts';
import { isNotFound } from '../../src/kube/errors.ts';
import { keepOutput } from './canary.ts';
import { type ControlPlane, ended, kubectl } from './controlplane.ts';
import { eventually } from './eventually.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** A running `regcred controller`: the built program as a child process. */
export interface OperatorProcess {
  readonly pid: number;
  /** The log so far. */
  log(): string;
  /** The URL of /healthz, /readyz and /metrics. */
  url(): Promise<string>;
  /** Sends a signal to the process, without waiting. */
  signal(name: NodeJS.Signals): void;
  /** Stops the process, and returns its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves with the exit code when the process ends. */
  readonly exit: Promise<number | null>;
}

/** Installs the API and the operator's rights as shipped. The Deployment gets no running pods, because there are no nodes. */
export async function install(cluster: ControlPlane): Promise<void> {
  await kubectl(cluster, 'apply', '-k', ROOT);
  await kubectl(
    cluster,
    'wait',
    '--for=condition=Established',
    'crd/registrycredentials.regcred.dev',
    'crd/namespacedregistrycredentials.regcred.dev',
    '--timeout=90s',
  );
}

/** Writes a kubeconfig of the operator's own ServiceAccount, with only the shipped rights. */
export async function operatorKubeconfig(adminKubeconfig: string, namespace: string, directory: string): Promise<string> {
  const admin = new KubeConfig();
  admin.loadFromFile(adminKubeconfig);
  const api = new KubeClient(() => admin);
  const token = await operatorToken(api, namespace);
  await api.close();
  const file = join(directory, 'operator.kubeconfig');
  writeKubeconfig(file, admin.getCurrentCluster() as Cluster, { token }, namespace);
  return file;
}

/** Creates a token of the operator's own ServiceAccount. If it is bound to a Secret, it becomes invalid when that Secret is deleted. */
export async function operatorToken(api: KubeClient, namespace: string, boundTo?: { name: string; uid: string }): Promise<string> {
  const boundObjectRef = boundTo && { apiVersion: 'v1', kind: 'Secret', ...boundTo };
  const spec = { expirationSeconds: 12 * 3600, ...(boundObjectRef && { boundObjectRef }) };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const { status } = await eventually('the API server creates a token', () =>
    api.call<{ status: { token: string } }>('POST', `/api/v1/namespaces/${namespace}/serviceaccounts/regcred/token`, { body }),
  );
  return status.token;
}

/** Writes a kubeconfig for one user of one cluster. */
export function writeKubeconfig(file: string, cluster: Cluster, user: Omit<User, 'name'>, namespace: string): void {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(cluster, { name: 'regcred', ...user });
  config.contexts[0] = { ...(config.contexts[0] as Context), namespace };
  writeFileSync(file, config.exportConfig(), { mode: 0o600 });
}

/**
 * Starts the program without waiting for it. Writes its log to a file of the control plane, too. `command` replaces the default: this
 * Node.js with the built program.
 */
export function startOperator(options: {
  command?: readonly [string, ...string[]];
  kubeconfig: string;
  env?: NodeJS.ProcessEnv;
  args?: string[];
  logFile?: string;
}): OperatorProcess {
  const [program, ...before] = options.command ?? [process.execPath, join(ROOT, 'dist/main.js')];
  const child: ChildProcess = spawn(program, [...before, 'controller', ...(options.args ?? [])], {
    env: {
      PATH: process.env.PATH,
      KUBECONFIG: options.kubeconfig,
      REGCRED_HTTP_ADDRESS: '127.0.0.1:0',
      // No test asks a registry on the network. Those about verification switch it on, for registries on this machine.
      REGCRED_VERIFICATION: 'off',
      REGCRED_LOG_FORMAT: 'json',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  const file = options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: 'a' });
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk;
      keepOutput('log', child.pid, chunk);
      file?.write(chunk);
    });
  }
  const kill = () => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve)).finally(() => process.off('exit', kill));
  const url = () => {
    const [, address] = /"address":"([^"]+)"/.exec(log) ?? [];
    return address === undefined ? undefined : `http://${address}`;
  };
  return {
    pid: child.pid as number,
    exit,
    log: () => log,
    url: () =>
      eventually('the operator serves HTTP', () => {
        const at = url();
        if (!at) throw new Error(log);
        return at;
      }),
    signal: (name) => void child.kill(name),
    stop: async (signal) => {
      const metrics = child.exitCode === null && url() ? fetch(`${url()}/metrics`, { signal: AbortSignal.timeout(1000) }) : undefined;
      keepOutput('metrics', child.pid, (await metrics?.then((response) => response.text()).catch(() => '')) ?? '');
      return ended(child, signal);
    },
  };
}

/** Marks the Lease as released. Otherwise the next leader waits 12 seconds for the Lease of a killed one to expire. */
export async function expireLease(api: KubeClient, namespace: string): Promise<void> {
  const lease = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/regcred`;
  await api.call('PATCH', lease, { body: { spec: { holderIdentity: '' } } }).catch((error: unknown) => {
    if (!isNotFound(error)) throw error;
  });
}

export const leads = (operator: OperatorProcess, deadlineMs?: number) =>
  eventually(
    'the operator leads',
    () => {
      if (!operator.log().includes('This replica leads.')) throw new Error(operator.log());
    },
    deadlineMs,
  );
