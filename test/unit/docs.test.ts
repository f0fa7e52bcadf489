import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { anchorsOf } from '../support/markdown.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const PAGES = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT });

/** Where a page points to within the repository: a file, and an anchor in it. */
const linksOf = (page: string) =>
  Array.from(read(page).matchAll(/\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)/g), ([link, path = '', anchor]) => ({
    link,
    file: path === '' ? page : relative(ROOT, resolve(ROOT, dirname(page), path)),
    anchor,
  }));

describe('The documentation', () => {
  for (const page of PAGES) {
    it(`has no dead link in ${page}`, () => {
      for (const { link, file, anchor } of linksOf(page)) {
        expect(existsSync(join(ROOT, file)), `${link} leads to ${file}`).to.equal(true);
        if (anchor !== undefined && file.endsWith('.md')) expect(anchorsOf(read(file)), link).to.include(anchor);
      }
    });
  }

  it('has no page that its index leaves out', () => {
    const index = [...linksOf('docs/README.md'), ...linksOf('docs/coming-from/README.md')].map(({ file }) => file);
    expect(index).to.include.members(PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md'));
  });
});
