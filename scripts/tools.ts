/** `npm run --silent tools`: builds helm, Argo CD's Lua and a registry for the tests if need be, and prints its directory, all else to standard error. */
import { toolsDirectory } from '../test/support/assets.ts';
import { AssetsError } from '../test/support/gobuild.ts';

try {
  console.log(await toolsDirectory((line) => console.error(line)));
} catch (error) {
  if (!(error instanceof AssetsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
