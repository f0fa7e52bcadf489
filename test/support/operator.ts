import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Cluster, type Context, KubeConfig, type User } from '@kubernetes/client-node';
import { Kube } from '../../src/kube/client.ts';
import { keepSaid } from './canary.ts';
import { type ControlPlane, ended, kubectl } from './controlplane.ts';
import { eventually } from './eventually.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** A running `regcred controller`: the built program as a child process. */
export interface OperatorProcess {
  readonly pid: number;
  /** All that it has logged so far. */
  log(): string;
  /** Where it serves /healthz, /readyz and /metrics. */
  url(): Promise<string>;
  /** Sends it a signal, and waits for nothing. */
  signal(name: NodeJS.Signals): void;
  /** Ends it, and returns its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** Resolves with the exit code when it ends by itself. */
  readonly exit: Promise<number | null>;
}

/** Installs the API and the operator's rights as they are shipped; the Deployment stays without pods, there being no nodes. */
export async function install(cluster: ControlPlane): Promise<void> {
  await kubectl(cluster, 'apply', '-k', ROOT);
  await kubectl(cluster, 'wait', '--for=condition=Established', 'crd/registrycredentials.regcred.dev', '--timeout=30s');
}

/** Writes a kubeconfig of the operator's own ServiceAccount, with the rights that are shipped and no others. */
export async function operatorKubeconfig(adminKubeconfig: string, namespace: string, directory: string): Promise<string> {
  const admin = new KubeConfig();
  admin.loadFromFile(adminKubeconfig);
  const api = new Kube(() => admin);
  const token = await operatorToken(api, namespace);
  await api.close();
  const file = join(directory, 'operator.kubeconfig');
  writeKubeconfig(file, admin.getCurrentCluster() as Cluster, { token }, namespace);
  return file;
}

/** A token of the operator's own ServiceAccount. Bound to a Secret, it is no longer accepted once that is deleted. */
export async function operatorToken(api: Kube, namespace: string, boundTo?: { name: string; uid: string }): Promise<string> {
  const boundObjectRef = boundTo && { apiVersion: 'v1', kind: 'Secret', ...boundTo };
  const spec = { expirationSeconds: 12 * 3600, ...(boundObjectRef && { boundObjectRef }) };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const { status } = await eventually('the API server makes a token', () =>
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
 * Starts the program; does not wait for it to do anything. What it logs goes to a file beside the control plane, too. `command` runs it
 * in another way than by this Node.js from where it was built.
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
      keepSaid('log', child.pid, chunk);
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
      keepSaid('metrics', child.pid, (await metrics?.then((response) => response.text()).catch(() => '')) ?? '');
      return ended(child, signal);
    },
  };
}

export const leads = (operator: OperatorProcess, deadlineMs?: number) =>
  eventually(
    'the operator leads',
    () => {
      if (!operator.log().includes('This replica leads.')) throw new Error(operator.log());
    },
    deadlineMs,
  );
