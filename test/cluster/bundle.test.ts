import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, theCluster } from '../support/cluster.ts';
import { leads, startOperator } from '../support/operator.ts';

type Command = readonly [string, ...string[]];

/** Puts a program into a file system of its own that cannot be written. */
const alone = (root: string): Command => {
  const script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && shift && exec "$@"';
  const user = 'setpriv --no-new-privs chroot --userspec=65532:65532 --groups='.split(' ');
  return ['unshare', '--mount', 'sh', '-ec', script, 'sh', root, ...user, root];
};

/** Why that cannot be done on this machine; undefined where it can. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'it takes root to mount and to become another user';
  const [program, ...args] = alone('/');
  const { status, stderr, error } = spawnSync(program, [...args, '/bin/true'], { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}
const cannot = whyNot();
const instead = cannot === undefined ? '' : ` (not as another user in a file system of its own, as CI runs the image: ${cannot})`;

// There is no Docker here, so this is what the image has, put together by hand.
describe('The bundle, with nothing but Node.js', () => {
  let cluster: Cluster;
  let root: string;
  before(async () => {
    cluster = await theCluster();
    root = mkdtempSync(join(cluster.controlPlane.scratch, 'root-'));
    chmodSync(root, 0o755);
    put('dist/main.js', '/app/main.js');
    put(cluster.kubeconfig, '/config', 0o444);
  });

  function put(file: string, at: string, mode = 0o755): void {
    mkdirSync(dirname(join(root, at)), { recursive: true });
    copyFileSync(realpathSync(file), join(root, at));
    chmodSync(join(root, at), mode);
  }

  /** Does the operator's whole work with this one in its place. */
  async function works(command: Command, kubeconfig: string, look: (pid: number) => void): Promise<void> {
    await cluster.restart(async () => {
      const operator = startOperator({ command, kubeconfig });
      try {
        await leads(operator);
        look(operator.pid);
        const scene = cluster.scene();
        const [namespace] = (await scene.placed(1)) as [string];
        expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
        const metrics = await (await fetch(`${await operator.url()}/metrics`)).text();
        expect(metrics).to.contain('regcred_leader 1').and.contain('process_cpu_seconds_total');
        await scene.deleteCredential();
        await scene.credentialGone();
        await scene.secretGone(namespace);
        expect(await operator.stop()).to.equal(0);
      } finally {
        await operator.stop('SIGKILL');
      }
    });
  }

  it(`needs no file but itself and its kubeconfig, and writes none: Node.js itself refuses all else${instead}`, async () => {
    const reads = ['/app/main.js', '/config'].map((file) => `--allow-fs-read=${join(root, file)}`);
    await works([process.execPath, '--permission', ...reads, join(root, '/app/main.js')], join(root, '/config'), () => {});
  });

  if (cannot !== undefined) return;
  describe('as user 65532, from a file system that has nothing else and cannot be written', () => {
    let command: Command;
    before(() => {
      put(process.execPath, '/nodejs/bin/node');
      const { stdout } = spawnSync('ldd', [process.execPath], { encoding: 'utf8' });
      for (const [library] of stdout.matchAll(/\/\S+\.so\S*/g)) put(library, library);
      command = [...alone(root), '/nodejs/bin/node', '/app/main.js'];
    });

    it('it does its whole work', async () => {
      await works(command, '/config', (pid) => {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        expect(status)
          .to.match(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m)
          .and.match(/^Gid:\s+65532\s+65532\s+65532\s+65532$/m);
        expect(status)
          .to.match(/^CapEff:\s+0+$/m)
          .and.match(/^NoNewPrivs:\s+1$/m);
        expect(readdirSync(`/proc/${pid}/root/app`)).to.deep.equal(['main.js']);
        expect(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')).to.match(/ \/ ro[, ]/);
      });
    });

    it('it is a command line as well', () => {
      const [program, ...args] = command;
      const run = (...more: string[]) =>
        spawnSync(program, [...args, ...more], { encoding: 'utf8', env: { PATH: process.env.PATH }, input: 'sample-password' });
      expect(run('--version').stdout).to.match(/^\d+\.\d+\.\d+\n$/);
      const made = run('create', 'acme', '--server', 'ghcr.io', '--username', 'robot', '--password-stdin');
      expect(made.status, made.stderr).to.equal(0);
      expect(made.stdout).to.contain('kind: RegistryCredential');
    });
  });
});
