import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { parse, parseDocument } from 'yaml';

const SCRIPT = resolve('scripts/release.ts');

const released = (cwd: string, args: string[], env: NodeJS.ProcessEnv = process.env) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], { cwd, env, encoding: 'utf8' });
  return { code: status, stdout, stderr };
};

describe('The version', () => {
  it('is the same in package.json, image tags, documents and the changelog', () =>
    expect(released('.', [])).to.deep.include({ code: 0, stderr: '' }));

  let directory: string;
  const write = (file: string, text: string) => writeFileSync(join(directory, file), text);
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'regcred-release-'));
    for (const name of ['manifests', 'docs', 'bin']) mkdirSync(join(directory, name));
    write('package.json', '{"version":"1.2.3"}');
    write('manifests/kustomization.yaml', 'images: [{name: regcred, newName: ghcr.io/regcred/regcred, newTag: 1.2.3}]\n');
    write('README.md', 'docker build -t registry.example.com/regcred:1.2.3 .\n');
    write('docs/install.md', 'helm install regcred oci://ghcr.io/regcred/charts/regcred --version 1.2.3\n');
    write('CHANGELOG.md', '# Changelog\n\n## 1.2.3 - 2026-02-03\n\n### Added\n\n- That.\n\n## 1.2.2 - 2026-01-02\n\n- This.\n');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is released if all of them have it', () => expect(released(directory, ['v1.2.3'])).to.deep.include({ code: 0, stderr: '' }));

  const wrong: Record<string, { file?: string; text?: string; args?: string[]; says: string }> = {
    'is not the version of the tag': {
      args: ['v1.2.4'],
      says: 'The tag is v1.2.4, but the version in package.json is 1.2.3. Use the tag v1.2.3.',
    },
    'is not the version of an image': {
      file: 'manifests/kustomization.yaml',
      text: 'images: [{name: regcred, newName: a.b/c, newTag: 1.2.2}]',
      says: 'newTag is 1.2.2, but the version in package.json is 1.2.3.',
    },
    'differs in a document': { file: 'docs/install.md', text: 'regcred:1.2.2', says: 'docs/install.md: it has regcred:1.2.2' },
    'has no section in the changelog': {
      file: 'CHANGELOG.md',
      text: '## Unreleased\n\n- That.\n',
      says: 'the first section is "Unreleased". For a release it must be "1.2.3 - " and the date.',
    },
    'has a section without a date': { file: 'CHANGELOG.md', text: '## 1.2.3\n\n- That.\n', says: 'the first section is "1.2.3".' },
    'has an image with another name': {
      args: ['v1.2.3', `ghcr.io/other/regcred@sha256:${'0'.repeat(64)}`],
      says: 'newName is ghcr.io/regcred/regcred, but the pushed image is ghcr.io/other/regcred@sha256:',
    },
  };
  for (const [what, { file, text, args = ['v1.2.3'], says }] of Object.entries(wrong)) {
    it(`is not released if it ${what}`, () => {
      if (file !== undefined) write(file, text ?? '');
      const { code, stderr } = released(directory, args);
      expect(code).to.equal(1);
      expect(stderr).to.contain(says);
      expect(existsSync(join(directory, 'dist'))).to.equal(false);
    });
  }

  const PLATFORMS = ['linux-amd64', 'linux-arm64', 'darwin-amd64', 'darwin-arm64'];
  /** The checksums that scripts/executables.ts writes. */
  function packed(platforms: readonly string[]): void {
    mkdirSync(join(directory, 'dist'));
    for (const [at, platform] of platforms.entries()) {
      const archive = `kubectl-regcred-1.2.3-${platform}.tar.gz`;
      write(`dist/${archive}.sha256`, `${String(at).repeat(64)}  ${archive}\n`);
    }
  }

  it('is not released with executables for some platforms only', () => {
    packed(PLATFORMS.slice(0, 3));
    write('bin/kubectl', '#!/bin/sh\n');
    chmodSync(join(directory, 'bin/kubectl'), 0o755);
    const env = { PATH: `${join(directory, 'bin')}:${process.env.PATH}` };
    const { code, stderr } = released(directory, ['v1.2.3', `ghcr.io/regcred/regcred@sha256:${'a'.repeat(64)}`], env);
    expect(code).to.equal(1);
    expect(stderr).to.contain('There is no SHA-256 of kubectl-regcred-1.2.3-darwin-arm64.tar.gz.');
  });

  it('has the manifests as one file, with the digest of the image, the section of the changelog, and the manifest for krew', () => {
    packed(PLATFORMS);
    write('bin/kubectl', '#!/bin/sh\n[ "$*" = "kustomize ." ] && printf "spec:\\n  image: ghcr.io/regcred/regcred:1.2.3\\n"\n');
    chmodSync(join(directory, 'bin/kubectl'), 0o755);
    const digest = `sha256:${'a'.repeat(64)}`;
    const env = { PATH: `${join(directory, 'bin')}:${process.env.PATH}` };
    expect(released(directory, ['v1.2.3', `ghcr.io/regcred/regcred@${digest}`], env)).to.deep.include({ code: 0, stderr: '' });
    const read = (file: string) => readFileSync(join(directory, 'dist', file), 'utf8');
    expect(read('regcred.yaml')).to.equal(`spec:\n  image: ghcr.io/regcred/regcred:1.2.3@${digest}\n`);
    expect(read('notes.md')).to.equal('### Added\n\n- That.\n');
    const { metadata, spec } = parse(read('krew.yaml')) as { metadata: { name: string }; spec: { version: string; platforms: object[] } };
    expect([metadata.name, spec.version]).to.deep.equal(['regcred', 'v1.2.3']);
    expect(spec.platforms).to.deep.equal(
      PLATFORMS.map((platform, at) => ({
        selector: { matchLabels: { os: platform.split('-')[0], arch: platform.split('-')[1] } },
        uri: `https://github.com/regcred/regcred/releases/download/v1.2.3/kubectl-regcred-1.2.3-${platform}.tar.gz`,
        sha256: String(at).repeat(64),
        bin: 'kubectl-regcred',
      })),
    );
  });
});

