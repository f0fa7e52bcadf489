import { theWorldIfOpen } from './world.ts';

/** The suite ends with its table, whether it went well or not. */
export const mochaHooks = {
  async beforeEach(this: Mocha.Context): Promise<void> {
    (await theWorldIfOpen())?.beginWith(this.currentTest?.fullTitle() ?? '');
  },
  async afterEach(this: Mocha.Context): Promise<void> {
    const world = await theWorldIfOpen();
    if (!world) return;
    if (this.currentTest?.state === 'failed') failed = true;
    await world.clear();
  },
  async afterAll(this: Mocha.Context): Promise<void> {
    this.timeout(120_000);
    const world = await theWorldIfOpen();
    if (!world) return;
    console.error(world.chronicle.close(failed));
    await world.stop();
  },
};

let failed = false;
