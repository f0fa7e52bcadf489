import { expect } from 'chai';
import fc from 'fast-check';
import type { AccountRecord, SourceRecord } from '../../../../src/api/records.ts';
import type { RegistryCredentialSpec } from '../../../../src/api/types.ts';
import { readAccount } from '../../../../src/cluster/accounts.ts';
import { foreignEncodingOf } from '../../../../src/plan/content/encoding.ts';
import { redact } from '../../../../src/plan/content/redact.ts';
import { type Resolution, resolve } from '../../../../src/plan/content/resolve.ts';
import { planAccounts } from '../../../../src/plan/placement/accounts.ts';
import { planSecret } from '../../../../src/plan/placement/secret.ts';
import { statusOf } from '../../../../src/plan/status/status.ts';
import { matchesGlob, matchesSelector, type Selector } from '../../../../src/plan/targets/match.ts';
import { base64, content, intent, merged, namespace, secret, source, spec, verificationFacts } from '../../../support/builders.ts';
import { CANARY, CANARY_FORMS, CORPUS, PASSWORDS } from '../../../support/corpus.ts';
import { cpuMs } from '../../../support/cpu-time.ts';

/**
 * Any user of the cluster may have written the objects in it. No object may crash the operator, block it, fill its memory or its
 * status, or make it reveal a value.
 */

/** Far longer than anything takes on a busy machine, and far shorter than an algorithm of quadratic time takes. */
const AT_ONCE_MS = 10_000;
const PATIENCE_MS = 2 * AT_ONCE_MS;

function atOnce<T>(work: () => T): T {
  const start = cpuMs();
  const result = work();
  expect(cpuMs() - start).to.be.below(AT_ONCE_MS);
  return result;
}

function keepsTheCanary(text: string): void {
  const lower = text.toLowerCase();
  const form = CANARY_FORMS.find((form) => (form === CANARY ? lower : text).includes(form));
  if (form !== undefined) throw new Error(`${form} is in: ${text}`);
}

