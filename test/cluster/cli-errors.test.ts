import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { type Cluster, SOURCES, theCluster } from '../support/cluster.ts';

const PROGRAM = resolve(import.meta.dirname, '../../dist/main.js');

/** From the last output of a command to its end. Far longer than an exit takes on a busy machine, and shorter than any timer of the program. */
const ENDS_WITHIN_MS = 3000;
/** From the start to the end. A refused connection or a missing program is an answer at once. */
const ANSWERS_WITHIN_MS = 20_000;

/** A RegistryCredential without its source. */
const NOT_READY = 'cli-errors';

interface Case {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly code?: number;
  readonly says: string;
}

describe('A command that cannot do its work ends as soon as it has said so:', () => {
  let cluster: Cluster;
  let directory: string;
  before(async () => {
    cluster = await theCluster();
    await withoutSource();
    directory = join(cluster.controlPlane.scratch, 'cli-errors');
    mkdirSync(join(directory, 'bin'), { recursive: true });
    for (const [name, script] of Object.entries({ fails: 'exit 3', silent: 'exec sleep 0.1', chatty: 'echo no JSON' })) {
      writeFileSync(join(directory, 'bin', `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
      chmodSync(join(directory, 'bin', `docker-credential-${name}`), 0o755);
      writeFileSync(join(directory, `${name}.json`), JSON.stringify({ auths: { 'ghcr.io': {} }, credsStore: name }));
    }
    writeFileSync(join(directory, 'missing.json'), JSON.stringify({ auths: { 'ghcr.io': {} }, credsStore: 'is-not-installed' }));
    writeFileSync(join(directory, 'text.json'), 'text');
    kubeconfig('refused', { server: 'https://127.0.0.1:1' }, {});
    kubeconfig('unknown-host', { server: 'https://nowhere.invalid' }, {});
    kubeconfig(
      'no-login',
      { server: 'https://127.0.0.1:1' },
      { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'no-login' } },
    );
    kubeconfig('no-ca', { server: 'https://127.0.0.1:1', 'certificate-authority': '/nowhere/ca.pem' }, {});
  });

  after(() => cluster.scene().deleteCredential(NOT_READY));

  async function withoutSource(): Promise<void> {
    const registries = [{ server: 'registry.example.com', secretRef: { namespace: SOURCES, name: NOT_READY } }];
    const body = {
      apiVersion: 'regcred.dev/v1alpha1',
      kind: 'RegistryCredential',
      metadata: { name: NOT_READY },
      spec: { registries, namespaces: { names: ['cli-errors-*'] } },
    };
    await cluster.api.call('POST', '/apis/regcred.dev/v1alpha1/registrycredentials', { body });
    await cluster.scene().ready('False', 'SourceMissing', NOT_READY);
  }

  function kubeconfig(name: string, entry: object, user: object): void {
    const contexts = [{ name: 'a', context: { cluster: 'a', user: 'a' } }];
    const clusters = [{ name: 'a', cluster: entry }];
    writeFileSync(join(directory, name), JSON.stringify({ clusters, contexts, users: [{ name: 'a', user }], 'current-context': 'a' }));
  }

  /** Runs the program. Its standard input stays open unless there is input, as in a script that has other work to do. */
  async function run({ args, env = {}, input }: Case) {
    const known = { PATH: `${join(directory, 'bin')}:/usr/bin:/bin`, HOME: directory, KUBECONFIG: cluster.controlPlane.kubeconfig };
    const began = performance.now();
    const child = spawn(process.execPath, [PROGRAM, ...args.map((arg) => arg.replace('DIR', directory))], {
      env: { ...known, ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replace('DIR', directory)])) },
    });
    const tooLate = setTimeout(() => child.kill('SIGKILL'), 60_000);
    let said = '';
    let saidAt = began;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        said += chunk;
        saidAt = performance.now();
      });
    if (input !== undefined) child.stdin.end(input);
    const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
    const ended = performance.now();
    clearTimeout(tooLate);
    child.stdin.destroy();
    return { code, said, tookMs: ended - began, openMs: ended - saidAt };
  }

  const stdin = ['create', 'acme', '--server', 'ghcr.io', '--username', 'robot', '--password-stdin'];
  const unreachable = (name: string) => ({ KUBECONFIG: `DIR/${name}` });
  const cases: Record<string, Case> = {
    'create without a source': { args: ['create', 'acme'], says: 'Choose one source' },
    'create without a name': { args: ['create'], says: 'missing required argument' },
    'create with an unknown flag': { args: ['create', 'acme', '--bogus'], says: 'unknown option' },
    'create with a password as a flag': { args: ['create', 'acme', '--password', 'x'], says: 'every user of this machine' },
    'create with an empty password': { args: stdin, input: '', says: 'the password is empty' },
    'create from a file that does not exist': { args: ['create', 'a', '--from-docker-config=DIR/nothing'], says: 'does not exist' },
    'create from a directory': { args: ['create', 'a', '--from-docker-config=DIR'], says: 'cannot be read' },
    'create from text': { args: ['create', 'a', '--from-docker-config=DIR/text.json'], says: 'not a JSON object' },
    'create from empty standard input': { args: ['create', 'a', '--from-docker-config=-'], input: '', says: 'the value is empty' },
    'create with a helper that is not installed': {
      args: ['create', 'a', '--from-docker-config=DIR/missing.json'],
      says: 'no such program',
    },
    'create with a helper that fails': { args: ['create', 'a', '--from-docker-config=DIR/fails.json'], says: 'exit code 3' },
    'create with a helper that says nothing': { args: ['create', 'a', '--from-docker-config=DIR/silent.json'], says: 'not JSON' },
    'create with a helper that does not answer in JSON': {
      args: ['create', 'a', '--from-docker-config=DIR/chatty.json'],
      says: 'not JSON',
    },
    'create with a server that is not one': { args: ['create', 'a', '--without-secret', '--server', 'A_B'], says: '--server' },
    'completion for an unknown shell': { args: ['completion', 'csh'], says: 'Allowed choices' },
    'completion of names without a cluster': { args: ['__complete', 'status', ''], env: unreachable('refused'), code: 0, says: ':4' },
    'an unknown command': { args: ['bogus'], says: 'unknown command' },
    'an unknown flag of the program': { args: ['--bogus', 'status'], says: 'unknown option' },
    'no command': { args: [], says: 'Usage: regcred' },
    'doctor of an unknown kind': { args: ['doctor', 'node/a'], says: 'does not know this kind' },
    'doctor of a pod that does not exist': { args: ['doctor', 'pod/nowhere', '-n', 'default'], says: 'There is no pod' },
    'doctor of a namespace that does not exist': { args: ['doctor', 'namespace', 'nowhere'], says: 'There is no namespace' },
    'doctor of an image in a namespace that does not exist': {
      args: ['doctor', 'image', 'ghcr.io/a/b:1', '-n', 'nowhere'],
      code: 1,
      says: 'Namespace nowhere does not exist',
    },
    'doctor of a file that does not exist': { args: ['doctor', '-f', 'DIR/nothing'], says: 'cannot be read' },
    'doctor of text': { args: ['doctor', '-f', '-'], input: '{', says: 'neither YAML nor JSON' },
    'doctor of manifests without pods': { args: ['doctor', '-f', '-'], input: 'kind: ConfigMap', says: 'no object in it creates pods' },
    'doctor that asks a registry which does not exist': {
      args: ['doctor', 'image', 'nowhere.invalid/a/b:1', '-n', 'default', '--pull'],
      code: 1,
      says: 'nowhere.invalid',
    },
    'doctor that asks a registry which does not answer': {
      args: ['doctor', 'image', 'localhost:1/a/b:1', '-n', 'default', '--pull'],
      code: 1,
      says: 'localhost:1',
    },
    'status of a name that does not exist': { args: ['status', 'nowhere'], says: 'There is no RegistryCredential' },
    'status with a context that does not exist': { args: ['status', '--context', 'nowhere'], says: 'no such context' },
    'status with a token that is not valid': { args: ['status'], env: { KUBECONFIG: 'DIR/no-login' }, says: 'no such program' },
    'status without a kubeconfig': { args: ['status'], env: { KUBECONFIG: '' }, says: 'There is no kubeconfig' },
    'cleanup of nothing': { args: ['cleanup'], says: 'Name the RegistryCredentials' },
    'status of an object of another kind': { args: ['status', 'secret/nowhere'], says: 'names of RegistryCredentials' },
    'status with a wrong format': { args: ['status', '-o', 'csv'], says: 'Allowed choices are name, wide, yaml, json' },
    'status with a wrong colour': { args: ['status', '--color=blue'], says: 'Allowed choices are auto, always, never' },
    'status of a credential that is not Ready': { args: ['status', NOT_READY], code: 1, says: 'SourceMissing' },
    'check of a name that does not exist': { args: ['check', 'nowhere'], says: 'There is no RegistryCredential' },
    'check with a wrong flag': { args: ['check', 'nowhere', '--bogus'], says: 'unknown option' },
    'doctor of a workload that does not exist': { args: ['doctor', 'deployment/nowhere', '-n', 'default'], says: 'There is no Deployment' },
    'doctor of a ServiceAccount that does not exist': {
      args: ['doctor', 'sa/nowhere', '-n', 'default'],
      says: 'There is no ServiceAccount',
    },
    'cleanup of a name that does not exist': { args: ['cleanup', 'nowhere'], says: 'There is no RegistryCredential "nowhere".' },
    'cleanup of two names of which one does not exist': {
      args: ['cleanup', NOT_READY, 'nowhere', '--dry-run=none'],
      says: 'There is no RegistryCredential "nowhere".',
    },
    'cleanup of a name that need not exist': { args: ['cleanup', 'nowhere', '--ignore-not-found'], code: 0, says: 'Nothing is left to do' },
    'cleanup that finds something to do': { args: ['cleanup', '--dry-run', NOT_READY], code: 1, says: 'Nothing was done yet' },
    'version without a cluster': { args: ['version'], env: unreachable('refused'), says: 'ECONNREFUSED' },
    'version of the program alone': { args: ['version', '--client'], env: unreachable('refused'), code: 0, says: 'Client version:' },
    'version with a wrong flag': { args: ['version', '--bogus'], says: 'unknown option' },
    'web with a wrong flag': { args: ['web', '--bogus'], says: 'unknown option' },
    'report without a cluster': { args: ['report', '--html'], env: unreachable('refused'), says: 'ECONNREFUSED' },
    'completion for bash': { args: ['completion', 'bash'], code: 0, says: '_regcred' },
    'controller with an unknown flag': { args: ['controller', '--bogus'], says: 'unknown option' },
    'controller with a wrong setting': { args: ['controller', '--concurrency', 'x'], code: 1, says: 'The configuration is not usable' },
    'controller without a kubeconfig': { args: ['controller'], env: { KUBECONFIG: '' }, code: 1, says: 'There is no kubeconfig' },
    'controller without an API server': { args: ['controller'], env: unreachable('refused'), code: 1, says: 'cannot be used' },
  };
  for (const command of ['status', 'doctor namespace default', 'cleanup --all'])
    for (const [name, says] of Object.entries({
      refused: 'ECONNREFUSED',
      'unknown-host': 'nowhere.invalid',
      'no-login': 'no such program',
      'no-ca': 'no such file',
      'is-missing': 'There is no kubeconfig',
    }))
      cases[`${command} with a kubeconfig of the kind ${name}`] = { args: command.split(' '), env: unreachable(name), says };

  for (const [what, one] of Object.entries(cases)) {
    it(what, async () => {
      const { code, said, tookMs, openMs } = await run(one);
      expect(said).to.contain(one.says);
      expect(code).to.equal(one.code ?? 2);
      expect(openMs, 'milliseconds from the last output to the end').to.be.below(ENDS_WITHIN_MS);
      expect(tookMs, 'milliseconds from the start to the end').to.be.below(ANSWERS_WITHIN_MS);
    });
  }

  it('and so does one that has done its work', async () => {
    const { code, openMs } = await run({ args: stdin, input: 'sample-password', says: '' });
    expect(code).to.equal(0);
    expect(openMs).to.be.below(ENDS_WITHIN_MS);
  });

  it('and every exit code in the table of docs/cli.md has a case here, and every case is in the table', () => {
    const rows = readFileSync('docs/cli.md', 'utf8')
      .split('\n')
      .filter((line) => /^\| (code|\d)\b/.test(line));
    const [head = [], ...codes] = rows.map((row) =>
      row
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
    const documented = codes.flatMap((row) =>
      row.flatMap((cell, at) => {
        const named = at > 0 && cell !== '' ? (head[at] ?? '').replaceAll('`', '').split(', ') : [];
        return named.map((command) => `${command} ${row[0]?.[0]}`);
      }),
    );
    const commands = new Set(documented.map((one) => one.split(' ')[0]));
    const tested = Object.values(cases).flatMap(({ args, code = 2 }) => (commands.has(args[0]) ? [`${args[0]} ${code}`] : []));
    // These need a registry that answers, a pod, or a running process: check.test.ts, doctor.test.ts, program.test.ts,
    // cli.test.ts, web.test.ts and the case above.
    const elsewhere = ['check 0', 'check 1', 'doctor 0', 'controller 0', 'status 0', 'create 0', 'web 0', 'report 0'];
    expect([...tested, ...elsewhere]).to.include.members(documented);
    expect(documented).to.include.members(tested);
  });
});
