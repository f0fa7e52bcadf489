import { expect } from 'chai';
import type { RegistryCredentialStatus } from '../../../src/api/types.ts';
import { type Facts, type Side, statusOf } from '../../../src/plan/status.ts';

const NOW = new Date('2026-03-04T05:06:07.890Z');
const counters = (desired: number, synced = desired, failed = 0, conflicted = 0) => ({ desired, synced, failed, conflicted });
const side = (desired: number, synced = desired, mods: Partial<Side> = {}): Side => ({
  counters: counters(desired, synced),
  pending: 0,
  failures: [],
  ...mods,
});

/** All is well, in two namespaces with three accounts. */
const facts = (mods: Partial<Facts> = {}): Facts => ({
  generation: 4,
  secretName: 'acme',
  mode: 'place',
  suspended: false,
  wantsAccounts: true,
  injection: 'injected',
  sources: { state: 'ready', servers: 2 },
  secrets: side(2),
  accounts: side(3),
  ...mods,
});

type Row = Side['failures'][number];
const failure = (mods: Partial<Row> = {}): Row => ({
  namespace: 'shop',
  kind: 'Secret',
  name: 'acme',
  reason: 'SecretExists',
  message: 'It exists.',
  ...mods,
});
const onAccount = (mods: Partial<Row> = {}) =>
  failure({ kind: 'ServiceAccount', name: 'default', reason: 'Forbidden', message: 'It is forbidden.', ...mods });
const invalid: Facts['sources'] = {
  state: 'invalid',
  problems: [
    { reason: 'SourceMissing', message: 'One is missing.' },
    { reason: 'NotJSON', message: 'The other is no JSON.' },
  ],
};
const loading: Facts['sources'] = { state: 'loading' };

const status = (mods: Partial<Facts>, before?: RegistryCredentialStatus) => statusOf(facts(mods), before, NOW);
const condition = (type: string, of: RegistryCredentialStatus) => {
  const { status, reason, message } = of.conditions?.find((one) => one.type === type) ?? {};
  return [status, reason, message];
};

