/**
 * `npm run --silent tools`: builds Helm, Argo CD's Lua and a registry for the tests if they are not built yet, and prints their directory. Installs
 * Chromium if it can. All other output goes to standard error.
 */
import { toolsDirectory } from '../test/support/assets.ts';
import { installChromium } from '../test/support/chromium.ts';
import { buildOrExit } from '../test/support/gobuild.ts';

const say = (line: string) => console.error(line);
installChromium(say);
console.log(await buildOrExit(() => toolsDirectory(say)));
