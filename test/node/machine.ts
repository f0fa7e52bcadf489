/** A node: containerd, a kubelet and a scheduler, beside the control plane of the tests. It runs inside of namespaces.sh. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type ControlPlane, ended, kubectl } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import type { ImageContent } from '../support/image.ts';
import { nodeAssets } from './assets.ts';
import { imageOfProgram, writeArchive } from './image.ts';
import { pluginDirectory } from './needs.ts';

/** Addresses that namespaces.sh gives to this machine. */
export const SERVICE_ADDRESS = '10.0.0.1';
export const NODE_ADDRESS = '10.77.0.1';
export const NODE = 'node-1';
const PAUSE = 'pause.example.com/pause:1';
const SOCKET = '/run/containerd/containerd.sock';
/** The kubelet's port for readers without a login. Nothing outside of these namespaces can reach it. */
const READ_PORT = 10255;
/** A kubelet that starts next to everything else takes some time. */
const START_MS = 120_000;

export interface Machine {
  /** The version of containerd. */
  readonly runtime: string;
  /** Makes an image available to pods, without a registry. */
  load(name: string, image: ImageContent): Promise<void>;
  /** The working set of each running container, in bytes, as the kubelet reports it, by `namespace/pod/container`. */
  workingSets(): Promise<Map<string, number>>;
  stop(): Promise<void>;
}

export interface MachineOptions {
  readonly controlPlane: ControlPlane;
  /** A directory on a disk. */
  readonly directory: string;
  /** The cgroup below which every pod runs. */
  readonly cgroup: string;
  /** The host of a registry, and the certificate that the runtime trusts for it. */
  readonly registry: { readonly host: string; readonly ca: string };
  readonly say: (line: string) => void;
}

/** Starts the node, and resolves when pods can be scheduled to it. */
export async function startMachine({ controlPlane, directory, cgroup, registry, say }: MachineOptions): Promise<Machine> {
  const { kubelet, scheduler, pause } = await nodeAssets(say);
  const started: ChildProcess[] = [];
  const start = (name: string, command: string, args: string[]) => {
    const log = openSync(join(directory, `${name}.log`), 'a');
    const child = spawn(command, args, { stdio: ['ignore', log, log] });
    started.push(child);
    return child;
  };
  const ctr = (...args: string[]) => promisify(execFile)('ctr', ['--address', SOCKET, '--namespace', 'k8s.io', ...args]);
  const load = async (name: string, image: ImageContent) => {
    const archive = join(directory, 'image.tar');
    writeArchive(archive, name, image);
    await ctr('images', 'import', archive);
  };
  const stop = async () => {
    for (const child of started.reverse()) await ended(child);
  };
  /** Does not wait for a program that has ended. */
  const until = async (what: string, probe: () => Promise<unknown>) => {
    const hasEnded = () => started.some(({ exitCode }) => exitCode !== null);
    await eventually(what, () => hasEnded() || probe(), START_MS);
    if (hasEnded()) throw new Error('A program has ended.');
  };

  try {
    start('containerd', 'containerd', ['--config', writeRuntimeConfig(directory, registry)]);
    await until('containerd answers', () => ctr('version'));
    const { stdout } = await promisify(execFile)('containerd', ['--version']);
    await load(PAUSE, imageOfProgram(pause));

    const { kubeconfig } = controlPlane;
    const config = writeKubeletConfig(directory, cgroup, join(dirname(kubeconfig), 'certs', 'ca.crt'));
    start('kubelet', kubelet, ['--config', config, '--kubeconfig', kubeconfig, '--hostname-override', NODE, '--node-ip', NODE_ADDRESS]);
    start('scheduler', scheduler, ['--kubeconfig', kubeconfig, '--leader-elect=false', '--secure-port=0']);
    await until('the node is ready', () => kubectl(controlPlane, 'wait', '--for=condition=Ready', `node/${NODE}`, '--timeout=1s'));
    return { runtime: /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? stdout.trim(), load, workingSets, stop };
  } catch (error) {
    await stop();
    throw new Error(`The node does not start.\n${lastWords(directory)}`, { cause: error });
  }
}

