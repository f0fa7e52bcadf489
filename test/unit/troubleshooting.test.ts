import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { REASON } from '../../src/api/reasons.ts';
import { anchorsOf } from '../support/markdown.ts';

const text = readFileSync('docs/troubleshooting.md', 'utf8');

describe('docs/troubleshooting.md', () => {
  const entries = new Map(
    text.split('\n').flatMap((line) => {
      const [, reason, ...cells] = /^\| `([A-Z]\w+)` \| (.+) \| (.+) \| (.+) \|$/.exec(line) ?? [];
      return reason === undefined ? [] : [[reason, cells] as const];
    }),
  );
  for (const reason of Object.values(REASON)) {
    it(`says of ${reason} what it means, how to look and how to mend it`, () => {
      const cells = entries.get(reason);
      expect(cells).to.have.lengthOf(3);
      for (const cell of cells ?? []) expect(cell.trim()).to.not.equal('');
    });
  }

  it('has no entry for a reason that nobody gives', () => expect(Object.values(REASON)).to.include.members([...entries.keys()]));

  const documents = ['troubleshooting', 'operations', 'security', 'architecture', 'cli', 'gitops', 'release', 'pods'];
  for (const document of documents) {
    it(`is linked with the headings that there are: ${document}.md`, () => {
      const links = readFileSync(`docs/${document}.md`, 'utf8').matchAll(/\]\((?:(\w+)\.md)?#([^)]+)\)/g);
      for (const [link, other = document, anchor] of links)
        expect(anchorsOf(readFileSync(`docs/${other}.md`, 'utf8')), link).to.include(anchor);
    });
  }
});
