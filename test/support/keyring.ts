/** Looks up pull secrets with the kubelet's own code: test/controlplane/keyring.go. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { assetsDirectory, KEYRING } from './assets.ts';
import { ended } from './controlplane.ts';

export interface PullSecret {
  readonly type: string;
  /** In base64, as in the API. */
  readonly data: Readonly<Record<string, string>>;
}

/** The credentials that the kubelet finds for one image, as `username:password`, in the order of its attempts; or why it refuses the image name. */
export type Found = readonly string[] | { readonly error: string };

interface Answer {
  readonly error?: string;
  readonly found: readonly { readonly error?: string; readonly credentials: readonly { username: string; password: string }[] }[] | null;
}

/** Why tests that need the keyring are skipped. */
export const NO_KEYRING = 'KUBEBUILDER_ASSETS has no kubelet-keyring, which only our own build of the control plane has.';

export class Keyring {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  /** The callers that wait for an answer, in order. */
  readonly #waiting: PromiseWithResolvers<Answer>[] = [];

  private constructor(program: string) {
    // The program logs every entry that it skips: thousands of lines here.
    this.#child = spawn(program, { stdio: ['pipe', 'pipe', 'ignore'] });
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(JSON.parse(line) as Answer));
    this.#child.once('close', (code) => {
      for (const { reject } of this.#waiting) reject(new Error(`${KEYRING} ended with code ${code}.`));
    });
  }

  /** Returns undefined if KUBEBUILDER_ASSETS is a directory without the program. */
  static async start(say: (line: string) => void): Promise<Keyring | undefined> {
    const program = join(await assetsDirectory(say), KEYRING);
    return existsSync(program) ? new Keyring(program) : undefined;
  }

  /** Returns the credentials for each image; or why the kubelet refuses the Secret, and with it all pulls of the pod. */
  async lookup(secret: PullSecret, images: readonly string[]): Promise<readonly Found[] | { readonly error: string }> {
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.push(waiting);
    this.#child.stdin.write(`${JSON.stringify({ secret, images })}\n`);
    const { error, found } = await waiting.promise;
    if (error !== undefined) return { error };
    return (found ?? []).map((one) => (one.error === undefined ? one.credentials.map(plain) : { error: one.error }));
  }

  async stop(): Promise<void> {
    await ended(this.#child);
  }
}

/** Keeps every byte: a password need not be UTF-8. */
const plain = ({ username, password }: { username: string; password: string }) =>
  `${Buffer.from(username, 'base64').toString('latin1')}:${Buffer.from(password, 'base64').toString('latin1')}`;