describe('The status', () => {
  it('of a credential in place says, too, what of spec.namespaces matches nothing', () => {
    const said = (unmatched: string[]) => condition('Ready', status({ unmatched }))[2];
    expect(said(['"shpo"'])).to.match(/refer to it\. No target matches "shpo" in spec\.namespaces at present\.$/);
    expect(said(['"a"', '"b"', '"c"', '"d"', '"e"', '"f"', 'the selector'])).to.contain('"d", nor "e", nor 2 more in spec.namespaces');
  });

  it('of a credential in place everywhere says so, with the counts', () => {
    const same = { status: 'True', observedGeneration: 4, lastTransitionTime: '2026-03-04T05:06:07Z' };
    expect(status({})).to.deep.equal({
      observedGeneration: 4,
      secretName: 'acme',
      summary: '2/2',
      namespaces: counters(2),
      serviceAccounts: counters(3),
      failuresTotal: 0,
      failures: [],
      conditions: [
        {
          type: 'Ready',
          ...same,
          reason: 'Synced',
          message: 'The Secret acme is in place in 2 namespaces, and 3 ServiceAccounts refer to it.',
        },
        { type: 'SourcesReady', ...same, reason: 'Resolved', message: 'All sources are valid; they hold credentials for 2 servers.' },
        { type: 'SecretsSynced', ...same, reason: 'Synced', message: 'The Secret acme is in place in 2 namespaces.' },
        { type: 'ServiceAccountsSynced', ...same, reason: 'Synced', message: 'The reference is in place in 3 ServiceAccounts.' },
        {
          type: 'PodInjection',
          ...same,
          reason: 'Injected',
          message: 'The API server adds acme to the imagePullSecrets of new pods that lack it.',
        },
      ],
    });
  });

  const suspended = { mode: 'hold', suspended: true } as const;
  const conditions: Record<
    string,
    readonly [type: string, mods: Partial<Facts>, want: readonly [status: string, reason: string, message: string]]
  > = {
    'is ready in one namespace': [
      'Ready',
      { secrets: side(1), accounts: side(1) },
      ['True', 'Synced', 'The Secret acme is in place in 1 namespace, and 1 ServiceAccount refers to it.'],
    ],
    'is ready where no namespace matches': [
      'Ready',
      { secrets: side(0), accounts: side(0) },
      ['True', 'NoNamespaceMatches', 'No namespace matches spec.namespaces at present; those that come to match get the Secret.'],
    ],
    'is unknown while the sources are being read': ['Ready', { sources: loading }, ['Unknown', 'Resolving', 'The sources are being read.']],
    'is unknown while placing is under way': [
      'Ready',
      { secrets: side(5, 2, { pending: 3 }) },
      ['Unknown', 'Placing', 'The Secret acme is in place in 2 of 5 namespaces; the rest is under way.'],
    ],
    'tells of references under way when the Secrets are in place': [
      'Ready',
      { accounts: side(1, 0, { pending: 1 }) },
      ['Unknown', 'Placing', 'The reference is in place in 0 of 1 ServiceAccount; the rest is under way.'],
    ],
    'is false while sources are invalid, and every problem is told': [
      'Ready',
      { sources: invalid },
      ['False', 'SourceMissing', 'One is missing. The other is no JSON. What has been placed stays as it is.'],
    ],
    'tells of the Secrets that wait for the sources': [
      'SecretsSynced',
      { sources: invalid, secrets: side(2, 1) },
      ['Unknown', 'Resolving', 'The Secret acme is in place in 1 of 2 namespaces; the rest waits for the sources to be valid.'],
    ],
    'is false for one failure, whatever else is under way': [
      'Ready',
      { accounts: side(14, 3, { pending: 1 }), secrets: side(14, 12, { pending: 1, failures: [failure()] }) },
      ['False', 'SecretExists', '1 namespace of 14 is not as wanted: shop (SecretExists): It exists.'],
    ],
    'is false with the reason of the first that is wrong and the words of all': [
      'Ready',
      { secrets: side(2, 1, { failures: [failure()] }), accounts: side(3, 2, { failures: [onAccount()] }) },
      [
        'False',
        'SecretExists',
        '1 namespace of 2 is not as wanted: shop (SecretExists): It exists. 1 ServiceAccount of 3 is not as wanted: shop/default (Forbidden): It is forbidden.',
      ],
    ],
    'names the first three failures by place, and how many more there are': [
      'SecretsSynced',
      { secrets: side(9, 4, { failures: ['d', 'b', 'e', 'a', 'c'].map((namespace) => failure({ namespace })) }) },
      [
        'False',
        'SecretExists',
        '5 namespaces of 9 are not as wanted: a (SecretExists): It exists. b (SecretExists): It exists. c (SecretExists): It exists. And 2 more, see status.failures.',
      ],
    ],
    'is unknown in a suspended credential, whatever its sources': [
      'Ready',
      { ...suspended, sources: invalid },
      ['Unknown', 'Suspended', 'spec.suspend is true: nothing is placed, repaired or taken back until it is false.'],
    ],
    'tells of the sources of a suspended credential': [
      'SourcesReady',
      { ...suspended, sources: invalid },
      ['False', 'SourceMissing', 'One is missing. The other is no JSON. What has been placed stays as it is.'],
    ],
    'blames suspension for sources that are not read': [
      'SourcesReady',
      { ...suspended, sources: loading },
      ['Unknown', 'Suspended', 'The sources are being read.'],
    ],
    'says that nothing is placed before the sources are valid (SourcesReady)': [
      'SourcesReady',
      { sources: invalid, secrets: side(2, 0) },
      ['False', 'SourceMissing', 'One is missing. The other is no JSON. Nothing is placed until this is mended.'],
    ],
    'tells of ServiceAccounts that are meant, of which there is none (Ready)': [
      'Ready',
      { accounts: side(0) },
      [
        'True',
        'NoServiceAccountMatches',
        'No ServiceAccount in the 2 target namespaces matches spec.serviceAccounts at present, so pods inherit nothing. Those that come to match get the reference; names: [] asks for none.',
      ],
    ],
    'is ready without ServiceAccounts where none are meant (ServiceAccountsSynced)': [
      'ServiceAccountsSynced',
      { accounts: side(0), wantsAccounts: false },
      ['True', 'Synced', 'The reference is not wanted anywhere at present.'],
    ],
    'is unknown for one deleted under Retain': [
      'Ready',
      { mode: 'release', secrets: side(0, 0, { pending: 2 }) },
      [
        'Unknown',
        'Deleting',
        'Everything is left as it is, because spec.deletionPolicy is Retain; 2 Secrets are still to be freed from being owned.',
      ],
    ],
    'is unknown for Secrets that were in place before, while the sources of another spec are being read (SecretsSynced)': [
      'SecretsSynced',
      { sources: loading },
      ['Unknown', 'Resolving', 'Nothing is decided until the sources, and what stands under the name of the Secret, are known.'],
    ],
    'is false where what stands under the name may not be known': [
      'Ready',
      { sources: loading, blocked: { reason: 'Forbidden', message: 'It cannot be listed.' } },
      ['False', 'Forbidden', 'It cannot be listed.'],
    ],
    'counts what is left to be taken back': [
      'Ready',
      { mode: 'remove', secrets: side(0, 0, { pending: 2 }), accounts: side(0, 0, { pending: 1 }) },
      ['Unknown', 'Deleting', 'Taking back what was made: 2 Secrets are left, and references in 1 namespace.'],
    ],
    'tells of Secrets that are to be taken back': [
      'SecretsSynced',
      { mode: 'remove', secrets: side(0, 0, { pending: 1 }), accounts: side(0) },
      ['Unknown', 'Deleting', 'Taking back what was made: 1 Secret is left, and references in 0 namespaces.'],
    ],
    'does not care for the sources of a deleted one': [
      'SourcesReady',
      { mode: 'remove', sources: invalid },
      ['Unknown', 'Deleting', 'The sources no longer matter: the RegistryCredential is being deleted.'],
    ],
    'is false where something cannot be taken back': [
      'Ready',
      { mode: 'remove', accounts: side(0, 0, { failures: [onAccount()] }) },
      ['False', 'Forbidden', '1 ServiceAccount cannot be cleaned up: shop/default (Forbidden): It is forbidden.'],
    ],
  };
  for (const [what, [type, mods, want]] of Object.entries(conditions)) {
    it(`${what} (${type})`, () => expect(condition(type, status(mods))).to.deep.equal(want));
  }

  const injections: Record<string, readonly [mods: Partial<Facts>, want: readonly [status: string, reason: string, words: string]]> = {
    'where the policy is installed': [{}, ['True', 'Injected', 'adds acme to the imagePullSecrets of new pods']],
    'where some accounts are meant by labels': [{ injection: 'byNameOnly' }, ['True', 'SelectorOnAccounts', 'cannot see labels']],
    'where all accounts are meant by labels': [
      { injection: 'bySelectorOnly' },
      ['False', 'SelectorOnAccounts', 'Name the ServiceAccounts'],
    ],
    'where no accounts are meant': [{ injection: 'noAccounts' }, ['False', 'PodInjectionOff', 'means none']],
    'where nobody wants it': [{ injection: 'off' }, ['False', 'PodInjectionOff', 'spec.podInjection is None']],
    'where the policy is not there': [
      { injection: 'notInstalled' },
      ['False', 'PolicyNotInstalled', 'kubectl apply -k manifests/components/pod-injection'],
    ],
    'where there can be no policy': [{ injection: 'notServed' }, ['False', 'PolicyNotServed', 'Kubernetes 1.36']],
    'where we may not look': [{ injection: 'unreadable' }, ['Unknown', 'Forbidden', 'manifests/rbac.yaml']],
    'before it was looked': [{ injection: 'unknown' }, ['Unknown', 'Resolving', 'not known yet']],
    'while it is suspended': [suspended, ['False', 'Suspended', 'spec.suspend is true']],
    'while it is being deleted': [{ mode: 'remove' }, ['False', 'Deleting', 'being deleted']],
  };
  for (const [where, [mods, [holds, reason, words]]] of Object.entries(injections)) {
    it(`tells whether new pods get the name, ${where}, and is no less Ready for it`, () => {
      const [is, why, message] = condition('PodInjection', status(mods));
      expect([is, why]).to.deep.equal([holds, reason]);
      expect(message).to.contain(words);
      const { injection: _, ...others } = mods;
      expect(condition('Ready', status(mods))).to.deep.equal(condition('Ready', status(others)));
    });
  }

  it('gives the most frequent reason of many, and the first by name of equally frequent ones', () => {
    const reasonOf = (...reasons: string[]) =>
      condition('SecretsSynced', status({ secrets: side(9, 0, { failures: reasons.map((reason) => failure({ reason })) }) }))[1];
    expect(reasonOf('Contested', 'Refused', 'Refused')).to.equal('Refused');
    expect(reasonOf('Refused', 'Forbidden', 'Unavailable')).to.equal('Forbidden');
  });

  it('keeps the time of the last transition of conditions whose status stands, whatever else changed', () => {
    const before = statusOf(facts(), undefined, new Date('2026-01-01T00:00:00Z'));
    const { conditions } = status({ generation: 5, secrets: side(3, 2, { pending: 1 }), sources: { state: 'ready', servers: 3 } }, before);
    expect(
      conditions?.map(({ type, lastTransitionTime, observedGeneration }) => [type, lastTransitionTime, observedGeneration]),
    ).to.deep.equal([
      ['Ready', '2026-03-04T05:06:07Z', 5],
      ['SourcesReady', '2026-01-01T00:00:00Z', 5],
      ['SecretsSynced', '2026-03-04T05:06:07Z', 5],
      ['ServiceAccountsSynced', '2026-01-01T00:00:00Z', 5],
      ['PodInjection', '2026-01-01T00:00:00Z', 5],
    ]);
    expect(conditions?.[1]?.message).to.contain('3 servers');
  });

  it('is the same again for the same facts', () => {
    const mods = { secrets: side(2, 1, { failures: [failure()] }) };
    const before = statusOf(facts(mods), undefined, new Date('2026-01-01T00:00:00Z'));
    expect(status(mods, before)).to.deep.equal(before);
  });

  it('on hold keeps the counts last seen, where there are any', () => {
    const before = statusOf(facts({ secrets: side(15, 14) }), undefined, NOW);
    const nothing = { ...suspended, secrets: side(0), accounts: side(0) };
    expect(status(nothing, before)).to.deep.include({ summary: '14/15', namespaces: counters(15, 14), serviceAccounts: counters(3) });
    expect(status(nothing)).to.deep.include({ summary: '0/0', namespaces: counters(0), serviceAccounts: counters(0) });
  });

  it('holds the first 20 failures by place, in order and without what is not theirs, and counts all', () => {
    const many = Array.from({ length: 30 }, (_, n) => onAccount({ namespace: `n${String(29 - n).padStart(2, '0')}` }));
    const builder = onAccount({ namespace: 'n00', name: 'builder' });
    const extra = { ...failure({ namespace: 'n00' }), conflict: true };
    const { failures, failuresTotal } = status({
      secrets: side(30, 29, { failures: [extra] }),
      accounts: side(30, 0, { failures: [...many, builder] }),
    });
    expect(failuresTotal).to.equal(32);
    expect(failures).to.have.length(20);
    expect(failures?.slice(0, 3)).to.deep.equal([failure({ namespace: 'n00' }), builder, onAccount({ namespace: 'n00' })]);
    expect(failures?.at(-1)?.namespace).to.equal('n17');
  });

  it('has no message longer than 1024 characters', () => {
    const long = failure({ message: 'x'.repeat(1025) });
    const { conditions = [], failures = [] } = status({
      secrets: side(1, 0, { failures: [long] }),
      sources: { state: 'invalid', problems: [{ reason: 'NotJSON', message: 'y'.repeat(2000) }] },
    });
    for (const { type, message } of conditions.slice(0, 3)) expect([type, message.length, message.at(-1)]).to.deep.equal([type, 1024, '…']);
    expect(failures.map(({ message }) => message)).to.deep.equal([`${'x'.repeat(1023)}…`]);
    expect(status({ secrets: side(1, 0, { failures: [failure({ message: 'x'.repeat(1024) })] }) }).failures?.[0]?.message).to.equal(
      'x'.repeat(1024),
    );
  });
});

