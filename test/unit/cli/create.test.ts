import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { CommandError, type CommandIo } from '../../../src/cli/command-io.ts';
import { type CreateFlags, create } from '../../../src/cli/create.ts';
import { resolve } from '../../../src/plan/content/resolve.ts';
import { base64 } from '../../support/builders.ts';

const PASSWORD = 'sample-password';
const STORED = 'sample-stored-password';
const basic = (username: string, password: string) => ({ auth: base64(`${username}:${password}`) });

describe('create', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'regcred-create-'));
    mkdirSync(join(home, '.docker'));
    mkdirSync(join(home, 'bin'));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const io = (input?: string | Buffer): CommandIo => ({
    env: { PATH: `${join(home, 'bin')}:/usr/bin:/bin` },
    home,
    program: 'kubectl regcred',
    input: async () => (input === undefined ? undefined : Buffer.from(input)),
    now: () => new Date(0),
    version: '1.2.3',
    isTerminal: false,
    progress: () => {},
    print: () => {},
    say: () => {},
  });
  const login = (config: unknown, file = '.docker/config.json') =>
    writeFileSync(join(home, file), typeof config === 'string' ? config : JSON.stringify(config));
  /** A program docker-credential-NAME with this script. It records its questions in a file. */
  function helper(name: string, script: string): void {
    const file = join(home, 'bin', `docker-credential-${name}`);
    writeFileSync(file, `#!/bin/sh\nread server\necho "$1 $server" >> ${join(home, 'asked')}\n${script}\n`);
    chmodSync(file, 0o755);
  }
  const asked = () => readFileSync(join(home, 'asked'), 'utf8').trimEnd().split('\n');
  const gives = (username: string, secret: string) => `echo '${JSON.stringify({ ServerURL: 'x', Username: username, Secret: secret })}'`;

  const run = (flags: Partial<CreateFlags>, input?: string | Buffer, name = 'acme') =>
    create(name, { secretNamespace: 'regcred-system', output: 'yaml', ...flags }, io(input));

  async function made(flags: Partial<CreateFlags>, input?: string | Buffer) {
    const { output } = await run(flags, input);
    return parseAllDocuments(output).map((document) => document.toJS());
  }

  /** The servers, usernames and passwords that the operator would place for the output. */
  async function placed(flags: Partial<CreateFlags>, input?: string | Buffer): Promise<Record<string, string>> {
    const [secret, { spec }] = await made(flags, input);
    const record = { ...secret, ...secret.metadata, uid: 'u', resourceVersion: '1', labels: {}, changedAt: 0 };
    const resolution = resolve(spec, 'c', (ref) => {
      expect(ref).to.deep.equal({ namespace: secret.metadata.namespace, name: secret.metadata.name });
      return { state: 'present', secret: record };
    });
    if (resolution.state !== 'ready') return expect.fail(JSON.stringify(resolution));
    const { auths } = JSON.parse(Buffer.from(resolution.content.data, 'base64').toString());
    return Object.fromEntries(
      Object.entries(auths as Record<string, { username: string; password: string }>).map(([server, { username, password }]) => [
        server,
        `${username} ${password}`,
      ]),
    );
  }

  async function refused(flags: Partial<CreateFlags>, input?: string | Buffer, name?: string): Promise<string> {
    const answer = await run(flags, input, name).catch((error: unknown) => error);
    if (!(answer instanceof CommandError)) return expect.fail(`was not refused: ${JSON.stringify(answer)} ${answer}`);
    for (const value of [PASSWORD, STORED]) expect(answer.message).to.not.contain(value).and.not.contain(base64(value).slice(0, 12));
    return answer.message;
  }

  const stdin = { server: ['ghcr.io'], username: 'robot', passwordStdin: true };

  describe('from a username and a password', () => {
    it('prints a basic-auth Secret and the RegistryCredential', async () => {
      expect(await made(stdin, PASSWORD)).to.deep.equal([
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'acme-source', namespace: 'regcred-system' },
          type: 'kubernetes.io/basic-auth',
          data: { username: base64('robot'), password: base64(PASSWORD) },
        },
        {
          apiVersion: 'regcred.dev/v1alpha1',
          kind: 'RegistryCredential',
          metadata: { name: 'acme' },
          spec: {
            registries: [{ server: 'ghcr.io', secretRef: { namespace: 'regcred-system', name: 'acme-source' } }],
            namespaces: { names: ['*'], exclude: { names: ['kube-*'] } },
          },
        },
      ]);
    });

    it('prints the same as JSON', async () => {
      const { output } = await run({ ...stdin, output: 'json' }, PASSWORD);
      expect(JSON.parse(output)).to.deep.equal({ apiVersion: 'v1', kind: 'List', items: await made(stdin, PASSWORD) });
    });

    it('warns that its output has a password, and how to handle that', async () => {
      const { notes, exitCode } = await run(stdin, PASSWORD);
      expect(exitCode).to.equal(0);
      expect(notes).to.have.lengthOf(1);
      for (const word of ['base64 is not encryption', 'Sealed Secrets', 'SOPS', 'External Secrets', 'regcred-system/acme-source'])
        expect(notes[0]).to.contain(word);
    });

    const inputs: Record<string, { input: string | Buffer; password: string | Buffer }> = {
      unchanged: { input: 'sample:pass word"', password: 'sample:pass word"' },
      'without a line end': { input: 'sample-password\n', password: PASSWORD },
      'without a line end of Windows': { input: 'sample-password\r\n', password: PASSWORD },
      'that is not text': { input: Buffer.from([0xff, 0x80, 0x41]), password: Buffer.from([0xff, 0x80, 0x41]) },
    };
    for (const [how, { input, password }] of Object.entries(inputs)) {
      it(`reads a password ${how}`, async () => {
        const [secret] = await made(stdin, input);
        expect(secret.data.password).to.equal(Buffer.from(password).toString('base64'));
      });
    }

    const foreign: Record<string, Buffer> = {
      'UTF-16': Buffer.from(`\ufeff${PASSWORD}\r\n`, 'utf16le'),
      'UTF-8 with a byte order mark': Buffer.from(`\ufeff${PASSWORD}\n`),
    };
    for (const [encoding, input] of Object.entries(foreign)) {
      it(`refuses a password in ${encoding}, and names the encoding`, async () =>
        expect(await refused(stdin, input))
          .to.contain('standard input')
          .and.contain(`is text in ${encoding}`));
    }

    const written: Record<string, string> = {
      'docker.io': 'docker.io',
      'https://index.docker.io/v1/': 'docker.io',
      'registry-1.docker.io': 'docker.io',
      'https://ghcr.io/': 'ghcr.io',
      'registry.example.com:5000/team': 'registry.example.com:5000/team',
    };
    for (const [given, server] of Object.entries(written)) {
      it(`writes the server ${given} as ${server}`, async () => {
        const [, { spec }] = await made({ ...stdin, server: [given] }, PASSWORD);
        expect(spec.registries[0].server).to.equal(server);
      });
    }
  });

  it('uses the names and globs of the flags', async () => {
    const where = { secretNamespace: 'vault', secretName: 'robot', namespaces: ['team-*', 'shop'], serviceAccounts: ['build-*'] };
    const [secret, { spec }] = await made({ ...stdin, ...where }, PASSWORD);
    expect(secret.metadata).to.deep.equal({ name: 'robot', namespace: 'vault' });
    expect(spec).to.deep.equal({
      registries: [{ server: 'ghcr.io', secretRef: { namespace: 'vault', name: 'robot' } }],
      namespaces: { names: ['team-*', 'shop'] },
      serviceAccounts: { names: ['build-*'] },
    });
  });

  it('writes the probe image and the mode of verification', async () => {
    const [, { spec }] = await made({ ...stdin, probeImage: 'acme/web:1', verification: 'Require' }, PASSWORD);
    expect(spec.registries[0].probeImage).to.equal('acme/web:1');
    expect(spec.verification).to.deep.equal({ mode: 'Require' });
  });

  const probeImages: Record<string, { flags: Partial<CreateFlags>; says: string }> = {
    'with a host before it': {
      flags: { ...stdin, probeImage: 'ghcr.io/acme/web:1' },
      says: '--probe-image: probeImage of server ghcr.io: the value begins with a host',
    },
    'in capital letters': { flags: { ...stdin, probeImage: 'Acme/web' }, says: 'capital letters' },
    'that is empty': { flags: { ...stdin, probeImage: '' }, says: 'the value is empty' },
    'of a pattern': { flags: { ...stdin, server: ['*.example.com'], probeImage: 'acme/web' }, says: 'cannot ask *.example.com' },
    'of several registries': {
      flags: { withoutSecret: true, server: ['ghcr.io', 'quay.io'], probeImage: 'acme/web' },
      says: 'Give exactly one --server',
    },
    'of a whole docker login': { flags: { fromDockerConfig: true, probeImage: 'acme/web' }, says: 'Give exactly one --server' },
  };
  for (const [what, { flags, says }] of Object.entries(probeImages)) {
    it(`refuses a probe image ${what}`, async () => {
      login({ auths: { 'ghcr.io': basic('robot', PASSWORD) } });
      expect(await refused(flags, PASSWORD)).to.contain(says);
    });
  }

  it('without the Secret prints only the RegistryCredential, without a warning', async () => {
    const { output, notes } = await run({ withoutSecret: true, server: ['ghcr.io', 'docker.io'], serviceAccounts: [] });
    const [credential, ...others] = parseAllDocuments(output).map((document) => document.toJS());
    const secretRef = { namespace: 'regcred-system', name: 'acme-source' };
    expect(others).to.deep.equal([]);
    expect(credential.spec.registries).to.deep.equal([
      { server: 'ghcr.io', secretRef },
      { server: 'docker.io', secretRef },
    ]);
    expect(credential.spec.serviceAccounts).to.deep.equal({ names: [] });
    expect(notes).to.deep.equal([]);
  });

  describe('from a docker login', () => {
    const both = { auths: { 'ghcr.io': basic('robot', PASSWORD), 'https://index.docker.io/v1/': basic('acme', PASSWORD) } };

    it('uses all entries', async () => {
      login(both);
      const flags = { fromDockerConfig: true } as const;
      expect(await placed(flags)).to.deep.equal({ 'ghcr.io': `robot ${PASSWORD}`, 'https://index.docker.io/v1/': `acme ${PASSWORD}` });
      const [secret] = await made(flags);
      expect(secret.type).to.equal('kubernetes.io/dockerconfigjson');
    });

    it('uses only the entry of the server, by any of its names', async () => {
      login(both);
      expect(await placed({ fromDockerConfig: true, server: ['docker.io'] })).to.deep.equal({
        'https://index.docker.io/v1/': `acme ${PASSWORD}`,
      });
      const { output } = await run({ fromDockerConfig: true, server: ['docker.io'] });
      expect(output).to.not.contain('ghcr.io');
    });

    it('reads another file, or that of DOCKER_CONFIG', async () => {
      login(both, 'other.json');
      expect(await placed({ fromDockerConfig: join(home, 'other.json') })).to.have.property('ghcr.io');
      mkdirSync(join(home, 'elsewhere'));
      login({ auths: { 'quay.io': basic('robot', PASSWORD) } }, 'elsewhere/config.json');
      const elsewhere = { ...io(), env: { DOCKER_CONFIG: join(home, 'elsewhere') } };
      const { output } = await create(
        'acme',
        { fromDockerConfig: true, server: ['quay.io'], secretNamespace: 'regcred-system', output: 'yaml' },
        elsewhere,
      );
      expect(output).to.contain('server: quay.io');
    });

    it('reads it from standard input', async () => {
      const input = JSON.stringify({ auths: { 'quay.io': basic('robot', PASSWORD) } });
      expect(await placed({ fromDockerConfig: '-' }, input)).to.deep.equal({ 'quay.io': `robot ${PASSWORD}` });
      expect(await refused({ fromDockerConfig: '-' }, 'no config')).to.contain('Standard input: the value is not a JSON object');
      expect(await refused({ fromDockerConfig: '-' })).to.contain('standard input is a terminal');
    });

    it('reads it with a byte order mark', async () => {
      helper('sample', gives('acme', STORED));
      login(`\ufeff${JSON.stringify({ auths: { 'ghcr.io': basic('robot', PASSWORD), 'quay.io': {} }, credsStore: 'sample' })}`);
      expect(await placed({ fromDockerConfig: true })).to.deep.equal({ 'ghcr.io': `robot ${PASSWORD}`, 'quay.io': `acme ${STORED}` });
    });

    it('uses the entries of both auths', async () => {
      helper('sample', gives('acme', STORED));
      const one = JSON.stringify({ 'ghcr.io': basic('robot', PASSWORD) });
      login(`{"auths":${one},"auths":{"quay.io":{}},"credsStore":"sample"}`);
      expect(await placed({ fromDockerConfig: true })).to.deep.equal({ 'ghcr.io': `robot ${PASSWORD}`, 'quay.io': `acme ${STORED}` });
    });

    it('leaves out entries that the kubelet never finds, and says so', async () => {
      helper('sample', gives('acme', STORED));
      login({ auths: { 'ghcr.io': basic('robot', PASSWORD), 'oci://quay.io': basic('robot', PASSWORD), '': {} }, credsStore: 'sample' });
      const { notes } = await run({ fromDockerConfig: true });
      expect(Object.keys(await placed({ fromDockerConfig: true }))).to.deep.equal(['ghcr.io']);
      expect(notes[0]).to.contain('Left out: ').and.contain('server "": the kubelet never finds this entry');
      expect(notes[1]).to.contain('server "oci://quay.io"');
    });

    it('asks the credential store for passwords that the config lacks, by the names in the config', async () => {
      helper('sample', gives('acme', STORED));
      login({ ...both, auths: { 'ghcr.io': both.auths['ghcr.io'], 'https://index.docker.io/v1/': {} }, credsStore: 'sample' });
      expect(await placed({ fromDockerConfig: true })).to.deep.equal({
        'ghcr.io': `robot ${PASSWORD}`,
        'https://index.docker.io/v1/': `acme ${STORED}`,
      });
      expect(asked()).to.deep.equal(['get https://index.docker.io/v1/']);
    });

    it('asks the credential store for a server that is not in the config', async () => {
      helper('sample', gives('acme', STORED));
      login({ credsStore: 'sample' });
      expect(await placed({ fromDockerConfig: true, server: ['quay.io'] })).to.deep.equal({ 'quay.io': `acme ${STORED}` });
      expect(asked()).to.deep.equal(['get quay.io']);
    });

    it('reads the names of fields in any case, and null as absent, as Docker does', async () => {
      helper('sample', gives('acme', STORED));
      login('{"Auths":{"quay.io":{}},"auths":null,"CredsStore":"sample","credsStore":null}');
      expect(await placed({ fromDockerConfig: true })).to.deep.equal({ 'quay.io': `acme ${STORED}` });
    });

    it("asks a server's own helper, and warns if its passwords expire", async () => {
      helper('sample', 'exit 1');
      helper('gcloud', gives('oauth2accesstoken', STORED));
      login({ auths: {}, credsStore: 'sample', credHelpers: { 'gcr.io': 'gcloud' } });
      expect(await placed({ fromDockerConfig: true })).to.deep.equal({ 'gcr.io': `oauth2accesstoken ${STORED}` });
      expect(asked()).to.deep.equal(['get gcr.io']);
      const { notes } = await run({ fromDockerConfig: true });
      expect(notes[0]).to.contain('docker-credential-gcloud').and.contain('expires within hours');
    });

    it('leaves out the tokens of Docker itself', async () => {
      helper('sample', gives('acme', STORED));
      const own = { 'https://index.docker.io/v1/access-token': {}, 'https://index.docker.io/v1/refresh-token': {} };
      login({ auths: { 'https://index.docker.io/v1/': {}, ...own }, credsStore: 'sample' });
      expect(Object.keys(await placed({ fromDockerConfig: true }))).to.deep.equal(['https://index.docker.io/v1/']);
      expect(asked()).to.deep.equal(['get https://index.docker.io/v1/']);
    });

    const unusable: Record<string, { config?: unknown; helper?: string; server?: string[]; says: string[] }> = {
      'that does not exist': { says: ['config.json: the file does not exist', 'docker login'] },
      'that is not JSON': { config: `{"auths": ${PASSWORD}`, says: ['config.json: the value is not a JSON object'] },
      'without entries': { config: { auths: {} }, says: ['there are no entries under "auths"'] },
      'without the server': { config: both, server: ['quay.io'], says: ['no entry for quay.io', 'ghcr.io, docker.io', '--server'] },
      'with one server twice': {
        config: `{"auths":{"ghcr.io":${JSON.stringify(basic('robot', PASSWORD))},"ghcr.io":${JSON.stringify(basic('other', PASSWORD))}}}`,
        says: ['server ghcr.io: the config has this server, or a field of its entry, twice'],
      },
      'with the server in capital letters': {
        config: { auths: { 'MyRegistry.azurecr.io': basic('robot', PASSWORD) } },
        server: ['myregistry.azurecr.io'],
        says: ['MyRegistry.azurecr.io, which differs only in upper and lower case', 'docker login myregistry.azurecr.io'],
      },
      'with the server in capital letters, as the flag has it': {
        config: { auths: { 'MyRegistry.azurecr.io': basic('robot', PASSWORD) } },
        server: ['MyRegistry.azurecr.io'],
        says: ['in lower case', 'Write myregistry.azurecr.io here', 'docker login myregistry.azurecr.io'],
      },
      'with an entry that could not work': {
        config: { auths: { 'ghcr.io': { auth: base64(PASSWORD) } } },
        says: ['server ghcr.io', 'not of username:password'],
      },
      'whose helper is not installed': {
        config: { credsStore: 'nowhere', auths: { 'ghcr.io': {} } },
        says: ['docker-credential-nowhere', 'no such program', '--password-stdin'],
      },
      'whose helper is a path': { config: { credsStore: '../sample', auths: { 'ghcr.io': {} } }, says: ['not the name of a program'] },
      'whose helper does not know the server': {
        config: { credsStore: 'sample', auths: { 'ghcr.io': {} } },
        helper: `echo "credentials not found in native keychain ${STORED}"; exit 1`,
        says: ['docker-credential-sample', 'exit code 1', 'docker login ghcr.io'],
      },
      'whose helper does not answer with JSON': {
        config: { credsStore: 'sample', auths: { 'ghcr.io': {} } },
        helper: `echo ${STORED}`,
        says: ['not JSON'],
      },
      'whose helper gives an empty password': {
        config: { credsStore: 'sample', auths: { 'ghcr.io': {} } },
        helper: gives('robot', ''),
        says: ['server ghcr.io', 'the password is empty'],
      },
      'whose helper has only an identity token': {
        config: { credsStore: 'sample', auths: { 'ghcr.io': {} } },
        helper: gives('<token>', STORED),
        says: ['server ghcr.io', 'identity token'],
      },
    };
    it('whose helper is not installed leaves no timer that would keep the program running', async () => {
      const timers = () => process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
      login({ credsStore: 'nowhere', auths: { 'ghcr.io': {} } });
      await refused({ fromDockerConfig: true });
      const after = timers();
      await refused({ fromDockerConfig: true });
      expect(timers()).to.equal(after);
    });

    for (const [which, { config, helper: script, server, says }] of Object.entries(unusable)) {
      it(`${which} is refused with the cause`, async () => {
        if (config !== undefined) login(config);
        if (script !== undefined) helper('sample', script);
        const message = await refused({ fromDockerConfig: true, ...(server && { server }) });
        for (const text of says) expect(message).to.contain(text);
      });
    }
  });

  const unusable: Record<string, { flags: Partial<CreateFlags>; input?: string; name?: string; says: string[] }> = {
    'no source for the password': { flags: {}, says: ['--from-docker-config', '--password-stdin', '--without-secret'] },
    'two sources for the password': { flags: { ...stdin, fromDockerConfig: true }, says: ['Choose one source'] },
    'no server': { flags: { username: 'robot', passwordStdin: true }, says: ['--server is missing'] },
    'two servers for one password': { flags: { ...stdin, server: ['ghcr.io', 'quay.io'] }, says: ['for one registry'] },
    'no username': { flags: { server: ['ghcr.io'], passwordStdin: true }, says: ['--username is missing'] },
    'no password': { flags: { server: ['ghcr.io'], username: 'robot' }, says: ['--password-stdin is missing', 'printf %s "$TOKEN"'] },
    'a terminal for the password': { flags: stdin, says: ['standard input is a terminal', 'kubectl regcred create acme --server ghcr.io'] },
    'an empty password': { flags: stdin, input: '\n', says: ['the password is empty'] },
    'a password with two line ends': { flags: stdin, input: `${PASSWORD}\n\n`, says: ['ends in a newline'] },
    'a colon in the username': { flags: { ...stdin, username: 'a:b' }, input: PASSWORD, says: ['colon'] },
    'a name that Kubernetes refuses': { flags: stdin, input: PASSWORD, name: 'Acme', says: ['NAME "Acme"', 'lower case'] },
    'a server that is not valid': { flags: { ...stdin, server: ['registry'] }, input: PASSWORD, says: ['--server registry', 'Docker Hub'] },
    'a password in the server': {
      flags: { ...stdin, server: [`https://robot:${PASSWORD}@ghcr.io`] },
      input: PASSWORD,
      says: ['--server https://ghcr.io: must be a registry'],
    },
    'the same server twice': {
      flags: { withoutSecret: true, server: ['docker.io', 'index.docker.io'] },
      says: ['the same registry twice'],
    },
    'a glob that is not valid': { flags: { ...stdin, namespaces: ['Team-*'] }, input: PASSWORD, says: ['--namespaces "Team-*"'] },
    'no namespaces': { flags: { ...stdin, namespaces: [] }, input: PASSWORD, says: ['--namespaces is empty'] },
    'a source with the name of the pull secret in a selected namespace': {
      flags: { ...stdin, secretName: 'acme' },
      input: PASSWORD,
      says: ['--secret-name acme', 'regcred-system', 'Choose another name'],
    },
    'more than a Secret holds': { flags: stdin, input: 'x'.repeat(1024 * 1024), says: ['1 MiB'] },
    'several mistakes, all at once': {
      flags: { ...stdin, secretNamespace: 'A', secretName: 'B' },
      input: PASSWORD,
      says: ['--secret-namespace "A"', '--secret-name "B"'],
    },
  };
  for (const [what, { flags, input, name, says }] of Object.entries(unusable)) {
    it(`refuses ${what}, and says how to fix it`, async () => {
      const message = await refused(flags, input, name);
      for (const text of says) expect(message).to.contain(text);
    });
  }

  it('accepts a source with the name of the pull secret in a namespace that is not selected', async () => {
    const [secret] = await made({ ...stdin, secretName: 'acme', namespaces: ['team-*'] }, PASSWORD);
    expect(secret.metadata.name).to.equal('acme');
  });
});
