/** A replica whose wall clock can jump. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The environment of such a replica. `offsetFile`: for `jump`. */
export const jumpingClock = (offsetFile: string): NodeJS.ProcessEnv => ({
  NODE_OPTIONS: `--import=${pathToFileURL(resolve(import.meta.dirname, '../support/clock.ts'))}`,
  TEST_CLOCK_OFFSET: offsetFile,
});

/** Sets the offset that each replica takes at its next SIGUSR2. */
export const writeOffset = (offsetFile: string, ms: number) => writeFileSync(offsetFile, String(ms));
