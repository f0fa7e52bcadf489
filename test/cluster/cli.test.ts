import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster as ClusterEntry, KubeConfig } from '@kubernetes/client-node';
import { expect } from 'chai';
import { parse } from 'yaml';
import { base64 } from '../support/builders.ts';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { writeKubeconfig } from '../support/operator.ts';
import { kubectlWithPlugin } from '../support/plugin.ts';

describe('kubectl regcred', () => {
  let cluster: Cluster;
  let scene: Scene;
  let kubectl: ReturnType<typeof kubectlWithPlugin>;
  before(async () => {
    cluster = await theCluster();
    kubectl = kubectlWithPlugin(cluster.controlPlane);
  });
  beforeEach(() => (scene = cluster.scene()));

  const where = () => ['--secret-namespace', SOURCES, '--namespaces', `${scene.name}-*`];

  async function applied(...piped: Parameters<typeof kubectl>): Promise<void> {
    const made = await kubectl(...piped);
    expect(made.code, made.stderr).to.equal(0);
    expect(made.stderr).to.contain('base64 is no encryption');
    const { code, stderr } = await kubectl(['apply', '-f', '-'], made.stdout);
    expect(code, stderr).to.equal(0);
  }

  describe('create', () => {
    it('from a username and standard input, piped into kubectl apply, ends in a Secret that is placed', async () => {
      const namespace = await scene.namespace();
      const login = ['--server', 'docker.io', '--username', 'robot', '--password-stdin'];
      await applied(['regcred', 'create', scene.name, ...login, ...where()], 'sample-password-piped\n');
      await scene.ready('True', 'Synced');
      const { auths } = await scene.dockerConfigIn(namespace);
      expect(auths).to.deep.equal({
        'https://index.docker.io/v1/': {
          username: 'robot',
          password: 'sample-password-piped',
          auth: base64('robot:sample-password-piped'),
        },
      });
      expect(await scene.pullSecrets(namespace)).to.deep.equal([scene.name]);
    });

    for (const [which, format] of [
      ['one entry', 'yaml'],
      ['all entries', 'json'],
    ] as const) {
      it(`from ${which} of a docker login, as ${format}, too`, async () => {
        const namespace = await scene.namespace();
        const docker = join(cluster.controlPlane.scratch, scene.name);
        mkdirSync(docker);
        const auth = base64('robot:sample-password-of-docker');
        writeFileSync(join(docker, 'config.json'), JSON.stringify({ auths: { 'ghcr.io': { auth }, 'quay.io': { auth } } }));
        const server = which === 'one entry' ? ['--server', 'ghcr.io'] : [];
        const args = ['regcred', 'create', scene.name, '--from-docker-config', ...server, ...where(), '-o', format];
        await applied(args, '', { DOCKER_CONFIG: docker });
        await scene.ready('True', 'Synced');
        const { auths } = await scene.dockerConfigIn(namespace);
        expect(Object.keys(auths)).to.deep.equal(which === 'one entry' ? ['ghcr.io'] : ['ghcr.io', 'quay.io']);
      });
    }

    it('without the Secret waits for it', async () => {
      await scene.namespace();
      const made = await kubectl(['regcred', 'create', scene.name, '--without-secret', '--server', 'ghcr.io', ...where()]);
      expect(made).to.include({ code: 0, stderr: '' });
      await kubectl(['apply', '-f', '-'], made.stdout);
      await scene.ready('False', 'SourceMissing');
      await scene.secret(SOURCES, `${scene.name}-source`, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
      await scene.ready('True', 'Synced');
    });

    const refused: Record<string, { args: string[]; says: string }> = {
      'a flag that there is not': { args: ['--bogus'], says: "unknown option '--bogus'" },
      'a password among the arguments': { args: ['--password', 'sample-password'], says: 'everybody on the machine can see' },
      'nothing to make it of': { args: [], says: 'Say where the password comes from' },
    };
    for (const [what, { args, says }] of Object.entries(refused)) {
      it(`ends with 2 for ${what}, and prints nothing`, async () => {
        const { code, stdout, stderr } = await kubectl(['regcred', 'create', scene.name, ...args]);
        expect(stderr).to.contain(says).and.not.contain('sample-password');
        expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      });
    }
  });

  describe('status', () => {
    it('of one that is Ready shows so, and ends with 0', async () => {
      await scene.placed(2);
      const { code, stdout } = await kubectl(['regcred', 'status', scene.name]);
      expect(code).to.equal(0);
      expect(stdout)
        .to.match(/^Ready: +True \(Synced\)$/m)
        .and.match(/^Namespaces: +2 of 2 in place$/m);
    });

    it('of one that is not says what failed and what to do, and ends with 1; so does the table', async () => {
      await scene.basicAuth();
      const namespace = await scene.namespace();
      await scene.secret(namespace, scene.name, 'Opaque', { other: 'sample-of-others' });
      await scene.credential();
      await scene.ready('False', 'SecretExists');
      const one = await kubectl(['regcred', 'status', scene.name]);
      expect(one.code).to.equal(1);
      expect(one.stdout).to.match(new RegExp(`^${namespace} +Secret +${scene.name} +SecretExists +\\S`, 'm'));
      const all = await kubectl(['regcred', 'status']);
      expect(all.code).to.equal(1);
      expect(all.stdout).to.match(new RegExp(`^${scene.name} +False +SecretExists +0/1 +${scene.name} +\\d+s$`, 'm'));
    });

    it('prints the objects as YAML and JSON, as kubectl get does', async () => {
      await scene.placed(1);
      const get = JSON.parse(await cluster.kubectl('get', 'regcred', scene.name, '-o', 'json'));
      const asJson = await kubectl(['regcred', 'status', scene.name, '-o', 'json']);
      const asYaml = await kubectl(['regcred', 'status', scene.name, '-o', 'yaml']);
      expect(JSON.parse(asJson.stdout)).to.deep.equal(get);
      expect(parse(asYaml.stdout)).to.deep.equal(get);
    });

    const unusable: Record<string, { args: string[]; env?: NodeJS.ProcessEnv; says: string }> = {
      'a name that there is not': { args: ['nowhere'], says: 'There is no RegistryCredential "nowhere".' },
      'a context that there is not': { args: ['--context', 'nowhere'], says: 'the kubeconfig has no such context. It has:' },
      'a kubeconfig that is not there': { args: ['--kubeconfig', '/nowhere/config'], says: 'The kubeconfig is not usable' },
      'no kubeconfig': { args: [], env: { KUBECONFIG: '', HOME: '/nowhere' }, says: 'There is no kubeconfig.' },
      'a format that there is not': { args: ['-o', 'wide'], says: 'Allowed choices are yaml, json' },
    };
    for (const [what, { args, env = {}, says }] of Object.entries(unusable)) {
      it(`ends with 2 for ${what}`, async () => {
        const { code, stdout, stderr } = await kubectl(['regcred', 'status', ...args], '', env);
        expect(stderr).to.contain(says);
        expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      });
    }
  });

  describe('status that the cluster or the kubeconfig does not let it see ends with 2 and says what to do', () => {
    /** The administrator's kubeconfig, as another user. */
    function as(what: string, user: object): NodeJS.ProcessEnv {
      const config = new KubeConfig();
      config.loadFromFile(cluster.controlPlane.kubeconfig);
      const file = join(cluster.controlPlane.scratch, `${what}.kubeconfig`);
      writeKubeconfig(file, config.getCurrentCluster() as ClusterEntry, user, 'default');
      return { KUBECONFIG: file };
    }
    const plugin = (script: string) => ({
      exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'sh', args: ['-c', script], interactiveMode: 'Never' },
    });

    const cases: Record<string, { user: () => object | Promise<object>; says: RegExp }> = {
      'a token that is not accepted (401)': {
        user: () => ({ token: 'not-a-token' }),
        says: /^The cluster at https:\S+ does not accept your credentials: Unauthorized\. Log in to it again, or choose others/,
      },
      'somebody who may not (403)': {
        user: async () => ({ token: (await cluster.kubectl('create', 'token', 'default', '-n', SOURCES)).trim() }),
        says: /cannot list resource "registrycredentials" .* To see them takes the right to get and list registrycredentials\.regcred\.dev\.$/,
      },
      'an exec plugin that fails': {
        user: () => plugin('echo your login has expired >&2; exit 3'),
        says: /^The kubeconfig is not usable: sh, the program by which it logs in, failed: your login has expired\. Set KUBECONFIG/,
      },
      'an exec plugin that is not installed': {
        user: () => ({ exec: { ...plugin('').exec, command: 'nowhere-login' } }),
        says: /nowhere-login, the program by which it logs in, failed: there is no such program\./,
      },
      'an exec plugin that answers with something else, which is not repeated': {
        user: () => plugin('echo sample-token-of-nobody'),
        says: /failed: its answer is no ExecCredential\./,
      },
    };
    for (const [what, { user, says }] of Object.entries(cases)) {
      it(what, async () => {
        const { code, stdout, stderr } = await kubectl(['regcred', 'status'], '', as(scene.name, await user()));
        expect(stderr.trimEnd()).to.match(says).and.not.contain('sample-tok').and.not.contain('\n');
        expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      });
    }
  });

  describe('completion', () => {
    /** What kubectl would offer, as its own shell script asks for it. */
    async function offered(...words: string[]): Promise<string[]> {
      const { code, stdout } = await kubectl(['__complete', 'regcred', ...words]);
      expect(code).to.equal(0);
      return stdout.trimEnd().split('\n');
    }

    it('is asked by kubectl for commands, flags, and the names that there are', async () => {
      await scene.credential();
      expect(await offered('st')).to.deep.equal([
        'status\tshow how the RegistryCredentials stand, and what to do where one is not Ready',
        ':4',
      ]);
      expect(await offered('cleanup', '--dry-run', '')).to.deep.equal(['client', 'server', 'none', ':4']);
      expect(await offered('status', scene.name.slice(0, 5))).to.deep.equal([scene.name, ':4']);
      await scene.deleteCredential();
    });

    it('in bash offers the same, and files where a file is wanted', async () => {
      await scene.credential();
      const { PATH, HOME, KUBECONFIG } = kubectl.env;
      const complete = (...words: string[]) => {
        const script = `source <(regcred completion bash); COMP_WORDS=(regcred "$@"); COMP_CWORD=$#; compopt() { echo "compopt $*"; }; _regcred; printf '%s\\n' "\${COMPREPLY[@]}"`;
        const { stdout, stderr, status } = spawnSync('bash', ['-c', script, 'bash', ...words], {
          env: { PATH, HOME, KUBECONFIG },
          encoding: 'utf8',
        });
        expect([status, stderr]).to.deep.equal([0, '']);
        return stdout.trimEnd().split('\n');
      };
      expect(complete('c')).to.deep.equal(['controller', 'create', 'cleanup', 'completion']);
      expect(complete('cleanup', '--dry-run', '=', 'n')).to.deep.equal(['none']);
      expect(complete('cleanup', scene.name.slice(0, 5))).to.deep.equal([scene.name]);
      expect(complete('status', '--kubeconfig', '')).to.deep.equal(['compopt -o default']);
      await scene.deleteCredential();
    });
  });

  it('has help by the name that it was called', async () => {
    for (const args of [['--help'], ...['create', 'status', 'doctor', 'cleanup', 'completion'].map((command) => [command, '--help'])]) {
      const { code, stdout } = await kubectl(['regcred', ...args]);
      expect(code).to.equal(0);
      expect(stdout).to.contain('Usage: kubectl regcred');
    }
  });
});
