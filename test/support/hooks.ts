import { Canaries } from './canary.ts';
import { stopTheCluster } from './cluster.ts';
import { observers } from './controlplane.ts';

/** Of this run. What a test plants where no control plane of its own shows it, it plants here. */
export const canaries = new Canaries();

/** One control plane a run: it ends with the run. And a run in which a secret came out has failed. */
export const mochaHooks = {
  beforeAll(): void {
    canaries.begin();
    observers.push((kubeconfig) => canaries.observe(kubeconfig));
  },
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(120_000);
    await stopTheCluster();
    const leaks = canaries.leaks();
    const tooPlain = canaries.tooPlain();
    const { planted, said } = canaries.size;
    canaries.end();
    if (leaks.length > 0) {
      const told = leaks.slice(0, 20).map(({ value, as, where, near }) => `  ${JSON.stringify(value)}, ${as}, in ${where}: …${near}…`);
      throw new Error(`Secret values came out (${leaks.length}):\n${told.join('\n')}`);
    }
    if (tooPlain.length > 0)
      throw new Error(
        `Values that were planted are too short to be looked for; take one like sample-password:\n  ${tooPlain.join('\n  ')}`,
      );
    if (planted > 0) console.log(`  No secret came out: ${planted} planted values were looked for in ${JSON.stringify(said)}.`);
  },
};
