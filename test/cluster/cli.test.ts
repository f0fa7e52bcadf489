import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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
    expect(made.stderr).to.contain('base64 is not encryption');
    const { code, stderr } = await kubectl(['apply', '-f', '-'], made.stdout);
    expect(code, stderr).to.equal(0);
  }

  describe('create', () => {
    it('reads the password from standard input, and its piped output ends in a placed Secret', async () => {
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
      it(`takes ${which} of a docker login, and prints ${format}`, async () => {
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

    it('omits the Secret with --without-secret, and the credential waits for it', async () => {
      await scene.namespace();
      const made = await kubectl(['regcred', 'create', scene.name, '--without-secret', '--server', 'ghcr.io', ...where()]);
      expect(made).to.include({ code: 0, stderr: '' });
      await kubectl(['apply', '-f', '-'], made.stdout);
      await scene.ready('False', 'SourceMissing');
      await scene.secret(SOURCES, `${scene.name}-source`, 'kubernetes.io/basic-auth', { username: 'robot', password: 'sample-password' });
      await scene.ready('True', 'Synced');
    });

    const refused: Record<string, { args: string[]; says: string }> = {
      'an unknown flag': { args: ['--bogus'], says: "unknown option '--bogus'" },
      'a password among the arguments': { args: ['--password', 'sample-password'], says: 'every user of this machine can see' },
      'no source for the password': { args: [], says: 'Choose one source for the password' },
    };
    for (const [what, { args, says }] of Object.entries(refused)) {
      it(`has exit code 2 for ${what}, and prints nothing`, async () => {
        const { code, stdout, stderr } = await kubectl(['regcred', 'create', scene.name, ...args]);
        expect(stderr).to.contain(says).and.not.contain('sample-password');
        expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      });
    }
  });

  describe('status', () => {
    it('of a Ready credential reports that, with exit code 0', async () => {
      await scene.placed(2);
      const { code, stdout } = await kubectl(['regcred', 'status', scene.name]);
      expect(code).to.equal(0);
      expect(stdout)
        .to.match(/^Ready: +True \(Synced\)$/m)
        .and.match(/^Namespaces: +2 of 2 in place$/m);
    });

    it('of a credential that is not Ready reports the failure and the fix, with exit code 1, like the table', async () => {
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
      expect(all.stdout).to.match(new RegExp(`^${scene.name} +False +SecretExists +0/1 +${scene.name} +VerificationDisabled +\\d+s$`, 'm'));
    });

    it('takes the kind before the name, and several names, and prints names and wide rows', async () => {
      await scene.placed(1);
      const one = await kubectl(['regcred', 'status', `regcred/${scene.name}`]);
      expect(one.stdout).to.match(new RegExp(`^Name: +${scene.name}$`, 'm'));
      const twice = await kubectl(['regcred', 'status', scene.name, `regcred/${scene.name}`]);
      expect(twice.stdout.split('\n').filter((line) => line.startsWith(scene.name))).to.have.lengthOf(2);
      const names = await kubectl(['regcred', 'status', scene.name, '-o', 'name']);
      expect(names.stdout).to.equal(await cluster.kubectl('get', 'regcred', scene.name, '-o', 'name'));
      const wide = await kubectl(['regcred', 'status', scene.name, '-o', 'wide']);
      expect(wide.stdout)
        .to.match(/^NAME .* MESSAGE$/m)
        .and.contain('1 of 1 in place');
    });

    it('is plain in a pipe, and coloured if asked', async () => {
      await scene.placed(1);
      expect((await kubectl(['regcred', 'status', scene.name])).stdout).to.not.contain('\u001b');
      const coloured = await kubectl(['regcred', 'status', scene.name, '--color=always']);
      expect(coloured.stdout).to.contain('\u001b[32m✔ True (Synced)');
    });

    it('prints the same objects as kubectl get, as YAML and JSON', async () => {
      await scene.placed(1);
      const get = JSON.parse(await cluster.kubectl('get', 'regcred', scene.name, '-o', 'json'));
      const asJson = await kubectl(['regcred', 'status', scene.name, '-o', 'json']);
      const asYaml = await kubectl(['regcred', 'status', scene.name, '-o', 'yaml']);
      expect(JSON.parse(asJson.stdout)).to.deep.equal(get);
      expect(parse(asYaml.stdout)).to.deep.equal(get);
    });

    const unusable: Record<string, { args: string[]; env?: NodeJS.ProcessEnv; says: string }> = {
      'a name that does not exist': { args: ['nowhere'], says: 'There is no RegistryCredential "nowhere".' },
      'a context that does not exist': { args: ['--context', 'nowhere'], says: 'the kubeconfig has no such context. It has:' },
      'a kubeconfig that does not exist': { args: ['--kubeconfig', '/nowhere/config'], says: 'The kubeconfig is not usable' },
      'no kubeconfig': { args: [], env: { KUBECONFIG: '', HOME: '/nowhere' }, says: 'There is no kubeconfig.' },
      'an unknown format': { args: ['-o', 'csv'], says: 'Allowed choices are name, wide, yaml, json' },
    };
    for (const [what, { args, env = {}, says }] of Object.entries(unusable)) {
      it(`has exit code 2 for ${what}`, async () => {
        const { code, stdout, stderr } = await kubectl(['regcred', 'status', ...args], '', env);
        expect(stderr).to.contain(says);
        expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      });
    }
  });

  describe('status has exit code 2 and says what to do for', () => {
    /** Returns the administrator's kubeconfig with another user. */
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
      'a token that is not valid (401)': {
        user: () => ({ token: 'not-a-token' }),
        says: /^The cluster at https:\S+ does not accept your credentials: Unauthorized\. Log in to it again, or choose others/,
      },
      'a missing right (403)': {
        user: async () => ({ token: (await cluster.kubectl('create', 'token', 'default', '-n', SOURCES)).trim() }),
        says: /cannot list resource "registrycredentials" .* To see RegistryCredentials, you need the right to get and list registrycredentials\.regcred\.dev\.$/,
      },
      'an exec plugin that fails': {
        user: () => plugin('echo your login has expired >&2; exit 3'),
        says: /^The kubeconfig is not usable: The login program sh of the kubeconfig failed: your login has expired\. Set KUBECONFIG/,
      },
      'an exec plugin that is not installed': {
        user: () => ({ exec: { ...plugin('').exec, command: 'nowhere-login' } }),
        says: /The login program nowhere-login of the kubeconfig failed: there is no such program\./,
      },
      'an exec plugin with an invalid answer, without printing that answer': {
        user: () => plugin('echo sample-token-of-nobody'),
        says: /The login program sh of the kubeconfig failed: its answer is not an ExecCredential\./,
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

  describe('version', () => {
    const VERSION: string = JSON.parse(readFileSync('package.json', 'utf8')).version;

    it('prints the versions of the program and of the operator that leads', async () => {
      const { code, stdout, stderr } = await kubectl(['regcred', 'version']);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout)
        .to.match(new RegExp(`^Client version: +${VERSION}$`, 'm'))
        .and.match(new RegExp(`^Operator version: +${VERSION} \\(Lease regcred-system/regcred, led by \\S+\\)$`, 'm'));
      const json = JSON.parse((await kubectl(['regcred', 'version', '-n', 'regcred-system', '-o', 'json'])).stdout);
      expect(json.clientVersion).to.deep.equal({ version: VERSION });
      expect(json.operators).to.have.lengthOf(1);
      expect(json.operators[0]).to.include({ version: VERSION, lease: 'regcred-system/regcred' });
    });

    it('says that no operator leads in another namespace', async () => {
      const { code, stdout, stderr } = await kubectl(['regcred', 'version', '-n', SOURCES]);
      expect({ code, stderr }).to.deep.equal({
        code: 0,
        stderr: 'No operator holds a Lease here. An operator that runs with --leader-elect=false has none.\n',
      });
      expect(stdout).to.match(/^Client version: +\S+\n$/);
    });
  });

  describe('completion', () => {
    /** The words that kubectl offers, asked for as its shell script does. */
    async function offered(...words: string[]): Promise<string[]> {
      const { code, stdout } = await kubectl(['__complete', 'regcred', ...words]);
      expect(code).to.equal(0);
      return stdout.trimEnd().split('\n');
    }

    it('offers commands, flags and existing names to kubectl', async () => {
      await scene.credential();
      expect(await offered('st')).to.deep.equal([
        'status\tshow the status of RegistryCredentials, and what to do if one is not Ready',
        ':4',
      ]);
      expect(await offered('cleanup', '--dry-run', '')).to.deep.equal(['client', 'server', 'none', ':4']);
      for (const command of ['status', 'check']) expect(await offered(command, scene.name.slice(0, -1))).to.deep.equal([scene.name, ':4']);
      expect(await offered('status', `regcred/${scene.name.slice(0, -1)}`)).to.deep.equal([`regcred/${scene.name}`, ':4']);
      await scene.deleteCredential();
    });

    it('offers namespaces, and the pods, workloads and ServiceAccounts in one', async () => {
      const namespace = await scene.namespace();
      const template = {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'registry.example.com/web:1' }] },
      };
      const deployment = { metadata: { name: 'web' }, spec: { selector: { matchLabels: { app: 'web' } }, template } };
      await scene.api.call('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, { body: deployment });
      await scene.api.call('POST', `/api/v1/namespaces/${namespace}/pods`, { body: { ...template, metadata: { name: 'web-0' } } });
      expect(await offered('doctor', '-n', namespace.slice(0, -1))).to.deep.equal([namespace, ':4']);
      expect(await offered('doctor', 'namespace', namespace)).to.deep.equal([namespace, ':4']);
      expect(await offered('doctor', '-n', namespace, 'pod/')).to.deep.equal(['pod/web-0', ':4']);
      expect(await offered('doctor', '-n', namespace, 'deploy/')).to.deep.equal(['deploy/web', ':4']);
      expect(await offered('doctor', '-n', namespace, 'sa', 'd')).to.deep.equal(['default', ':4']);
      expect(await offered('doctor', `--namespace=${namespace}`, '--serviceaccount', '')).to.deep.equal(['default', ':4']);
      expect(await offered('doctor', 'po')).to.deep.equal(['pod/\ta pod', ':6']);
    });

    it('offers the same words in bash, and files for a flag that takes a file', async () => {
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
      expect(complete('c')).to.deep.equal(['controller', 'create', 'check', 'cleanup', 'completion']);
      expect(complete('doctor', 'po')).to.deep.equal(['compopt -o nospace', 'pod/']);
      expect(complete('cleanup', '--dry-run', '=', 'n')).to.deep.equal(['none']);
      expect(complete('cleanup', scene.name.slice(0, -1))).to.deep.equal([scene.name]);
      expect(complete('status', '--kubeconfig', '')).to.deep.equal(['compopt -o default']);
      await scene.deleteCredential();
    });
  });

  it('prints help with the name by which it was called', async () => {
    for (const args of [
      ['--help'],
      ...['create', 'status', 'check', 'doctor', 'cleanup', 'version', 'completion'].map((command) => [command, '--help']),
    ]) {
      const { code, stdout } = await kubectl(['regcred', ...args]);
      expect(code).to.equal(0);
      expect(stdout).to.contain('Usage: kubectl regcred');
    }
  });
});
