/** The browser of the page's tests: Chromium, driven by puppeteer-core, without a window. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Context } from 'mocha';
import type { Browser } from 'puppeteer-core';
import { skipBecause } from './skip.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Names another browser. */
const VARIABLE = 'REGCRED_TEST_CHROMIUM';

const FIX = `Install it (Debian: apt-get install chromium), or set ${VARIABLE} to a browser of its kind.`;

/** The path of Chromium, or why there is none and what to do. */
export type Chromium = { readonly path: string } | { readonly missing: string };

export function findChromium(): Chromium {
  const given = process.env[VARIABLE];
  if (given) return existsSync(given) ? { path: given } : { missing: `${VARIABLE} is ${given}, which does not exist. Correct it.` };
  const found = (process.env.PATH ?? '').split(delimiter).flatMap((directory) => NAMES.map((name) => join(directory, name)));
  const path = found.find((candidate) => existsSync(candidate));
  return path ? { path } : { missing: `There is no Chromium on the PATH. ${FIX}` };
}

/** Installs Debian's package if there is no Chromium and this machine allows it. Never fails: without a browser, its tests are skipped and say why. */
export function installChromium(say: (line: string) => void): void {
  const found = findChromium();
  if ('path' in found) return;
  const why = process.getuid?.() !== 0 || spawnSync('apt-get', ['--version']).error ? found.missing : installPackage(say);
  if (why !== undefined) say(`The tests of the page will be skipped: ${why}`);
}

/** Returns why it could not be installed. */
function installPackage(say: (line: string) => void): string | undefined {
  say('Installing Chromium for the tests of the page takes about half a minute, once.');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  for (const args of [
    ['update', '-qq'],
    ['install', '-y', '-qq', '--no-install-recommends', 'chromium'],
  ]) {
    const { status, stderr } = spawnSync('apt-get', args, { encoding: 'utf8', env });
    if (status !== 0) return `apt-get ${args[0]} failed: ${stderr.trim().split('\n').at(-1)}. All other tests run. ${FIX}`;
  }
  return undefined;
}

/** A browser for the tests of a suite; skips the suite if there is none. Call it in `before`. */
export function browserOrSkip(context: Context): Promise<Browser> {
  const chromium = findChromium();
  return 'missing' in chromium ? skipBecause(context, chromium.missing) : startBrowser(chromium.path);
}

/** Starts the browser. It has no access to the network but to this machine: a page that loads something from elsewhere fails. */
export async function startBrowser(path: string): Promise<Browser> {
  const { default: puppeteer } = await import('puppeteer-core');
  return puppeteer.launch({
    executablePath: path,
    // Chromium's sandbox does not work for root. The tests open pages of their own only.
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
    ],
    protocolTimeout: 120_000,
  });
}
