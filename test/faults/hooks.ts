import { theWorldIfOpen } from './world.ts';

/** The suite writes its record at the end, even if a test fails. */
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
    world.chronicle.close(failed);
    await world.stop();
  },
};

let failed = false;
