/** `npm run --silent controlplane`: builds the control plane if need be, and prints its directory, all else to standard error. */
import { assetsDirectory } from '../test/support/assets.ts';
import { AssetsError } from '../test/support/gobuild.ts';

try {
  console.log(await assetsDirectory((line) => console.error(line)));
} catch (error) {
  if (!(error instanceof AssetsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
