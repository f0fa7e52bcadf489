import { expect } from 'chai';
import fc from 'fast-check';
import type { AccountRecord, SourceRecord } from '../../../src/api/records.ts';
import type { RegistryCredentialSpec } from '../../../src/api/types.ts';
import { readAccount } from '../../../src/kube/records.ts';
import { planAccounts } from '../../../src/plan/accounts.ts';
import { matchesGlob, matchesSelector, type Selector } from '../../../src/plan/match.ts';
import { type Resolution, resolve } from '../../../src/plan/resolve.ts';
import { planSecret } from '../../../src/plan/secret.ts';
import { statusOf } from '../../../src/plan/status.ts';
import { repeatable } from '../../../src/plan/words.ts';
import { base64, content, intent, merged, namespace, secret, source, spec } from '../../support/builders.ts';
import { CANARY, CANARY_FORMS, CORPUS, PASSWORDS } from '../../support/corpus.ts';

/**
 * What stands in a cluster may have been written by anybody: nothing in it may crash the operator, hold it up, fill its
 * memory or its status, or bring a value to light.
 */

/** Far longer than anything takes, on the busiest machine, and far shorter than what takes the square of its input. */
const AT_ONCE_MS = 10_000;
const PATIENCE_MS = 2 * AT_ONCE_MS;

function atOnce<T>(work: () => T): T {
  const start = performance.now();
  const result = work();
  expect(performance.now() - start).to.be.below(AT_ONCE_MS);
  return result;
}

function keepsTheCanary(text: string): void {
  const lower = text.toLowerCase();
  const form = CANARY_FORMS.find((form) => (form === CANARY ? lower : text).includes(form));
  if (form !== undefined) throw new Error(`${form} is in: ${text}`);
}

