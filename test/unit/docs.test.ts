import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { anchorsOf } from '../support/markdown.ts';
import { blocksOf } from '../support/page.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const PAGES = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT });

/** The links of a page to files in the repository: the file, and the anchor in it. */
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

  it('has only blocks that test/cluster/docs*.test.ts run, that are marked with the reason why not, or that are to be read', () => {
    for (const page of PAGES) {
      for (const { language, line, mark } of blocksOf(read(page))) {
        const where = `${page}, line ${line}`;
        expect(language, `${where}: name the language of the block; text is for what nobody runs`).to.be.oneOf([
          'sh',
          'console',
          'yaml',
          'text',
          'json',
          'mermaid',
        ]);
        if (mark === undefined || mark === 'with Helm') continue;
        expect(mark, `${where}: the comment before a block says why it is not run`).to.match(/^not run: .{10,}/);
        for (const [file] of mark.matchAll(/test\/[\w/-]+\.test\.ts/g))
          expect(existsSync(join(ROOT, file)), `${where}: ${file}`).to.equal(true);
      }
    }
  });

  it('lists every page in its index', () => {
    const index = [...linksOf('docs/README.md'), ...linksOf('docs/coming-from/README.md')].map(({ file }) => file);
    expect(index).to.include.members(PAGES.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md'));
  });

  it('names the test of each threat that a tenant is, and no other', () => {
    const [, table = ''] = /### A tenant who brings credentials\n(.*?)\n#/s.exec(read('docs/security.md')) ?? [];
    const named = Array.from(table.matchAll(/^\|.*\| (.+?) \|$/gm), ([, test = '']) => test);
    expect(named[0]).to.equal('test: a tenant with edit in one namespace');
    const titles = Array.from(
      read('test/cluster/tenant-threats.test.ts').matchAll(/^ {2}it\((['"])(.+?)\1,/gm),
      ([, , title = '']) => title,
    );
    expect(named.slice(2)).to.have.members(titles);
  });
});