function lastWords(directory: string): string {
  return ['containerd', 'kubelet', 'scheduler']
    .map((name) => {
      try {
        return `${name}: ${readFileSync(join(directory, `${name}.log`), 'utf8').slice(-1500)}`;
      } catch {
        return `${name}: was not started`;
      }
    })
    .join('\n');
}

function writeRuntimeConfig(directory: string, registry: MachineOptions['registry']): string {
  const networks = join(directory, 'networks');
  const registries = join(directory, 'registries');
  const hosts = join(registries, registry.host);
  for (const path of [networks, hosts]) mkdirSync(path, { recursive: true });
  writeFileSync(join(hosts, 'ca.crt'), registry.ca);
  writeFileSync(
    join(hosts, 'hosts.toml'),
    `server = "https://${registry.host}"\n[host."https://${registry.host}"]\n  ca = "${join(hosts, 'ca.crt')}"\n`,
  );
  const ipam = {
    type: 'host-local',
    dataDir: join(directory, 'addresses'),
    ranges: [[{ subnet: '10.88.0.0/16' }]],
    routes: [{ dst: '0.0.0.0/0' }],
  };
  const plugins = [{ type: 'bridge', bridge: 'pods0', isGateway: true, ipam }];
  writeFileSync(join(networks, '10-pods.conflist'), JSON.stringify({ cniVersion: '1.0.0', name: 'pods', plugins }));
  const file = join(directory, 'containerd.toml');
  writeFileSync(
    file,
    `version = 2
root = "${join(directory, 'containerd')}"
state = "/run/containerd"
[grpc]
  address = "${SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  # A root without CAP_SYS_RESOURCE may not lower the score of a process.
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${pluginDirectory()}"
  conf_dir = "${networks}"
[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = "${registries}"
`,
  );
  return file;
}

function writeKubeletConfig(directory: string, cgroup: string, clientCA: string): string {
  copyFileSync(clientCA, join(directory, 'client-ca.crt'));
  const resolvConf = join(directory, 'resolv.conf');
  writeFileSync(resolvConf, 'nameserver 127.0.0.1\n');
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${SOCKET}`,
    // `kubectl logs` and the like: nothing outside of these namespaces can connect.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false }, x509: { clientCAFile: join(directory, 'client-ca.crt') } },
    authorization: { mode: 'AlwaysAllow' },
    readOnlyPort: READ_PORT,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${cgroup}`,
    enforceNodeAllocatable: ['none'],
    // A machine with the first version of cgroups is good enough for this.
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    resolvConf,
    // The disk of this machine may be fuller than a kubelet likes.
    evictionHard: { 'memory.available': '1Mi', 'nodefs.available': '0%', 'imagefs.available': '0%', 'nodefs.inodesFree': '0%' },
    imageGCHighThresholdPercent: 100,
  };
  const file = join(directory, 'kubelet.json');
  writeFileSync(file, JSON.stringify(config));
  return file;
}

interface Summary {
  readonly pods?: readonly {
    readonly podRef: { readonly namespace: string; readonly name: string };
    readonly containers?: readonly { readonly name: string; readonly memory?: { readonly workingSetBytes?: number } }[];
  }[];
}

async function workingSets(): Promise<Map<string, number>> {
  const answer = await fetch(`http://127.0.0.1:${READ_PORT}/stats/summary`);
  if (!answer.ok) throw new Error(`The kubelet answers ${answer.status}: ${await answer.text()}`);
  const { pods = [] } = (await answer.json()) as Summary;
  return new Map(
    pods.flatMap(({ podRef: { namespace, name }, containers = [] }) =>
      containers.map((one): [string, number] => [`${namespace}/${name}/${one.name}`, one.memory?.workingSetBytes ?? 0]),
    ),
  );
}
