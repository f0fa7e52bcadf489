import { readFileSync } from 'node:fs';
import { expect } from 'chai';

const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'));

interface Locked {
  readonly dev?: true;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: true;
}

describe('The dependencies', () => {
  const locked = Object.entries(read('package-lock.json').packages as Record<string, Locked>).filter(([name, { dev }]) => name && !dev);

  it('are those that docs/security.md gives a reason for', () => {
    const rows = readFileSync('docs/security.md', 'utf8').matchAll(/^\| `(@?[a-z][\w./-]+)` \| ([^|]+) \|$/gm);
    expect(Array.from(rows, ([, name]) => name)).to.have.members(Object.keys(read('package.json').dependencies));
  });

  it('are pinned with what they need, by hash, and none of them from an address of its own', () => {
    expect(locked.length).to.be.above(6);
    for (const [name, { integrity, resolved }] of locked) {
      expect(integrity, name).to.match(/^sha512-/);
      expect(resolved ?? 'https://registry.npmjs.org/', name).to.match(/^https:\/\/registry\.npmjs\.org\//);
    }
  });

  it('run nothing when they are installed', () =>
    expect(locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([name]) => name)).to.deep.equal([]));
});
