/**
 * `npx node scripts/screenshots.ts` takes the pictures of the page for the docs, of a cluster in memory, and writes them to docs/images. It needs
 * Chromium, as the tests of the page do.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findChromium, startBrowser } from '../test/support/chromium.ts';
import { demoCluster } from '../test/support/page-demo.ts';
import { servedPage } from '../test/support/page-server.ts';
import { PageView, type ViewOptions } from '../test/support/page-view.ts';

const IMAGES = resolve(import.meta.dirname, '../docs/images');
/** A reader of the README should not wait for a picture. */
const MAX_BYTES = 200_000;

interface Shot extends ViewOptions {
  readonly name: string;
  /** The part of the address after #. */
  readonly at?: string;
}

const SHOTS: readonly Shot[] = [
  { name: 'web-light', scheme: 'light', width: 1200, height: 1000 },
  { name: 'web-dark', scheme: 'dark', width: 1200, height: 1000 },
  { name: 'web-namespace', scheme: 'light', width: 1200, height: 720, at: 'namespace/search-prod-eu?q=prod' },
  { name: 'web-phone', scheme: 'dark', width: 400, height: 800 },
];

const chromium = findChromium();
if ('missing' in chromium) {
  console.error(chromium.missing);
  process.exit(1);
}
mkdirSync(IMAGES, { recursive: true });
const browser = await startBrowser(chromium.path);
const served = await servedPage(demoCluster(Date.now()));
try {
  for (const { name, at = '', ...options } of SHOTS) {
    const view = await PageView.open(browser, `${served.url}#${at}`, options);
    await view.shows('.live', /^live$/);
    await view.shows('.needs', /The pod was created before ServiceAccount/);
    if (at) await view.shows('.panel', /What the doctor finds/);
    const path = join(IMAGES, `${name}.png`) as `${string}.png`;
    await view.page.screenshot({ path, optimizeForSpeed: false });
    await view.close();
    const { size } = statSync(path);
    if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MAX_BYTES}. Make the picture smaller.`);
    console.log(`Wrote ${path} (${Math.round(size / 1000)} kB).`);
  }
} finally {
  await served.stop();
  await browser.close();
}
