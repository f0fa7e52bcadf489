import { Canaries } from './canary.ts';
import { stopTheCluster } from './cluster.ts';
import { observers } from './controlplane.ts';

/** The canaries of this run. If no control plane of the tests has a secret value, the test registers it here. */
export const canaries = new Canaries();

/** The control plane ends with the run. The run fails if a secret value leaked. */
export const mochaHooks = {
  beforeAll(): void {
    canaries.begin();
    observers.push((kubeconfig) => canaries.observe(kubeconfig));
  },
  async afterAll(): Promise<void> {
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
