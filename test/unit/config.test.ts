import { expect } from 'chai';
import { ConfigError, controllerConfig, SETTINGS, type SettingName } from '../../src/config.ts';

type Flags = Partial<Record<SettingName, string>>;
const config = (flags: Flags = {}, env: Record<string, string> = {}, isTerminal = false) => controllerConfig(flags, env, isTerminal);

function problems(flags: Flags, env: Record<string, string> = {}): string {
  let taken: unknown;
  try {
    taken = config(flags, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return expect.fail(`was accepted: ${JSON.stringify(taken)}`);
}

describe('The configuration', () => {
  it('has defaults', () => {
    expect(config()).to.deep.equal({
      kubeconfig: undefined,
      namespace: undefined,
      sourceNamespaces: undefined,
      http: { host: '', port: 8080 },
      leaderElect: true,
      concurrency: 32,
      cleanupTimeoutMs: 60_000,
      registries: {
        isVerificationOn: true,
        insecure: [],
        private: [],
        caFile: undefined,
        expiryWarningMs: 336 * 3_600_000,
        expiryLookup: 'none',
      },
      tenants: { isNamespacedOn: true, tenantLabel: undefined },
      logLevel: 'info',
      logLevelFile: undefined,
      logFormat: 'json',
    });
  });

  it('logs text on a terminal, unless the format is set', () => {
    expect(config({}, {}, true).logFormat).to.equal('text');
    expect(config({ logFormat: 'json' }, {}, true).logFormat).to.equal('json');
  });

  const given = {
    kubeconfig: '/etc/kubeconfig',
    namespace: 'regcred-system',
    sourceNamespaces: 'vault, regcred-system,vault',
    httpAddress: '127.0.0.1:0',
    leaderElect: 'false',
    concurrency: '7',
    cleanupTimeout: '5',
    verification: 'off',
    insecureRegistries: 'localhost:5000, Registry.example.com',
    privateRegistries: '[fd00::1]:5000',
    registryCaFile: '/etc/ca.pem',
    expiryWarning: '1h30m',
    expiryLookup: 'github',
    namespaced: 'false',
    tenantLabel: 'capsule.clastix.io/tenant',
    logLevel: 'debug',
    logLevelFile: '/etc/level',
    logFormat: 'text',
  };
  const { kubeconfig, namespace, logLevel, logLevelFile, logFormat } = given;
  const read = {
    kubeconfig,
    namespace,
    sourceNamespaces: ['vault', 'regcred-system'],
    http: { host: '127.0.0.1', port: 0 },
    leaderElect: false,
    concurrency: 7,
    cleanupTimeoutMs: 5000,
    registries: {
      isVerificationOn: false,
      insecure: ['localhost:5000', 'registry.example.com'],
      private: ['[fd00::1]:5000'],
      caFile: '/etc/ca.pem',
      expiryWarningMs: 5_400_000,
      expiryLookup: 'github',
    },
    tenants: { isNamespacedOn: false, tenantLabel: 'capsule.clastix.io/tenant' },
    logLevel,
    logLevelFile,
    logFormat,
  };
  const asEnvironment = (values: Record<string, string>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [SETTINGS[name as SettingName].env, value]));

  it('is read from flags', () => expect(config(given)).to.deep.equal(read));

  it('is read from the environment', () => expect(config({}, asEnvironment(given))).to.deep.equal(read));

  it('prefers the flag to the variable, even if the variable is invalid', () => {
    const nonsense = Object.fromEntries(Object.keys(given).map((name) => [name, '\u{1f6a2}']));
    expect(config(given, asEnvironment(nonsense))).to.deep.equal(read);
  });

  it('treats an empty variable as unset, but refuses an empty variable that restricts the operator', () => {
    const { sourceNamespaces: _, ...others } = given;
    const empty = Object.fromEntries(Object.keys(others).map((name) => [name, '']));
    expect(config({}, asEnvironment(empty))).to.deep.equal(config());
    expect(problems({}, { REGCRED_SOURCE_NAMESPACES: '' })).to.equal(
      'REGCRED_SOURCE_NAMESPACES: it is empty; list namespaces, or remove the variable to allow any',
    );
  });

  it('reports everything that is wrong at once, by the flag or variable that sets it', () => {
    const message = problems(
      { concurrency: 'many', logLevel: 'loud' },
      { REGCRED_HTTP_ADDRESS: '8080', REGCRED_LEADER_ELECT: 'yes', REGCRED_LOG_LEVEL: 'info' },
    );
    expect(message.split('; ')).to.deep.equal([
      'REGCRED_HTTP_ADDRESS: "8080" is not HOST:PORT or :PORT, for example :8080 or 127.0.0.1:0',
      'REGCRED_LEADER_ELECT: "yes" is not true or false',
      '--concurrency: "many" is not a whole number from 1 to 1024',
      '--log-level: "loud" is not one of debug, info, warn, error',
    ]);
  });

  const unusable: Partial<Record<SettingName, string[]>> = {
    namespace: ['', 'Shop', 'a.b', '-a', 'a-', 'a'.repeat(64), '../default'],
    sourceNamespaces: ['', ',', 'a,', 'a b', '*', 'team-*', 'a,B'],
    leaderElect: ['', 'True', '1', 'toString', 'constructor'],
    concurrency: ['', '0', '1025', '-1', '1.5', '1e2', ' 1', '0x10'],
    cleanupTimeout: ['0', '86401', '60s'],
    logLevel: ['INFO', 'trace', 'toString'],
    logFormat: ['yaml'],
  };
  for (const [name, values] of Object.entries(unusable) as [SettingName, string[]][]) {
    for (const value of values) {
      const said = JSON.stringify(value);
      it(`refuses ${said} for ${SETTINGS[name].flag}`, () =>
        expect(problems({ [name]: value })).to.contain(`${SETTINGS[name].flag}: ${said} is not`));
    }
  }

  const addresses: Record<string, { host: string; port: number } | undefined> = {
    ':8080': { host: '', port: 8080 },
    ':0': { host: '', port: 0 },
    '127.0.0.1:65535': { host: '127.0.0.1', port: 65_535 },
    'localhost:80': { host: 'localhost', port: 80 },
    '[::1]:8080': { host: '::1', port: 8080 },
    '[::]:8080': { host: '::', port: 8080 },
    '::1:8080': undefined,
    '8080': undefined,
    localhost: undefined,
    'localhost:': undefined,
    ':65536': undefined,
    ':-1': undefined,
    ':http': undefined,
    '[::1]': undefined,
    '[localhost]:80': undefined,
    'http://localhost:80': undefined,
    'local host:80': undefined,
    ':8080 ': undefined,
  };
  for (const [text, want] of Object.entries(addresses)) {
    it(`${want ? 'accepts' : 'refuses'} ${JSON.stringify(text)} as an address`, () => {
      if (want) expect(config({ httpAddress: text }).http).to.deep.equal(want);
      else expect(problems({ httpAddress: text })).to.contain('--http-address');
    });
  }
});
