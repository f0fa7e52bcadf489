/** The pages of the documentation, as suites of a reader. Several files share them, so that several processes read at the same time. */
import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { assetsDirectory } from './assets.ts';
import { type Block, blocksOf } from './page.ts';
import { needsPolicies } from './policy-api.ts';
import { Reader } from './reader.ts';

const ROOT = resolve(import.meta.dirname, '../..');
export const readText = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** The pages that take the longest, by the file that reads them. test/cluster/docs.test.ts reads all others. The last page uninstalls regcred. */
export const SHARES = {
  start: ['README.md', 'docs/first-hour.md', 'charts/regcred/README.md'],
  commands: ['docs/cli.md', 'docs/pods.md', 'docs/troubleshooting.md'],
  install: ['docs/install.md'],
} as const;

const ALL = ['README.md', 'CONTRIBUTING.md', 'charts/*/README.md', 'docs/*.md', 'docs/adr/*.md', 'docs/coming-from/README.md'];

/** All pages but those with a test of their own (test/cluster/coming-from.test.ts). */
export function otherPages(): readonly string[] {
  const named: readonly string[] = Object.values(SHARES).flat();
  return globSync(ALL, { cwd: ROOT })
    .filter((page) => !named.includes(page))
    .sort();
}

/** Whether a reader runs it here. test/unit/docs.test.ts checks the marks. */
const isRun = ({ language, mark }: Block) => ['sh', 'console', 'yaml'].includes(language) && (mark === undefined || mark === 'with Helm');

/** A suite with a reader of its own. `more` adds cases that come first. */
export function describeReading(pages: readonly string[], more: (reader: () => Reader) => void = () => {}): void {
  describe('A reader of the documentation', () => {
    let reader: Reader;
    before(async function () {
      // The commands of the pages install it.
      needsPolicies(this, await assetsDirectory((line) => console.error(line)), 'v1');
      reader = await Reader.start();
    });
    after(() => reader?.stop());
    more(() => reader);

    describe('can run every block, in the order of the page:', () => {
      for (const page of pages) {
        const blocks = blocksOf(readText(page)).filter(isRun);
        if (blocks.length === 0) continue;
        it(page, async () => {
          await reader.begin();
          for (const block of blocks) {
            await reader.run(block).catch((cause: unknown) => {
              const how = 'If it cannot run here, write <!-- not run: REASON --> on the line before it (CONTRIBUTING.md)';
              throw new Error(`${page}, line ${block.line}: the block fails for a reader. ${(cause as Error).message}\n${how}`, { cause });
            });
          }
        });
      }
    });
  });
}
