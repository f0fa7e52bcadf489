import { stopTheCluster } from './cluster.ts';

/** One control plane a run: it ends with the run. */
export const mochaHooks = {
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(60_000);
    await stopTheCluster();
  },
};