interface Workflow {
  readonly permissions: Record<string, string>;
  readonly jobs: Record<string, { permissions?: Record<string, string>; uses?: string; steps?: { uses?: string; run?: string }[] }>;
}

describe('The workflows', () => {
  const DIRECTORY = '.github/workflows';
  const workflows = readdirSync(DIRECTORY).map((file) => ({ file, text: readFileSync(join(DIRECTORY, file), 'utf8') }));
  const load = (file: string) => parse(readFileSync(join(DIRECTORY, file), 'utf8')) as Workflow;

  it('use actions by commit, with the version in a comment', () => {
    for (const { file, text } of workflows) {
      expect(parseDocument(text).errors, file).to.deep.equal([]);
      for (const [line, what] of text.matchAll(/^\s*(?:- )?uses: (.*)$/gm))
        expect(what, `${file}: ${line}`).to.match(/^(\.\/\S+\.yml|[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$/);
    }
  });

  it('have only read rights, and in a release the rights that each job needs', () => {
    for (const file of ['ci.yml', 'gitops.yml']) {
      expect(load(file).permissions, file).to.deep.equal({ contents: 'read' });
      for (const job of Object.values(load(file).jobs)) expect(job, file).to.not.have.property('permissions');
    }
    const { permissions, jobs } = load('release.yml');
    expect(permissions).to.deep.equal({});
    expect(Object.fromEntries(Object.entries(jobs).map(([name, job]) => [name, job.permissions]))).to.deep.equal({
      test: { contents: 'read' },
      gitops: { contents: 'read' },
      node: { contents: 'read' },
      upgrades: { contents: 'read' },
      kubernetes: { contents: 'read' },
      push: { contents: 'read', packages: 'write', 'id-token': 'write' },
      executables: { contents: 'read' },
      publish: { contents: 'write', 'id-token': 'write' },
    });
  });

  it('pass no text of others to a shell: values come from environment variables', () => {
    for (const { file } of workflows)
      for (const { steps = [] } of Object.values(load(file).jobs))
        for (const { run = '' } of steps) expect(run, file).to.not.contain('${{');
  });

  it('run only scripts that exist', () => {
    for (const { text } of workflows)
      for (const [, path = ''] of text.matchAll(/(\.ci\/run|scripts\/\w+\.ts|test\/\w+\/go\.mod)/g))
        expect(existsSync(path), path).to.equal(true);
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
    for (const { text } of workflows)
      for (const [, name = ''] of text.matchAll(/npm run (?:--silent )?([\w:]+)/g)) expect(scripts).to.have.property(name);
  });
});
