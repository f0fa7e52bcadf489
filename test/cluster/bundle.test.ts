import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, theCluster } from '../support/cluster.ts';
import { leads, startOperator } from '../support/operator.ts';

/** The program, and the clouds that it loads on demand. */
const PROGRAM = ['cloud-aws.js', 'cloud-azure.js', 'cloud-google.js', 'main.js'];

type Command = readonly [string, ...string[]];

/** Runs a program in a root directory of its own that is read-only. */
const alone = (root: string): Command => {
  const script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && cd "$1" && shift && exec "$@"';
  const user = 'setpriv --no-new-privs chroot --userspec=65532:65532 --groups='.split(' ');
  return ['unshare', '--mount', 'sh', '-ec', script, 'sh', root, ...user, root];
};

/** The reason why this machine cannot do that; undefined if it can. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can mount and switch to another user';
  const [program, ...args] = alone('/');
  const { status, stderr, error } = spawnSync(program, [...args, '/bin/true'], { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}
const cannot = whyNot();
const instead =
  cannot === undefined ? '' : ` (this machine cannot run it as another user on a read-only root, as CI runs the image: ${cannot})`;

/** As the image starts the program. */
function entryPoint(): string[] {
  const [, list = '[]'] = /^ENTRYPOINT (.+)$/m.exec(readFileSync('Dockerfile', 'utf8')) ?? [];
  return JSON.parse(list) as string[];
}

// Docker is not available here: the test puts the files of the image together itself.
describe('The bundle, with only Node.js', () => {
  let cluster: Cluster;
  let root: string;
  before(async () => {
    cluster = await theCluster();
    root = mkdtempSync(join(cluster.controlPlane.scratch, 'root-'));
    chmodSync(root, 0o755);
    for (const file of PROGRAM) put(`dist/${file}`, `/app/${file}`);
    put(cluster.kubeconfig, '/config', 0o444);
  });

  function put(file: string, at: string, mode = 0o755): void {
    mkdirSync(dirname(join(root, at)), { recursive: true });
    copyFileSync(realpathSync(file), join(root, at));
    chmodSync(join(root, at), mode);
  }

  /** Replaces the operator with this command, and checks that it does all of its work. */
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

  // An operator without cloud tokens loads none of them, and one with cloud tokens gets the network from main.js.
  it('has each cloud in a small file of its own, without a copy of the network', () => {
    for (const file of PROGRAM.filter((file) => file.startsWith('cloud-'))) {
      const text = readFileSync(`dist/${file}`, 'utf8');
      expect(text.length, file).to.be.within(1000, 32_768);
      const used = Array.from(text.matchAll(/(?:from|import|require)\s*\(?\s*["']([\w:/.-]+)["']/g), ([, name]) =>
        name?.replace(/^node:/, ''),
      );
      expect(['module', 'crypto', 'url', 'querystring'], file).to.include.members(used);
    }
  });

  it(`reads only itself and its kubeconfig, no cloud, and writes no file: Node.js denies everything else${instead}`, async () => {
    const reads = ['/app/main.js', '/config'].map((file) => `--allow-fs-read=${join(root, file)}`);
    await works([process.execPath, '--permission', ...reads, join(root, '/app/main.js')], join(root, '/config'), () => {});
  });

  if (cannot !== undefined) return;
  describe('as user 65532, on a read-only file system without other files', () => {
    let command: Command;
    before(() => {
      put(process.execPath, '/nodejs/bin/node');
      const { stdout } = spawnSync('ldd', [process.execPath], { encoding: 'utf8' });
      for (const [library] of stdout.matchAll(/\/\S+\.so\S*/g)) put(library, library);
      command = [...alone(root), ...entryPoint()];
    });

    it('does all the work of the operator', async () => {
      await works(command, '/config', (pid) => {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        expect(status)
          .to.match(/^Uid:\s+65532\s+65532\s+65532\s+65532$/m)
          .and.match(/^Gid:\s+65532\s+65532\s+65532\s+65532$/m);
        expect(status)
          .to.match(/^CapEff:\s+0+$/m)
          .and.match(/^NoNewPrivs:\s+1$/m);
        expect(readdirSync(`/proc/${pid}/root/app`)).to.deep.equal(PROGRAM);
        expect(readFileSync(`/proc/${pid}/mountinfo`, 'utf8')).to.match(/ \/ ro[, ]/);
      });
    });

    it('works as a command line, too', () => {
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