describe('A hostile source', () => {
  const ref = (key?: string) => ({ secretRef: { namespace: 'tenant', name: 'hostile', ...(key !== undefined && { key }) } });

  /** Every kind of source with these bytes, and every way to refer to it. */
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

  /** Problems and content must be bounded, and problems must not contain values of the content. */
  function isWell(resolution: Resolution): void {
    if (resolution.state === 'loading') throw new Error('nothing is loading');
    if (resolution.state === 'ready') {
      const text = Buffer.from(resolution.content.data, 'base64').toString();
      expect(text.length).to.be.at.most(1024 * 1024);
      const { auths } = JSON.parse(text) as { auths: Record<string, Record<string, unknown>> };
      expect(Object.keys(auths)).to.have.length.at.least(resolution.content.servers);
      for (const { message } of resolution.skipped) isFit(message);
      return;
    }
    const none = { counters: { desired: 0, synced: 0, failed: 0, conflicted: 0 }, pending: 0, failures: [] };
    const facts = {
      ref: { kind: 'RegistryCredential', namespace: '', name: 'acme' } as const,
      generation: 1,
      secretName: 'acme',
      mode: 'sync' as const,
      isSuspended: false,
      selectsAccounts: true,
      injection: 'injected' as const,
      verification: verificationFacts(),
    };
    const status = JSON.stringify(statusOf({ ...facts, sources: resolution, secrets: none, accounts: none }, undefined, new Date(0)));
    expect(status.length).to.be.below(8192);
    for (const { message } of resolution.problems) isFit(message);
    keepsTheCanary(status);
  }

  function isFit(message: string): void {
    expect(message.length).to.be.below(2048);
    if (/[\p{Cc}\p{Cf}]/u.test(message)) throw new Error(`a terminal may obey this: ${JSON.stringify(message)}`);
    keepsTheCanary(message);
  }

  function survives(bytes: Buffer): void {
    for (const { secret, given } of every(bytes)) isWell(resolve(spec(given), 'uid-acme', () => ({ state: 'present', secret })));
  }

  for (const [what, bytes] of Object.entries(CORPUS)) {
    it(`with ${what} does no harm`, () => atOnce(() => survives(Buffer.from(bytes as string))));
  }

  it('that is cut, doubled, swapped or changed does no harm', () => {
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
    // Thousands of runs: on a busy machine they take as long as those of no other case.
  }).timeout(6 * PATIENCE_MS);

  /** A mutation may turn the canary into the name of a server. Names are not secret, so messages may show it. */
  function names(bytes: Buffer): string[] {
    try {
      const config = JSON.parse(bytes.toString()) as Record<string, object>;
      return [config, ...Object.values(config)].flatMap((object) => Object.keys(object ?? {}));
    } catch {
      return [];
    }
  }

  it('cannot make the status large, even if the spec refers to it 80 times', () => {
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

  for (const [what, password] of Object.entries(PASSWORDS)) it(`${what} is copied byte for byte`, () => survives(password));

  it('of any characters is copied byte for byte', () => {
    const text = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter((password) => !/[\r\n]$/.test(password) && foreignEncodingOf(Buffer.from(password)) === undefined);
    fc.assert(fc.property(text, survives), { numRuns: 1000 });
  });
}).timeout(PATIENCE_MS);

describe('A hostile glob', () => {
  const globs = ['*a*a*a*a*b', `${'*a'.repeat(31)}b`, '*'.repeat(63), `${'*?'.repeat(31)}`, `${'?'.repeat(30)}*${'?'.repeat(30)}b`];
  for (const glob of globs) {
    it(`such as ${glob} takes at most its length times the length of the name`, () => {
      // The string counts every access to a character: two for each step, and at most glob × name steps.
      for (const length of [63, 253, 2000]) {
        const name = counted('a'.repeat(length));
        matchesGlob(glob, name.text);
        expect(name.looks()).to.be.at.most(2 * (glob.length + 1) * (length + 1));
      }
    });
  }

  it('takes a bounded time for every glob and name', () => {
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

  it('matches if and only if each of its parts matches', () => {
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

  it('of the largest size is matched quickly', () => {
    const values = Array.from({ length: 64 }, (_, n) => `${n}`.padStart(63, 'a'));
    const matchExpressions = Array.from({ length: 64 }, () => ({ key: 'a', operator: 'NotIn' as const, values }));
    atOnce(() => {
      for (let n = 0; n < 1000; n++) expect(matchesSelector({ matchExpressions }, { a: 'b' })).to.equal(true);
    });
  });
}).timeout(PATIENCE_MS);

describe('A hostile record of managed names', () => {
  const recordedIn = (text: string): AccountRecord =>
    readAccount({
      metadata: { name: 'default', namespace: 'shop', uid: 'uid', resourceVersion: '1', annotations: { 'regcred.dev/pull-secrets': text } },
    });
  const nobody = { isPlaced: () => false, ownerOf: () => 'nobody' as const };

  /** After one write nothing is left to write, and unrecorded names are unchanged. */
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
  it('with any names is settled in one write, and unrecorded names stay', () => {
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

  const MOST = 256 * 1024; // The limit for all annotations of one object.
  const large: Record<string, string> = {
    'the same name over and over': 'a,'.repeat(MOST / 2),
    'other names each time': Array.from({ length: 40_000 }, (_, n) => n.toString(36)).join(','),
    'nothing but commas': ','.repeat(MOST),
    'one long name': 'a'.repeat(MOST),
  };
  for (const [what, text] of Object.entries(large)) {
    it(`with ${what} stays bounded, and is settled in one write`, () => {
      atOnce(() => settles(text, [{ name: 'theirs' }]));
      expect(recordedIn(text).recorded).to.have.length.at.most(1000);
    });
  }
}).timeout(PATIENCE_MS);

describe('A Secret that claims to be managed', () => {
  const there = (named: ReturnType<typeof secret>) => ({ named, withUid: [], otherCredential: undefined, isSource: false });
  const odd = fc.constantFrom('regcred', 'acme', 'uid-acme', '', 'true', '__proto__', ',', 'labels:a,annotations:b', 'x'.repeat(1000));
  const key = fc.constantFrom(
    ...['app.kubernetes.io/managed-by', 'regcred.dev/credential-uid', 'regcred.dev/credential', 'regcred.dev/secret-metadata'],
    ...['regcred.dev/exclude', 'a', 'b', 'constructor'],
  );
  const metadata = fc.dictionary(key, odd);

  it('is either written once and then as desired, or left untouched', () => {
    fc.assert(
      fc.property(metadata, metadata, fc.boolean(), (labels, annotations, adopt) => {
        const wanted = intent({ spec: { conflictPolicy: adopt ? 'Adopt' : 'Fail', secretMetadata: { labels: { team: 'a' } } } });
        const before = secret({ labels, annotations, owners: [], contentHash: 'sample', strayKeys: ['more'] });
        const plan = planSecret(wanted, namespace(), there(before));
        if (plan.kind === 'conflict') return void expect(plan).to.have.all.keys('kind', 'problem');
        if (plan.kind !== 'place') throw new Error(`the plan is ${plan.kind}`);
        expect(plan.actions.map(({ kind }) => kind)).to.deep.equal(['update-secret']);
        const { patch } = plan.actions[0] as { patch: { metadata: { labels: object; annotations: object; ownerReferences: [] } } };
        const after = merged({ labels, annotations }, { labels: patch.metadata.labels, annotations: patch.metadata.annotations });
        const owners = patch.metadata.ownerReferences;
        const hash = content().hash;
        expect(planSecret(wanted, namespace(), there(secret({ ...after, owners, contentHash: hash, strayKeys: [] })))).to.deep.equal({
          kind: 'synced',
        });
      }),
      { numRuns: 1000 },
    );
  });
}).timeout(PATIENCE_MS);

describe('A hostile message of an admission webhook', () => {
  const auths = (passwords: readonly string[]) => ({
    auths: Object.fromEntries(
      passwords.map((password, n) => [`r${n}`, { auth: base64(`robot:${password}`), password, username: 'robot' }]),
    ),
  });
  const contentOf = (...passwords: string[]) => ({ ...content(), data: base64(JSON.stringify(auths(passwords))) });

  it('does not grow if the passwords are the letters of the placeholder', () => {
    const letters = contentOf(...'[withheld]');
    const said = atOnce(() => redact('withheld '.repeat(100_000), letters));
    expect(said.length).to.be.at.most(500);
  });

  it('is redacted quickly, whatever its length and content', () => {
    const many = contentOf(...Array.from({ length: 5000 }, (_, n) => `sample-${n}-${CANARY}`));
    const words = Array.from({ length: 20_000 }, (_, n) => `denied: sample-${n % 5000}-${CANARY}`).join('\u202e\u009b\n');
    const said = atOnce(() => redact(words, many));
    expect(said.length).to.be.at.most(500);
    expect(said).to.match(/^[^\p{Cc}\p{Cf}]+$/u);
    keepsTheCanary(said);
  });

  it('does not show the beginning of a password at the place where it is cut', () => {
    const password = `${CANARY}-${'x'.repeat(5000)}`;
    const long = contentOf(password);
    for (let before = 0; before < 40; before++) {
      const words = `${'.'.repeat(before * 100)}${password.repeat(20)}`;
      keepsTheCanary(redact(words, long));
    }
  });

  it('is cut only between whole characters', () => {
    for (const before of [498, 499, 500]) expect(redact(`${'x'.repeat(before)}🔑🔑`, undefined).isWellFormed()).to.equal(true);
  });
}).timeout(PATIENCE_MS);
