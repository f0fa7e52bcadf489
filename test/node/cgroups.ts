/** The cgroups of the pods. They belong to the whole machine, so they have a name of their own and are removed at the end. */
import { existsSync, globSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { eventually } from '../support/eventually.ts';

const TOP = '/sys/fs/cgroup';
/** With version 2 there is one hierarchy. */
const isUnified = () => existsSync(`${TOP}/cgroup.controllers`);

const rootsOf = (name: string) => globSync(isUnified() ? `${TOP}/${name}` : `${TOP}/*/${name}`);

/** Creates a cgroup under this name, in each hierarchy. */
export function makeCgroups(name: string): void {
  if (isUnified()) {
    writeFileSync(`${TOP}/cgroup.subtree_control`, '+cpu +cpuset +memory +pids');
    mkdirSync(`${TOP}/${name}`);
    return;
  }
  for (const hierarchy of globSync(`${TOP}/*/cgroup.procs`)) mkdirSync(hierarchy.replace('cgroup.procs', name));
  // A cgroup without processors or memory nodes takes no process.
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    if (existsSync(`${TOP}/cpuset/${file}`)) writeFileSync(`${TOP}/cpuset/${name}/${file}`, readFileSync(`${TOP}/cpuset/${file}`));
}

/** Removes what makeCgroups created, and all below it. The kernel still ends its processes, so it waits for them. */
export function removeCgroups(name: string): Promise<void> {
  return eventually(`the cgroups ${name} are removed`, () => {
    for (const root of rootsOf(name)) {
      // The deepest first. A cgroup holds files that cannot be deleted, and goes only by itself.
      const all = [root, ...globSync(`${root}/**/`).map((path) => path.replace(/\/$/, ''))];
      for (const path of all.sort((a, b) => b.length - a.length)) rmdirSync(path);
    }
  });
}
