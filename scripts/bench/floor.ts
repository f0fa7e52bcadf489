import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import type { Task } from './writer.ts';

/**
 * What a program could reach that did nothing but write: the same bodies over kept-alive connections, nothing read, nothing
 * decided. A process of its own, as young as the operator that it is compared with.
 */
export class Floor {
  readonly #child: ChildProcess;

  /** With the operator's own kubeconfig, so that the API server has the same to do for both. */
  constructor(kubeconfig: string) {
    this.#child = fork(join(import.meta.dirname, 'writer.ts'), [kubeconfig]);
    const kill = () => void this.#child.kill();
    process.once('exit', kill);
    this.#child.once('exit', () => process.off('exit', kill));
  }

  /** Makes all placements, or rotates all Secrets. */
  async run(task: Task): Promise<void> {
    this.#child.send(task);
    const [answer] = await Promise.race([once(this.#child, 'message'), once(this.#child, 'exit')]);
    if (answer !== 'done') throw new Error(`The bare writer ended with ${answer}.`);
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill();
    await ended;
  }
}
