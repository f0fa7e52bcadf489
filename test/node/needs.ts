/** What `npm run e2e` needs of the machine. It is checked before anything begins. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What each program is for, and the package of Debian and Ubuntu that has it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  unshare: 'util-linux',
  mount: 'mount',
  ip: 'iproute2',
  tar: 'tar',
  ldd: 'libc-bin',
};
const PLUGINS = ['bridge', 'host-local', 'loopback'];
/** Debian's directory, and the usual one. */
const PLUGIN_DIRECTORIES = ['/usr/lib/cni', '/opt/cni/bin'];
const CGROUPS = ['memory', 'cpu', 'cpuset', 'pids'];

/** The directory of the CNI plugins, or undefined. */
export const pluginDirectory = () => PLUGIN_DIRECTORIES.find((directory) => PLUGINS.every((name) => existsSync(`${directory}/${name}`)));

/** What is missing, one sentence for each. */
export function missingNeeds(): string[] {
  if (process.platform !== 'linux') return [`It runs on Linux only, and this is ${process.platform}.`];
  const missing: string[] = [];
  if (process.getuid?.() !== 0)
    missing.push('It needs root: a kubelet mounts, and makes cgroups and network interfaces. Run it with sudo.');
  const packages = new Set(
    Object.entries(PROGRAMS)
      .filter(([program]) => spawnSync('which', [program]).status !== 0)
      .map(([, name]) => name),
  );
  if (pluginDirectory() === undefined) packages.add('containernetworking-plugins');
  if (packages.size > 0)
    missing.push(`It needs these packages of Debian or Ubuntu: apt-get install --no-install-recommends ${[...packages].join(' ')}`);
  const unified = existsSync('/sys/fs/cgroup/cgroup.controllers');
  const lacking = unified ? [] : CGROUPS.filter((name) => !existsSync(`/sys/fs/cgroup/${name}`));
  if (lacking.length > 0) missing.push(`It needs the cgroups ${lacking.join(', ')} under /sys/fs/cgroup.`);
  const unshared = spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', 'true'], { encoding: 'utf8' });
  if (unshared.status !== 0) missing.push(`It needs namespaces of its own, and the kernel refuses: ${unshared.stderr?.trim()}`);
  return missing;
}
