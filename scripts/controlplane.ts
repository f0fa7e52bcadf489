/** `npm run --silent controlplane`: builds the control plane if it is not built yet, and prints its directory. All other output goes to standard error. */
import { assetsDirectory } from '../test/support/assets.ts';
import { buildOrExit } from '../test/support/gobuild.ts';

console.log(await buildOrExit(() => assetsDirectory((line) => console.error(line))));
