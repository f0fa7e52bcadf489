import { spawnSync } from 'node:child_process';
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

  it('are those that docs/security.md justifies', () => {
    const rows = readFileSync('docs/security.md', 'utf8').matchAll(/^\| `(@?[a-z][\w./-]+)` \| ([^|]+) \|$/gm);
    expect(Array.from(rows, ([, name]) => name)).to.have.members(Object.keys(read('package.json').dependencies));
  });

  it('are pinned by hash with all their dependencies, and come only from the npm registry', () => {
    expect(locked.length).to.be.above(6);
    for (const [name, { integrity, resolved }] of locked) {
      expect(integrity, name).to.match(/^sha512-/);
      expect(resolved ?? 'https://registry.npmjs.org/', name).to.match(/^https:\/\/registry\.npmjs\.org\//);
    }
  });

  it('are in the SBOM, each with its version and hash', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/sbom.ts'], { encoding: 'utf8' });
    expect(status, stderr).to.equal(0);
    const { bomFormat, metadata, components } = read('dist/sbom.cdx.json');
    expect([bomFormat, metadata.component.name, metadata.component.version]).to.deep.equal([
      'CycloneDX',
      'regcred',
      read('package.json').version,
    ]);
    const listed = components as { 'bom-ref': string; hashes?: { alg: string }[] }[];
    for (const [path] of locked) {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      const found = listed.find((component) => component['bom-ref'].startsWith(`${name}@`));
      expect(
        found?.hashes?.map(({ alg }) => alg),
        path,
      ).to.deep.equal(['SHA-512']);
    }
  }).timeout(30_000);

  it('run no install scripts', () =>
    expect(locked.filter(([, { hasInstallScript }]) => hasInstallScript).map(([name]) => name)).to.deep.equal([]));
});
