import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import type { Task } from './writer.ts';

/**
 * The floor: the time of a program that only writes. It sends the same bodies over keep-alive connections, and reads and decides
 * nothing. It runs in a new process, like the operator that it is compared with.
 */
export class Floor {
  readonly #child: ChildProcess;

  /** Takes the operator's kubeconfig, so that the API server does the same work for both. */
  constructor(kubeconfig: string) {
    this.#child = fork(join(import.meta.dirname, 'writer.ts'), [kubeconfig]);
    const kill = () => void this.#child.kill();
    process.once('exit', kill);
    this.#child.once('exit', () => process.off('exit', kill));
  }

  /** Creates all Secrets and references, or rotates all Secrets. */
  async run(task: Task): Promise<void> {
    this.#child.send(task);
    // Removes the listeners of the event that did not come.
    const done = new AbortController();
    const event = (name: string) => once(this.#child, name, { signal: done.signal });
    const [answer] = await Promise.race([event('message'), event('exit')]).finally(() => done.abort());
    if (answer !== 'done') throw new Error(`The bare writer ended with ${answer}.`);
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }
}