describe('A hostile source', () => {
  const ref = (key?: string) => ({ secretRef: { namespace: 'tenant', name: 'hostile', ...(key !== undefined && { key }) } });

  /** One that holds these bytes, in every way to hold them; and every way to refer to it. */
  function every(bytes: Buffer): { secret: SourceRecord; given: Partial<RegistryCredentialSpec> }[] {
    const secrets = [
      ...['kubernetes.io/dockerconfigjson', 'kubernetes.io/dockercfg', 'Opaque', 'kubernetes.io/tls'].map((type) => ({
        ...source(type, {}),
        data: Object.fromEntries(['.dockerconfigjson', '.dockercfg', 'config.json'].map((key) => [key, bytes.toString('base64')])),
      })),
      {
        ...source('kubernetes.io/basic-auth', { username: 'robot' }),
        data: { username: base64('robot'), password: bytes.toString('base64') },
      },
      { ...source('kubernetes.io/basic-auth', {}), data: { username: bytes.toString('base64'), password: base64(CANARY) } },
    ];
    return secrets.flatMap((one) => [
      { secret: one, given: { registries: [{ server: 'a.b', ...ref(one.type === 'Opaque' ? 'config.json' : undefined) }] } },
      { secret: one, given: { dockerConfigs: [ref(one.type === 'Opaque' ? 'config.json' : undefined)] } },
    ]);
  }

  /** The problems have to be told, and the content to be written: both in bounds, and the one without the other's values. */
  function isWell(resolution: Resolution): void {
    if (resolution.state === 'loading') throw new Error('nothing is loading');
    if (resolution.state === 'ready') {
      const text = Buffer.from(resolution.content.data, 'base64').toString();
      expect(text.length).to.be.at.most(1024 * 1024);
      const { auths } = JSON.parse(text) as { auths: Record<string, Record<string, unknown>> };
      expect(Object.keys(auths)).to.have.length.at.least(resolution.content.servers);
      return;
    }
    const none = { counters: { desired: 0, synced: 0, failed: 0, conflicted: 0 }, pending: 0, failures: [] };
    const facts = {
      generation: 1,
      secretName: 'acme',
      mode: 'place' as const,
      suspended: false,
      wantsAccounts: true,
      injection: 'injected' as const,
    };
    const status = JSON.stringify(statusOf({ ...facts, sources: resolution, secrets: none, accounts: none }, undefined, new Date(0)));
    expect(status.length).to.be.below(8192);
    for (const { message } of resolution.problems) {
      expect(message.length).to.be.below(2048);
      if (/[\p{Cc}\p{Cf}]/u.test(message)) throw new Error(`a terminal may obey: ${JSON.stringify(message)}`);
      keepsTheCanary(message);
    }
    keepsTheCanary(status);
  }

  function survives(bytes: Buffer): void {
    for (const { secret, given } of every(bytes)) isWell(resolve(spec(given), 'uid-acme', () => ({ state: 'present', secret })));
  }

  for (const [what, bytes] of Object.entries(CORPUS)) {
    it(`with ${what} does no harm`, () => atOnce(() => survives(Buffer.from(bytes as string))));
  }

  it('made of any of these by cutting, doubling, swapping and changing bytes does none', () => {
    const seeds = Object.values(CORPUS).map((bytes) => Buffer.from(bytes as string));
    const short = fc.constantFrom(...seeds.filter(({ length }) => length < 10_000));
    const place = fc.double({ min: 0, max: 1, noNaN: true });
    const change = fc.record({ how: fc.constantFrom('cut', 'double', 'swap', 'byte', 'quote'), at: place, to: place, byte: fc.nat(255) });
    fc.assert(
      fc.property(short, fc.array(change, { minLength: 1, maxLength: 4 }), short, (begun, changes, other) => {
        const bytes = changes.reduce((text, { how, at, to, byte }) => {
          const [from, end] = [at, to].map((part) => Math.floor(part * text.length)).sort((a, b) => a - b) as [number, number];
          const [before, between, after] = [text.subarray(0, from), text.subarray(from, end), text.subarray(end)];
          switch (how) {
            case 'cut':
              return Buffer.concat([before, after]);
            case 'double':
              return Buffer.concat([before, between, between, after]);
            case 'swap':
              return Buffer.concat([before, other.subarray(Math.floor(at * other.length)), after]);
            case 'quote':
              return Buffer.concat([before, Buffer.from('"'), between, Buffer.from('"'), after]);
            default:
              return Buffer.concat([before, Buffer.from([byte]), after]);
          }
        }, begun);
        fc.pre(!names(bytes).some((name) => CANARY_FORMS.some((form) => name.includes(form))));
        survives(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  /** What became a server's name is no secret any more, and is said. */
  function names(bytes: Buffer): string[] {
    try {
      const config = JSON.parse(bytes.toString()) as Record<string, object>;
      return [config, ...Object.values(config)].flatMap((object) => Object.keys(object ?? {}));
    } catch {
      return [];
    }
  }

  it('cannot make a status large by being named in all of 80 places', () => {
    const given = {
      registries: Array.from({ length: 64 }, (_, n) => ({ server: `r${n}.example.com/${'a'.repeat(480)}`, ...ref() })),
      dockerConfigs: Array.from({ length: 16 }, () => ref()),
    };
    for (const bytes of Object.values(CORPUS).filter(({ length }) => length < 10_000)) {
      const hostile = source('kubernetes.io/dockerconfigjson', {});
      const data = { '.dockerconfigjson': Buffer.from(bytes as string).toString('base64') };
      isWell(resolve(spec(given), 'uid-acme', () => ({ state: 'present', secret: { ...hostile, data } })));
    }
  });
}).timeout(PATIENCE_MS);

describe('A password', () => {
  function placedFrom(secret: SourceRecord, given: Partial<RegistryCredentialSpec>): { username: string; password: string; auth: string } {
    const resolution = resolve(spec(given), 'uid-acme', () => ({ state: 'present', secret }));
    if (resolution.state !== 'ready') throw new Error(JSON.stringify(resolution));
    return JSON.parse(Buffer.from(resolution.content.data, 'base64').toString()).auths['a.b'];
  }

  function survives(password: string): void {
    const secretRef = { namespace: 'tenant', name: 'hostile' };
    const whole = (entry: object) =>
      source('kubernetes.io/dockerconfigjson', { '.dockerconfigjson': JSON.stringify({ auths: { 'a.b': entry } }) });
    const want = { username: 'robot', password, auth: base64(`robot:${password}`) };
    const basic = source('kubernetes.io/basic-auth', { username: 'robot', password });
    expect(placedFrom(basic, { registries: [{ server: 'a.b', secretRef }] })).to.deep.equal(want);
    for (const entry of [{ auth: want.auth }, { username: 'robot', password }]) {
      expect(placedFrom(whole(entry), { dockerConfigs: [{ secretRef }] })).to.deep.equal(want);
      expect(placedFrom(whole(entry), { registries: [{ server: 'a.b', secretRef }] })).to.deep.equal(want);
    }
  }

  for (const [what, password] of Object.entries(PASSWORDS)) it(`${what} comes through byte for byte`, () => survives(password));

  it('of any characters comes through byte for byte', () => {
    const text = fc.string({ unit: 'binary', minLength: 1 }).filter((password) => !/[\r\n]$/.test(password));
    fc.assert(fc.property(text, survives), { numRuns: 1000 });
  });
}).timeout(PATIENCE_MS);

describe('A hostile glob', () => {
  const globs = ['*a*a*a*a*b', `${'*a'.repeat(31)}b`, '*'.repeat(63), `${'*?'.repeat(31)}`, `${'?'.repeat(30)}*${'?'.repeat(30)}b`];
  for (const glob of globs) {
    it(`such as ${glob} takes no longer than its length times that of the name`, () => {
      // A string of which every look at a character is counted. Two a step, and at most glob × name steps.
      for (const length of [63, 253, 2000]) {
        const name = counted('a'.repeat(length));
        matchesGlob(glob, name.text);
        expect(name.looks()).to.be.at.most(2 * (glob.length + 1) * (length + 1));
      }
    });
  }

  it('is bounded for any glob and name', () => {
    const few = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 63 });
    fc.assert(
      fc.property(few, few, (glob, text) => {
        const name = counted(text);
        matchesGlob(glob, name.text);
        expect(name.looks()).to.be.at.most(2 * (glob.length + 1) * (text.length + 1));
      }),
      { numRuns: 1000 },
    );
  });

  function counted(text: string): { text: string; looks: () => number } {
    let looks = 0;
    const target = new Proxy(Object(text), {
      get(of: string, key) {
        if (key === 'length') return of.length;
        looks++;
        return of[key as unknown as number];
      },
    });
    return { text: target as string, looks: () => looks };
  }
}).timeout(PATIENCE_MS);

describe('A hostile selector', () => {
  const odd = fc.oneof(
    fc.constantFrom('', '__proto__', 'constructor', 'toString', 'a', 'A', 'a/b', '*', ' ', '\u0000', '\ud800', '='),
    fc.string({ unit: 'binary', maxLength: 70 }),
  );
  const requirement = fc.record(
    { key: odd, operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'), values: fc.array(odd) },
    { requiredKeys: ['key', 'operator'] },
  );
  const selector = fc.record({ matchLabels: fc.dictionary(odd, odd), matchExpressions: fc.array(requirement) }, { requiredKeys: [] });

  it('holds just where each of its parts does', () => {
    fc.assert(
      fc.property(selector as fc.Arbitrary<Selector>, fc.dictionary(odd, odd), (wanted, labels) => {
        const own = new Map(Object.entries(labels));
        const parts = (wanted.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
          const listed = own.has(key) && values.includes(own.get(key) as string);
          return { In: listed, NotIn: !listed, Exists: own.has(key), DoesNotExist: !own.has(key) }[operator];
        });
        const exact = Object.entries(wanted.matchLabels ?? {}).map(([key, value]) => own.get(key) === value);
        expect(matchesSelector(wanted, labels)).to.equal([...parts, ...exact].every(Boolean));
      }),
      { numRuns: 1000 },
    );
  });

  it('of the largest size takes no time', () => {
    const values = Array.from({ length: 64 }, (_, n) => `${n}`.padStart(63, 'a'));
    const matchExpressions = Array.from({ length: 64 }, () => ({ key: 'a', operator: 'NotIn' as const, values }));
    atOnce(() => {
      for (let n = 0; n < 1000; n++) expect(matchesSelector({ matchExpressions }, { a: 'b' })).to.equal(true);
    });
  });
}).timeout(PATIENCE_MS);

describe('A hostile record of the names that are ours', () => {
  const recordedIn = (text: string): AccountRecord =>
    readAccount({
      metadata: { name: 'default', namespace: 'shop', uid: 'uid', resourceVersion: '1', annotations: { 'regcred.dev/pull-secrets': text } },
    });
  const nobody = { isPlaced: () => false, belongsTo: () => 'nobody' as const };

  /** After one write nothing is left to write, and what nobody recorded is as it was. */
  function settles(text: string, pullSecrets: AccountRecord['pullSecrets']): void {
    const before = { ...recordedIn(text), pullSecrets };
    const wanted = [intent(), intent({ name: 'other' })];
    const [plan] = planAccounts(wanted, namespace(), [before], nobody);
    const patch = (plan?.action?.patch ?? {}) as {
      metadata?: { annotations: Record<string, string | null> };
      imagePullSecrets?: null | [];
    };
    const record = patch.metadata ? (patch.metadata.annotations['regcred.dev/pull-secrets'] ?? '') : text;
    const list = (patch.metadata ? (patch.imagePullSecrets ?? []) : pullSecrets) as AccountRecord['pullSecrets'];
    const recorded = new Set(before.recorded);
    const foreign = (all: AccountRecord['pullSecrets']) => all.filter(({ name }) => name === undefined || !recorded.has(name));
    const asked = new Set(pullSecrets.map(({ name }) => name));
    expect(foreign(list).filter(({ name }) => asked.has(name))).to.deep.equal(foreign(pullSecrets));
    for (const { secretName } of wanted) expect(list.filter(({ name }) => name === secretName)).to.have.length.at.least(1);
    const [next] = planAccounts(wanted, namespace(), [{ ...recordedIn(record), pullSecrets: list }], nobody);
    expect(next?.action).to.equal(undefined);
  }

  const names = fc.constantFrom(
    'acme',
    'other',
    'theirs',
    '',
    ' ',
    '__proto__',
    'constructor',
    '\u0000',
    ' acme ',
    'ACME',
    'a'.repeat(300),
  );
  it('of any names is settled in one write, and what nobody recorded stays', () => {
    const list = fc.array(
      fc.oneof(
        names.map((name) => ({ name })),
        fc.constant({}),
      ),
      { maxLength: 6 },
    );
    const text = fc.oneof(
      fc.array(names, { maxLength: 6 }).map((all) => all.join(',')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(fc.property(text, list, settles), { numRuns: 1000 });
  });

  const MOST = 256 * 1024; // Of all annotations of an object together.
  const large: Record<string, string> = {
    'the same name over and over': 'a,'.repeat(MOST / 2),
    'other names each time': Array.from({ length: 40_000 }, (_, n) => n.toString(36)).join(','),
    'nothing but commas': ','.repeat(MOST),
    'one long name': 'a'.repeat(MOST),
  };
  for (const [what, text] of Object.entries(large)) {
    it(`of ${what} is kept in bounds, and settled in one write`, () => {
      atOnce(() => settles(text, [{ name: 'theirs' }]));
      expect(recordedIn(text).recorded).to.have.length.at.most(1000);
    });
  }
}).timeout(PATIENCE_MS);

describe('A Secret that pretends to be ours', () => {
  const there = (named: ReturnType<typeof secret>) => ({ named, labelled: [], rival: undefined, isSource: false });
  const odd = fc.constantFrom('regcred', 'acme', 'uid-acme', '', 'true', '__proto__', ',', 'labels:a,annotations:b', 'x'.repeat(1000));
  const key = fc.constantFrom(
    ...['app.kubernetes.io/managed-by', 'regcred.dev/credential-uid', 'regcred.dev/credential', 'regcred.dev/secret-metadata'],
    ...['regcred.dev/exclude', 'a', 'b', 'constructor'],
  );
  const metadata = fc.dictionary(key, odd);

  it('is written once at most until it is as wanted, or left alone; never both', () => {
    fc.assert(
      fc.property(metadata, metadata, fc.boolean(), (labels, annotations, adopt) => {
        const wanted = intent({ spec: { conflictPolicy: adopt ? 'Adopt' : 'Fail', secretMetadata: { labels: { team: 'a' } } } });
        const before = secret({ labels, annotations, owners: [], contentHash: 'sample', strayKeys: ['more'] });
        const plan = planSecret(wanted, namespace(), there(before));
        if (plan.conflict) return void expect(plan.actions).to.deep.equal([]);
        expect(plan.actions.map(({ kind }) => kind)).to.deep.equal(['update-secret']);
        const { patch } = plan.actions[0] as { patch: { metadata: { labels: object; annotations: object; ownerReferences: [] } } };
        const after = merged({ labels, annotations }, { labels: patch.metadata.labels, annotations: patch.metadata.annotations });
        const owners = patch.metadata.ownerReferences;
        const hash = content().hash;
        expect(
          planSecret(wanted, namespace(), there(secret({ ...after, owners, contentHash: hash, strayKeys: [] }))).actions,
        ).to.deep.equal([]);
      }),
      { numRuns: 1000 },
    );
  });
}).timeout(PATIENCE_MS);

describe('Hostile words of an admission webhook', () => {
  const auths = (passwords: readonly string[]) => ({
    auths: Object.fromEntries(
      passwords.map((password, n) => [`r${n}`, { auth: base64(`robot:${password}`), password, username: 'robot' }]),
    ),
  });
  const contentOf = (...passwords: string[]) => ({ ...content(), data: base64(JSON.stringify(auths(passwords))) });

  it('do not grow, though the passwords be the letters of what is said in their place', () => {
    const letters = contentOf(...'[withheld]');
    const said = atOnce(() => repeatable('withheld '.repeat(100_000), letters));
    expect(said.length).to.be.at.most(500);
  });

  it('are heard out at once, however many they are and whatever they hold', () => {
    const many = contentOf(...Array.from({ length: 5000 }, (_, n) => `sample-${n}-${CANARY}`));
    const words = Array.from({ length: 20_000 }, (_, n) => `denied: sample-${n % 5000}-${CANARY}`).join('\u202e\u009b\n');
    const said = atOnce(() => repeatable(words, many));
    expect(said.length).to.be.at.most(500);
    expect(said).to.match(/^[^\p{Cc}\p{Cf}]+$/u);
    keepsTheCanary(said);
  });

  it('do not show the beginning of a password where they are cut', () => {
    const password = `${CANARY}-${'x'.repeat(5000)}`;
    const long = contentOf(password);
    for (let before = 0; before < 40; before++) {
      const words = `${'.'.repeat(before * 100)}${password.repeat(20)}`;
      keepsTheCanary(repeatable(words, long));
    }
  });

  it('stay whole characters where they are cut', () => {
    for (const before of [498, 499, 500]) expect(repeatable(`${'x'.repeat(before)}🔑🔑`, undefined).isWellFormed()).to.equal(true);
  });
}).timeout(PATIENCE_MS);
