import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';

const ROOT = resolve(import.meta.dirname, '../..');
const NAMES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'];

describe('npm run controlplane', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'regcred-assets-'));
    mkdirSync(join(scratch, 'bin'));
  });
  afterEach(() => rmSync(scratch, { recursive: true, force: true }));

  /** Runs the script without any built program, and with only the programs that the test created. */
  function run(env: Record<string, string> = {}): { code: number | null; stdout: string; stderr: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/controlplane.ts')], {
      env: { PATH: join(scratch, 'bin'), HOME: scratch, XDG_CACHE_HOME: join(scratch, 'cache'), ...env },
      encoding: 'utf8',
    });
    return { code: status, stdout, stderr };
  }

  /** Creates a `go` with this script. */
  function installGo(script: string): void {
    writeFileSync(join(scratch, 'bin/go'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(scratch, 'bin/go'), 0o755);
  }

  /** Creates a directory of binaries. */
  function assets(names: readonly string[]): string {
    const directory = join(scratch, 'assets');
    mkdirSync(directory);
    for (const name of names) writeFileSync(join(directory, name), '');
    return directory;
  }

  const unusable: Record<string, { go?: string; says: RegExp }> = {
    'no Go': { says: /^Go is not installed, .* built with Go 1\.\d+ or newer\./ },
    'a Go of an old release': {
      go: 'echo go1.12.9',
      says: /^The Go that is installed is too old \(go1\.12\.9\); .* built with Go 1\.\d+ or newer\./,
    },
    'a Go of an old major version': { go: 'echo go0.99', says: /^The Go that is installed is too old \(go0\.99\);/ },
    'a Go that refuses the module': {
      go: 'echo "go: go.mod requires go >= 1.99 (running go 1.20; GOTOOLCHAIN=local)" >&2; exit 1',
      says: /^The Go that is installed is too old \(go: go\.mod requires go >= 1\.99 .*\);/,
    },
  };
  for (const [what, { go, says }] of Object.entries(unusable)) {
    it(`with ${what} says what to do, in one line, and names the alternatives`, () => {
      if (go !== undefined) installGo(go);
      const { code, stdout, stderr } = run();
      expect(stderr).to.match(says);
      expect(stderr).to.contain('KUBEBUILDER_ASSETS').and.contain('against a cluster of yours').and.contain('https://go.dev/dl');
      for (const name of NAMES) expect(stderr).to.contain(name);
      expect(stderr.trimEnd().split('\n')).to.have.length(1);
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
      // The next run finds no incomplete build.
      expect(existsSync(join(scratch, 'cache'))).to.equal(false);
    });
  }

  it('with a failing build shows the cause, and leaves no incomplete build', () => {
    installGo('case "$1" in env) echo go99.1 ;; mod) echo "dial tcp: no route to host" >&2; exit 1 ;; esac');
    const { code, stdout, stderr } = run();
    expect(stderr)
      .to.contain('Building the control plane failed (go mod)')
      .and.contain('no route to host')
      .and.contain('KUBEBUILDER_ASSETS');
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
    expect(existsSync(join(scratch, 'cache/regcred'))).to.equal(true);
    expect(readdirSync(join(scratch, 'cache/regcred'))).to.deep.equal([]);
  });

  it('with a successful build prints its directory, and does not build again', () => {
    installGo('case "$1" in env) echo go99.1 ;; build) while [ "$1" != -o ]; do shift; done; : > "$2" ;; esac');
    const built = run();
    expect(built.code).to.equal(0);
    expect(built.stderr.split('\n')[0])
      .to.match(/^Building the control plane from source takes about \d+ minutes on 2 cores, once: /)
      .and.contain(join(scratch, 'cache/regcred'))
      .and.contain('set KUBEBUILDER_ASSETS to a directory that holds etcd');
    const directory = built.stdout.trimEnd();
    expect(directory).to.match(new RegExp(`^${join(scratch, 'cache/regcred/controlplane-')}[0-9a-f]{16}$`));
    for (const name of NAMES) expect(existsSync(join(directory, name)), name).to.equal(true);
    rmSync(join(scratch, 'bin/go'));
    expect(run()).to.deep.equal({ code: 0, stdout: `${directory}\n`, stderr: '' });
  });

  it('with KUBEBUILDER_ASSETS prints that directory as its only line', () => {
    const directory = assets(NAMES);
    expect(run({ KUBEBUILDER_ASSETS: directory })).to.deep.equal({ code: 0, stdout: `${directory}\n`, stderr: '' });
  });

  it('with KUBEBUILDER_ASSETS reports the missing binaries', () => {
    const directory = assets(['etcd', 'kube-apiserver']);
    const { code, stdout, stderr } = run({ KUBEBUILDER_ASSETS: directory });
    expect(stderr).to.contain(`KUBEBUILDER_ASSETS is ${directory}, which has no kube-controller-manager, no kubectl.`);
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
  });

  it('with KUBEBUILDER_ASSETS reports a missing directory', () => {
    const { code, stderr } = run({ KUBEBUILDER_ASSETS: join(scratch, 'nowhere') });
    expect(stderr).to.contain('which has no etcd, no kube-apiserver, no kube-controller-manager, no kubectl.');
    expect(code).to.equal(1);
  });
}).timeout(20_000);
