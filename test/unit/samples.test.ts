import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { sourcesOf } from '../../src/plan/content/candidates.ts';
import { selectsNamespace } from '../../src/plan/targets/targets.ts';
import { credential, namespace, spec } from '../support/builders.ts';
import { yamlIn } from '../support/markdown.ts';
import { blocksOf } from '../support/page.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

interface Example {
  readonly kind?: string;
  readonly metadata?: { readonly name: string };
  readonly spec?: RegistryCredentialSpec;
}

const examples = [
  ...globSync('manifests/samples/*.yaml', { cwd: ROOT }).map((file) => ({ file, texts: [read(file)] })),
  ...globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }).map((file) => ({ file, texts: yamlIn(read(file)) })),
].map(({ file, texts }) => ({ file, credentials: texts.flatMap(credentialsIn) }));

function credentialsIn(text: string): Example[] {
  const objects = parseAllDocuments(text).map((document) => document.toJS() as Example | null);
  return objects.filter((object) => object !== null).filter(({ kind, spec }) => kind === 'RegistryCredential' && spec?.namespaces);
}

describe('The RegistryCredentials of the samples and the documentation', () => {
  it('are found', () => expect(examples.flatMap(({ credentials }) => credentials).length).to.be.above(5));

  /** Otherwise an example would replace the object of another page that the reader has tried before. */
  it('have a name of their own in each file', () => {
    const created = (file: string) =>
      file.endsWith('.md')
        ? blocksOf(read(file)).flatMap(({ text }) => Array.from(text.matchAll(/regcred create ([a-z-]+) /g), ([, name]) => name))
        : [];
    const names = examples.flatMap(({ file, credentials }) => [
      ...new Set([...credentials.map(({ metadata }) => metadata?.name), ...created(file)]),
    ]);
    // Several pages take over the Secret regcred of another tool, under its name. A reader follows one of them.
    expect(names.filter((name, at) => name !== 'regcred' && names.indexOf(name) !== at)).to.deep.equal([]);
    expect(names).to.include.members(['acme', 'laptop', 'by-hand']);
  });

  for (const { file, credentials } of examples.filter(({ credentials }) => credentials.length > 0)) {
    it(`do not place a Secret where their own source is: ${file}`, () => {
      for (const { metadata, spec: given } of credentials) {
        const full = spec(given);
        const clashes = sourcesOf(full).filter(
          (source) =>
            source.name === (full.secretName ?? metadata?.name) &&
            selectsNamespace(credential({ spec: full }), namespace({ name: source.namespace })),
        );
        expect(clashes).to.deep.equal([]);
      }
    });
  }
});
