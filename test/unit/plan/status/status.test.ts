import { expect } from 'chai';
import type { RegistryCredentialStatus } from '../../../../src/api/types.ts';
import type { FailureRow, PlacementFacts, StatusFacts } from '../../../../src/plan/status/facts.ts';
import { statusOf, statusPatch } from '../../../../src/plan/status/status.ts';
import { readySources, verificationFacts } from '../../../support/builders.ts';

const NOW = new Date('2026-03-04T05:06:07.890Z');
const counters = (desired: number, synced = desired, failed = 0, conflicted = 0) => ({ desired, synced, failed, conflicted });
const side = (desired: number, synced = desired, mods: Partial<PlacementFacts> = {}): PlacementFacts => ({
  counters: counters(desired, synced),
  pending: 0,
  failures: [],
  ...mods,
});

/** Everything is in place, in two namespaces with three accounts. */
const facts = (mods: Partial<StatusFacts> = {}): StatusFacts => ({
  ref: { kind: 'RegistryCredential', namespace: '', name: 'acme' },
  generation: 4,
  secretName: 'acme',
  mode: 'sync',
  isSuspended: false,
  selectsAccounts: true,
  injection: 'injected',
  sources: readySources(2),
  verification: verificationFacts(),
  secrets: side(2),
  accounts: side(3),
  ...mods,
});

type Row = FailureRow;
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
const invalid: StatusFacts['sources'] = {
  state: 'invalid',
  problems: [
    { reason: 'SourceMissing', message: 'One is missing.' },
    { reason: 'NotJSON', message: 'The other is no JSON.' },
  ],
};
const loading: StatusFacts['sources'] = { state: 'loading' };

const status = (mods: Partial<StatusFacts>, before?: RegistryCredentialStatus) => statusOf(facts(mods), before, NOW);
const condition = (type: string, of: RegistryCredentialStatus) => {
  const { status, reason, message } = of.conditions?.find((one) => one.type === type) ?? {};
  return [status, reason, message];
};