describe('The condition PodRecovery', () => {
  const recovery = (podRecovery: Facts['podRecovery']) => condition('PodRecovery', status({ podRecovery }));
  const refused = (pod: string) => ({ reason: 'Forbidden', message: `shop/${pod}: the API server says no` }) as const;
  const MEND =
    'Give the operator the rights in manifests/components/pod-recovery (of the Helm chart: podRecovery), find the policy that says no, or set spec.podRecovery: None.';

  it('is not there where nobody asks for it', () => expect(recovery(undefined)).to.deep.equal([undefined, undefined, undefined]));

  it('tells whether pods are seen', () => {
    expect(recovery({ state: 'starting' })).to.deep.equal(['Unknown', 'Resolving', 'The pending pods are being listed.']);
    expect(recovery({ state: 'watching', notEvicted: [] }).slice(0, 2)).to.deep.equal(['True', 'WatchingPods']);
  });

  it('says how to mend what the API server refuses', () => {
    expect(recovery({ state: 'blind', why: 'it says no' })).to.deep.equal([
      'False',
      'Forbidden',
      `The pending pods cannot be seen, so nothing is done for those that hang: it says no. ${MEND}`,
    ]);
    expect(recovery({ state: 'watching', notEvicted: [refused('web-1'), refused('web-2')] })).to.deep.equal([
      'False',
      'Forbidden',
      `2 pods that hang cannot be made anew: shop/web-1: the API server says no. ${MEND}`,
    ]);
  });

  it('has no part in Ready', () => {
    expect(condition('Ready', status({ podRecovery: { state: 'blind', why: 'it says no' } }))).to.deep.equal(
      condition('Ready', status({})),
    );
  });
});