describe('The status', () => {
  it('of a synced credential also reports which parts of spec.namespaces match nothing', () => {
    const said = (unmatched: string[]) => condition('Ready', status({ unmatched }))[2];
    expect(said(['"shpo"'])).to.match(/refer to it\. This entry of spec\.namespaces matches no namespace: "shpo"\.$/);
    expect(said(['"a"', '"b"', '"c"', '"d"', '"e"', '"f"', 'the selector'])).to.match(
      /These entries of spec\.namespaces match no namespace: "a", .*"d", "e" and 2 more\.$/,
    );
  });

  it('lists five parts that match nothing, and the number of the others', () => {
    const said = (count: number) => condition('Ready', status({ unmatched: Array.from({ length: count }, (_, n) => `"${n}"`) }))[2];
    expect(said(5)).to.match(/match no namespace: "0", "1", "2", "3", "4"\.$/);
    expect(said(6)).to.match(/match no namespace: "0", "1", "2", "3", "4" and 1 more\.$/);
  });

  it("of a tenant's credential says of such parts only that no namespace accepts it", () => {
    const ref = { kind: 'NamespacedRegistryCredential', namespace: 'team-a', name: 'acme' } as const;
    const said = (count: number, mods: Partial<StatusFacts> = {}) =>
      condition('Ready', status({ ref, unmatched: Array.from({ length: count }, (_, n) => `"${n}"`), ...mods }))[2];
    const accept = 'To accept them, an administrator of such a namespace adds team-a to its annotation regcred.dev/accept-from.';
    const none = 'no namespace that accepts credentials from team-a';
    expect(said(0)).to.match(/refer to it\.$/);
    expect(said(1)).to.contain(` This entry of spec.namespaces matches ${none}: "0". ${accept}`);
    expect(said(5)).to.contain(` These entries of spec.namespaces match ${none}: "0", "1", "2", "3", "4". ${accept}`);
    expect(said(6)).to.contain(` These entries of spec.namespaces match ${none}: "0", "1", "2", "3", "4" and 1 more. ${accept}`);
    expect(said(1, { secrets: side(0), accounts: side(0) })).to.contain(
      `as soon as one matches. This entry of spec.namespaces matches ${none}`,
    );
  });

  it('has a row for each of the first 64 servers', () => {
    const servers = Array.from({ length: 65 }, (_, n) => ({
      ...{ server: `r${n}.io`, source: 'a/b', result: 'NotRefused' as const, message: '', isAnnotationMalformed: false },
    }));
    expect(status({ verification: verificationFacts({ servers }) }).registries).to.have.length(64);
  });

  it('of a credential in place names the entries of its sources that are not used', () => {
    const skipped = [
      { reason: 'MalformedEntry' as const, message: 'The first.' },
      { reason: 'MalformedEntry' as const, message: 'The second.' },
    ];
    const said = (n: number) => condition('SourcesReady', status({ sources: readySources(2, { skipped: skipped.slice(0, n) }) }));
    const all = 'All sources are valid. They hold credentials for 2 servers.';
    expect(said(0)).to.deep.equal(['True', 'Resolved', all]);
    expect(said(1)).to.deep.equal(['True', 'Resolved', `${all} One entry is not used: The first.`]);
    expect(said(2)).to.deep.equal(['True', 'Resolved', `${all} Some entries are not used: The first. The second.`]);
  });

  it('of what the operator no longer sees is Unknown if it was True, and reports that if it was False', () => {
    const problem = { reason: 'WatchLost' as const, message: 'Lost.' };
    const outdated = { sources: problem, secrets: undefined, accounts: problem };
    const after = status({ outdated });
    expect(condition('SourcesReady', after)).to.deep.equal(['Unknown', 'WatchLost', 'Lost.']);
    expect(condition('SecretsSynced', after)[0]).to.equal('True');
    expect(condition('ServiceAccountsSynced', after)).to.deep.equal(['Unknown', 'WatchLost', 'Lost.']);
    expect(condition('Ready', after)).to.deep.equal(['Unknown', 'WatchLost', 'Lost.']);
    const wrong = status({ outdated, sources: invalid });
    expect(condition('SourcesReady', wrong).slice(0, 2)).to.deep.equal(['False', 'SourceMissing']);
    expect(condition('SourcesReady', wrong)[2]).to.match(/^Lost\. /);
    expect(condition('SourcesReady', status({ outdated, sources: loading }))[1]).to.equal('Resolving');
  });

  it('has the next fetch of a token, but not in its last 5 minutes: the operator then asks every 30 seconds', () => {
    const MINUTE = 60_000;
    const at = NOW.getTime() + 60 * MINUTE;
    const token = {
      server: 'ghcr.io',
      source: 'regcred-system/t',
      result: 'NotRefused',
      message: '',
      isAnnotationMalformed: false,
    } as const;
    const nextOf = (minutesBeforeEnd: number) => {
      const row = { ...token, expiry: { source: 'Token', at } as const, refreshAt: at - minutesBeforeEnd * MINUTE };
      return status({ verification: verificationFacts({ servers: [row] }) }).registries?.[0]?.refreshAt;
    };
    expect([5, 4.5, 0].map(nextOf)).to.deep.equal(['2026-03-04T06:01:07Z', undefined, undefined]);
  });

  it('of a credential that is synced everywhere reports that, with the counts', () => {
    const server = { server: 'ghcr.io', source: 'regcred-system/robot', result: 'NotRefused', message: 'It accepts the login.' } as const;
    const expiry = { source: 'Annotation', at: Date.UTC(2027, 0, 31) } as const;
    const refreshAt = Date.UTC(2027, 0, 30);
    const answered = { ...server, checkedAt: Date.UTC(2026, 1, 2, 3, 4, 5), expiry, refreshAt, isAnnotationMalformed: false };
    const same = { status: 'True', observedGeneration: 4, lastTransitionTime: '2026-03-04T05:06:07Z' };
    expect(status({ verification: verificationFacts({ servers: [answered] }) })).to.deep.equal({
      observedGeneration: 4,
      secretName: 'acme',
      summary: '2/2',
      namespaces: counters(2),
      serviceAccounts: counters(3),
      expiresAt: '2027-01-31T00:00:00Z',
      registries: [
        {
          server: 'ghcr.io',
          result: 'NotRefused',
          message: 'It accepts the login.',
          checkedAt: '2026-02-02T03:04:05Z',
          expiresAt: '2027-01-31T00:00:00Z',
          expirySource: 'Annotation',
          refreshAt: '2027-01-30T00:00:00Z',
        },
      ],
      failuresTotal: 0,
      failures: [],
      conditions: [
        {
          type: 'Ready',
          ...same,
          reason: 'Synced',
          message: 'The Secret acme is in place in 2 namespaces, and 3 ServiceAccounts refer to it.',
        },
        { type: 'SourcesReady', ...same, reason: 'Resolved', message: 'All sources are valid. They hold credentials for 2 servers.' },
        { type: 'SecretsSynced', ...same, reason: 'Synced', message: 'The Secret acme is in place in 2 namespaces.' },
        { type: 'ServiceAccountsSynced', ...same, reason: 'Synced', message: 'The reference is in place in 3 ServiceAccounts.' },
        { type: 'Verified', ...same, reason: 'NotRefused', message: 'It accepts the login.' },
        {
          type: 'Expiring',
          ...same,
          status: 'False',
          reason: 'NotSoon',
          message: 'The next to expire is the password of Secret regcred-system/robot for ghcr.io, on 2027-01-31T00:00:00Z.',
        },
        {
          type: 'PodInjection',
          ...same,
          reason: 'Injected',
          message: 'The API server adds acme to the imagePullSecrets of new pods that lack it.',
        },
      ],
    });
  });

  const suspended = { mode: 'suspend', isSuspended: true } as const;
  const conditions: Record<
    string,
    readonly [type: string, mods: Partial<StatusFacts>, want: readonly [status: string, reason: string, message: string]]
  > = {
    'is ready in one namespace': [
      'Ready',
      { secrets: side(1), accounts: side(1) },
      ['True', 'Synced', 'The Secret acme is in place in 1 namespace, and 1 ServiceAccount refers to it.'],
    ],
    'is ready if no namespace matches': [
      'Ready',
      { secrets: side(0), accounts: side(0) },
      [
        'True',
        'NoNamespaceMatches',
        'spec.namespaces selects no namespace at the moment. The operator places the Secret as soon as one matches.',
      ],
    ],
    'is unknown while the operator reads the sources': [
      'Ready',
      { sources: loading },
      ['Unknown', 'Resolving', 'The operator is reading the sources.'],
    ],
    'is unknown while the operator places the Secrets': [
      'Ready',
      { secrets: side(5, 2, { pending: 3 }) },
      ['Unknown', 'Placing', 'The Secret acme is in place in 2 of 5 namespaces. The rest is being synced.'],
    ],
    'reports pending references when the Secrets are in place': [
      'Ready',
      { accounts: side(1, 0, { pending: 1 }) },
      ['Unknown', 'Placing', 'The reference is in place in 0 of 1 ServiceAccount. The rest is being synced.'],
    ],
    'is false while sources are invalid, and reports every problem': [
      'Ready',
      { sources: invalid },
      ['False', 'SourceMissing', 'One is missing. The other is no JSON. Secrets that are already placed stay as they are.'],
    ],
    'reports the Secrets that wait for the sources': [
      'SecretsSynced',
      { sources: invalid, secrets: side(2, 1) },
      ['Unknown', 'Resolving', 'The Secret acme is in place in 1 of 2 namespaces. The rest waits until the sources are valid.'],
    ],
    'is false for one failure, although other placements are pending': [
      'Ready',
      { accounts: side(14, 3, { pending: 1 }), secrets: side(14, 12, { pending: 1, failures: [failure()] }) },
      ['False', 'SecretExists', '1 namespace of 14 is not synced: shop (SecretExists): It exists.'],
    ],
    'is false with the reason of the first failure and the messages of all': [
      'Ready',
      { secrets: side(2, 1, { failures: [failure()] }), accounts: side(3, 2, { failures: [onAccount()] }) },
      [
        'False',
        'SecretExists',
        '1 namespace of 2 is not synced: shop (SecretExists): It exists. 1 ServiceAccount of 3 is not synced: shop/default (Forbidden): It is forbidden.',
      ],
    ],
    'reports the first three failures by namespace, and the number of the others': [
      'SecretsSynced',
      { secrets: side(9, 4, { failures: ['d', 'b', 'e', 'a', 'c'].map((namespace) => failure({ namespace })) }) },
      [
        'False',
        'SecretExists',
        '5 namespaces of 9 are not synced: a (SecretExists): It exists. b (SecretExists): It exists. c (SecretExists): It exists. And 2 more, see status.failures.',
      ],
    ],
    'reports three failures in full, and no others': [
      'SecretsSynced',
      { secrets: side(9, 6, { failures: ['b', 'a', 'c'].map((namespace) => failure({ namespace })) }) },
      [
        'False',
        'SecretExists',
        '3 namespaces of 9 are not synced: a (SecretExists): It exists. b (SecretExists): It exists. c (SecretExists): It exists.',
      ],
    ],
    'is unknown for a suspended credential, even if its sources are invalid': [
      'Ready',
      { ...suspended, sources: invalid },
      ['Unknown', 'Suspended', 'spec.suspend is true. The operator places, repairs and removes nothing until it is false.'],
    ],
    'reports the invalid sources of a suspended credential': [
      'SourcesReady',
      { ...suspended, sources: invalid },
      ['False', 'SourceMissing', 'One is missing. The other is no JSON. Secrets that are already placed stay as they are.'],
    ],
    'has the reason Suspended for sources that the operator does not read during a suspension': [
      'SourcesReady',
      { ...suspended, sources: loading },
      ['Unknown', 'Suspended', 'The operator is reading the sources.'],
    ],
    'says that nothing is placed until the sources are valid (SourcesReady)': [
      'SourcesReady',
      { sources: invalid, secrets: side(2, 0) },
      ['False', 'SourceMissing', 'One is missing. The other is no JSON. Nothing is synced until you fix this.'],
    ],
    'reports that no ServiceAccount matches (Ready)': [
      'Ready',
      { accounts: side(0) },
      [
        'True',
        'NoServiceAccountMatches',
        'spec.serviceAccounts selects no ServiceAccount in the 2 target namespaces, so pods inherit nothing. The operator adds the reference as soon as one matches. If no ServiceAccount should refer to it, set spec.serviceAccounts.names: [].',
      ],
    ],
    'reports that no ServiceAccount matches (ServiceAccountsSynced)': [
      'ServiceAccountsSynced',
      { accounts: side(0) },
      [
        'True',
        'NoServiceAccountMatches',
        'spec.serviceAccounts selects no ServiceAccount in the 2 target namespaces, so pods inherit nothing. The operator adds the reference as soon as one matches. If no ServiceAccount should refer to it, set spec.serviceAccounts.names: [].',
      ],
    ],
    'reports that no ServiceAccount matches in one namespace (ServiceAccountsSynced)': [
      'ServiceAccountsSynced',
      { secrets: side(1), accounts: side(0) },
      [
        'True',
        'NoServiceAccountMatches',
        'spec.serviceAccounts selects no ServiceAccount in the 1 target namespace, so pods inherit nothing. The operator adds the reference as soon as one matches. If no ServiceAccount should refer to it, set spec.serviceAccounts.names: [].',
      ],
    ],
    'is true for one ServiceAccount (ServiceAccountsSynced)': [
      'ServiceAccountsSynced',
      { accounts: side(1) },
      ['True', 'Synced', 'The reference is in place in 1 ServiceAccount.'],
    ],
    'is ready if the spec selects no ServiceAccounts (ServiceAccountsSynced)': [
      'ServiceAccountsSynced',
      { accounts: side(0), selectsAccounts: false },
      ['True', 'Synced', 'No namespace needs the reference at the moment.'],
    ],
    'is unknown for a credential that is deleted under Retain': [
      'Ready',
      { mode: 'retain', secrets: side(0, 0, { pending: 2 }) },
      [
        'Unknown',
        'Deleting',
        'spec.deletionPolicy is Retain, so everything stays in place. The owner reference must still be removed from 2 Secrets.',
      ],
    ],
    'is unknown for Secrets that were in place, while the operator reads the sources of a new spec (SecretsSynced)': [
      'SecretsSynced',
      { sources: loading },
      ['Unknown', 'Resolving', 'The operator is still reading the sources and the existing Secrets of this name.'],
    ],
    'is false if the operator cannot list the Secrets of the name': [
      'Ready',
      { sources: loading, blocked: { reason: 'Forbidden', message: 'It cannot be listed.' } },
      ['False', 'Forbidden', 'It cannot be listed.'],
    ],
    'counts the objects that are still to be cleaned up': [
      'Ready',
      { mode: 'cleanup', secrets: side(0, 0, { pending: 2 }), accounts: side(0, 0, { pending: 1 }) },
      ['Unknown', 'Deleting', 'Cleaning up: 2 Secrets are left, and references in 1 namespace.'],
    ],
    'reports the Secrets that are to be cleaned up': [
      'SecretsSynced',
      { mode: 'cleanup', secrets: side(0, 0, { pending: 1 }), accounts: side(0) },
      ['Unknown', 'Deleting', 'Cleaning up: 1 Secret is left, and references in 0 namespaces.'],
    ],
    'ignores the sources of a deleted credential': [
      'SourcesReady',
      { mode: 'cleanup', sources: invalid },
      ['Unknown', 'Deleting', 'The RegistryCredential is being deleted, so its sources are no longer read.'],
    ],
    'names under Retain the Secrets that still have an owner, not namespaces of 0': [
      'Ready',
      { mode: 'retain', secrets: side(0, 0, { failures: ['a', 'b'].map((namespace) => failure({ namespace, reason: 'Forbidden' })) }) },
      [
        'False',
        'Forbidden',
        'The owner reference cannot be removed from 2 Secrets, so the garbage collector will delete them: a (Forbidden): It exists. b (Forbidden): It exists.',
      ],
    ],
    'names what cannot be removed apart from what cannot be placed': [
      'SecretsSynced',
      { secrets: side(3, 2, { failures: [failure(), { ...failure({ namespace: 'team', reason: 'SecretExists' }), isRemoval: true }] }) },
      [
        'False',
        'SecretExists',
        '1 namespace of 3 is not synced: shop (SecretExists): It exists. The Secret acme cannot be removed from 1 namespace: team (SecretExists): It exists.',
      ],
    ],
    'does not count what cannot be removed among what is desired': [
      'SecretsSynced',
      { secrets: side(3, 3, { failures: [{ ...failure(), isRemoval: true }] }) },
      ['False', 'SecretExists', 'The Secret acme cannot be removed from 1 namespace: shop (SecretExists): It exists.'],
    ],
    'is false if a finalizer cannot be removed': [
      'Ready',
      { mode: 'cleanup', blocked: { reason: 'Contested', message: 'A policy changes it.' } },
      ['False', 'Contested', 'A policy changes it.'],
    ],
    'is false if an object cannot be cleaned up': [
      'Ready',
      { mode: 'cleanup', accounts: side(0, 0, { failures: [onAccount()] }) },
      ['False', 'Forbidden', 'The reference cannot be removed from 1 ServiceAccount: shop/default (Forbidden): It is forbidden.'],
    ],
  };
  for (const [what, [type, mods, want]] of Object.entries(conditions)) {
    it(`${what} (${type})`, () => expect(condition(type, status(mods))).to.deep.equal(want));
  }

  const injections: Record<string, readonly [mods: Partial<StatusFacts>, want: readonly [status: string, reason: string, words: string]]> =
    {
      'if the policy is installed': [{}, ['True', 'Injected', 'adds acme to the imagePullSecrets of new pods']],
      'if labels select some accounts': [
        { injection: 'byNameOnly' },
        ['True', 'SelectorOnAccounts', 'cannot see the labels of ServiceAccounts'],
      ],
      'if labels select all accounts': [
        { injection: 'bySelectorOnly' },
        ['False', 'SelectorOnAccounts', 'list the ServiceAccounts in spec.serviceAccounts.names'],
      ],
      'if the spec selects no accounts': [{ injection: 'noAccounts' }, ['False', 'PodInjectionOff', 'selects none']],
      'if the spec disables it': [{ injection: 'off' }, ['False', 'PodInjectionOff', 'spec.podInjection is None']],
      'if the policy is not installed': [
        { injection: 'notInstalled' },
        ['False', 'PolicyNotInstalled', 'kubectl apply -k manifests/components/pod-injection'],
      ],
      'if the cluster does not support the policy': [{ injection: 'notServed' }, ['False', 'PolicyNotServed', 'Kubernetes 1.36']],
      'if the right to read the policy is missing': [{ injection: 'unreadable' }, ['Unknown', 'Forbidden', 'manifests/rbac.yaml']],
      'by the policy of an earlier version': [{ injection: 'perCredential' }, ['True', 'Injected', 'of an earlier version']],
      'if the policy of an earlier version does not know the kind': [
        { injection: 'perClusterCredential' },
        ['False', 'PolicyNotInstalled', 'knows RegistryCredentials only'],
      ],
      'before the operator has written the rules': [{ injection: 'pending' }, ['Unknown', 'Resolving', 'writing the rules']],
      'if the kind of the rules is not installed': [{ injection: 'noRules' }, ['False', 'PolicyNotInstalled', 'kubectl apply -f crds/']],
      'if the rules have a problem': [
        { injection: { reason: 'PodInjectionCapped', message: 'The lists are too long.' } },
        ['False', 'PodInjectionCapped', 'The lists are too long. A new pod gets'],
      ],
      'before the operator has read the policy': [{ injection: 'unknown' }, ['Unknown', 'Resolving', 'still reading whether the policy']],
      'during a suspension': [suspended, ['False', 'Suspended', 'spec.suspend is true']],
      'during a deletion': [{ mode: 'cleanup' }, ['False', 'Deleting', 'being deleted']],
    };
  for (const [where, [mods, [holds, reason, words]]] of Object.entries(injections)) {
    it(`reports whether new pods get the name ${where}, and Ready does not depend on it`, () => {
      const [is, why, message] = condition('PodInjection', status(mods));
      expect([is, why]).to.deep.equal([holds, reason]);
      expect(message).to.contain(words);
      const { injection: _, ...others } = mods;
      expect(condition('Ready', status(mods))).to.deep.equal(condition('Ready', status(others)));
    });
  }

  it('has the most frequent reason of many, and the first by name of equally frequent ones', () => {
    const reasonOf = (...reasons: string[]) =>
      condition('SecretsSynced', status({ secrets: side(9, 0, { failures: reasons.map((reason) => failure({ reason })) }) }))[1];
    expect(reasonOf('Contested', 'Refused', 'Refused')).to.equal('Refused');
    expect(reasonOf('Refused', 'Forbidden', 'Unavailable')).to.equal('Forbidden');
  });

  it('keeps the transition time of a condition whose status does not change', () => {
    const before = statusOf(facts(), undefined, new Date('2026-01-01T00:00:00Z'));
    const { conditions } = status({ generation: 5, secrets: side(3, 2, { pending: 1 }), sources: readySources(3) }, before);
    expect(
      conditions?.map(({ type, lastTransitionTime, observedGeneration }) => [type, lastTransitionTime, observedGeneration]),
    ).to.deep.equal([
      ['Ready', '2026-03-04T05:06:07Z', 5],
      ['SourcesReady', '2026-01-01T00:00:00Z', 5],
      ['SecretsSynced', '2026-03-04T05:06:07Z', 5],
      ['ServiceAccountsSynced', '2026-01-01T00:00:00Z', 5],
      ['Verified', '2026-01-01T00:00:00Z', 5],
      ['Expiring', '2026-01-01T00:00:00Z', 5],
      ['PodInjection', '2026-01-01T00:00:00Z', 5],
    ]);
    expect(conditions?.[1]?.message).to.contain('3 servers');
  });

  it('is equal for equal facts', () => {
    const mods = { secrets: side(2, 1, { failures: [failure()] }) };
    const before = statusOf(facts(mods), undefined, new Date('2026-01-01T00:00:00Z'));
    expect(status(mods, before)).to.deep.equal(before);
  });

  it('keeps the last known counts during a suspension', () => {
    const before = statusOf(facts({ secrets: side(15, 14) }), undefined, NOW);
    const nothing = { ...suspended, secrets: side(0), accounts: side(0) };
    expect(status(nothing, before)).to.deep.include({ summary: '14/15', namespaces: counters(15, 14), serviceAccounts: counters(3) });
    expect(status(nothing)).to.deep.include({ summary: '0/0', namespaces: counters(0), serviceAccounts: counters(0) });
  });

  it('lists the first 20 failures by namespace, only with the documented fields, and counts all', () => {
    const many = Array.from({ length: 30 }, (_, n) => onAccount({ namespace: `n${String(29 - n).padStart(2, '0')}` }));
    const builder = onAccount({ namespace: 'n00', name: 'builder' });
    const extra = { ...failure({ namespace: 'n00' }), isConflict: true };
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
  const recovery = (podRecovery: StatusFacts['podRecovery']) => condition('PodRecovery', status({ podRecovery }));
  const refused = (pod: string) => ({ reason: 'Forbidden', message: `shop/${pod}: the API server says no` }) as const;
  const FIX =
    'Grant the permissions in manifests/components/pod-recovery (Helm value podRecovery), find the policy that refuses, or set spec.podRecovery: None.';

  it('is absent if the spec does not enable recovery', () => expect(recovery(undefined)).to.deep.equal([undefined, undefined, undefined]));

  it('reports whether the operator sees pods', () => {
    expect(recovery({ state: 'starting' })).to.deep.equal(['Unknown', 'Resolving', 'The operator is listing the pending pods.']);
    expect(recovery({ state: 'watching', notEvicted: [] }).slice(0, 2)).to.deep.equal(['True', 'WatchingPods']);
  });

  it('says how to fix a missing right', () => {
    expect(recovery({ state: 'blind', why: 'it says no' })).to.deep.equal([
      'False',
      'Forbidden',
      `The operator cannot watch pending pods, so it does nothing about stuck pods: it says no. ${FIX}`,
    ]);
    expect(recovery({ state: 'watching', notEvicted: [refused('web-1'), refused('web-2')] })).to.deep.equal([
      'False',
      'Forbidden',
      `2 stuck pods cannot be evicted: shop/web-1: the API server says no. ${FIX}`,
    ]);
  });

  it('does not affect Ready', () => {
    expect(condition('Ready', status({ podRecovery: { state: 'blind', why: 'it says no' } }))).to.deep.equal(
      condition('Ready', status({})),
    );
  });
});

describe('The patch of a status', () => {
  it('removes the fields that the next status lacks, and is that status otherwise', () => {
    const before = statusOf(facts({ verification: verificationFacts() }), undefined, new Date(0));
    expect(statusPatch({ ...before, expiresAt: '2027-01-31T00:00:00Z' }, before)).to.deep.equal({ ...before, expiresAt: null });
    expect(statusPatch(undefined, before)).to.deep.equal(before);
  });
});
