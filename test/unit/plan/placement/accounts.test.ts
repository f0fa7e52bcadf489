import { expect } from 'chai';
import fc from 'fast-check';
import type { AccountRecord } from '../../../../src/api/records.ts';
import { readAccount } from '../../../../src/cluster/accounts.ts';
import type { KubeObject } from '../../../../src/kube/object.ts';
import {
  type AccountAction,
  type AccountPlan,
  firstRejectedAccountField,
  type NameOwners,
  planAccounts,
} from '../../../../src/plan/placement/accounts.ts';
import type { Intent } from '../../../../src/plan/placement/intent.ts';
import { account, intent, merged, namespace } from '../../../support/builders.ts';

const NOTHING_PLACED: NameOwners = { isPlaced: () => false, ownerOf: () => 'nobody' };
const acme = intent();
const beta = intent({ name: 'beta' });
const waiting = intent({ content: undefined });
const renamed = intent({ secretName: 'new' });
const suspended = intent({ secretName: 'new', mode: 'suspend' });
const waitingRenamed = intent({ secretName: 'new', content: undefined });
const movedAway = intent({ secretName: 'new', spec: { namespaces: { names: ['elsewhere'] } } });
const entries = (...names: string[]) => names.map((name) => ({ name }));

const planOf = (intents: readonly Intent[], one: AccountRecord, names: Partial<NameOwners> = {}, where = namespace()) =>
  planAccounts(intents, where, [one], { ...NOTHING_PLACED, ...names })[0] as AccountPlan;

describe('The references in a ServiceAccount', () => {
  interface Case {
    readonly intents: readonly Intent[];
    readonly has?: Partial<AccountRecord>;
    readonly names?: Partial<NameOwners>;
    /** The list and the annotation after the write; undefined if nothing is written. */
    readonly want: readonly [list: readonly object[] | null, annotation: string | null] | undefined;
  }
  const ours = { pullSecrets: entries('acme'), recorded: ['acme'] };
  const cases: Record<string, Case> = {
    'are appended if they are missing': { intents: [acme], want: [entries('acme'), 'acme'] },
    'are appended after the entries of others, in order': {
      intents: [beta, acme],
      has: { pullSecrets: [{ name: 'z' }, {}, { name: 'a' }] },
      want: [[{ name: 'z' }, {}, { name: 'a' }, { name: 'acme' }, { name: 'beta' }], 'acme,beta'],
    },
    'are left alone if they are as desired': { intents: [acme], has: ours, want: undefined },
    'are not recorded as managed if a user added them': { intents: [acme], has: { pullSecrets: entries('acme') }, want: undefined },
    'are added again if another user removed them': { intents: [acme], has: { recorded: ['acme'] }, want: [entries('acme'), 'acme'] },
    'are added once if two credentials have the same Secret name': {
      intents: [acme, intent({ name: 'beta', secretName: 'acme' })],
      want: [entries('acme'), 'acme'],
    },
    'are removed with their record if no credential needs them': { intents: [], has: ours, want: [null, null] },
    'are removed between the entries of others, even if they are there twice': {
      intents: [],
      has: { pullSecrets: [...entries('z', 'acme'), {}, ...entries('acme', 'a')], recorded: ['acme'] },
      want: [[{ name: 'z' }, {}, { name: 'a' }], null],
    },
    'have their record removed even if the entry is already gone': {
      intents: [],
      has: { pullSecrets: entries('z'), recorded: ['acme'] },
      want: [entries('z'), null],
    },
    'are not removed if a user added them': {
      intents: [intent({ mode: 'cleanup' })],
      has: { pullSecrets: entries('acme') },
      want: undefined,
    },
    'are removed when the credential is deleted, and those of other credentials stay': {
      intents: [intent({ mode: 'cleanup' }), beta],
      has: { pullSecrets: entries('acme', 'beta'), recorded: ['acme', 'beta'] },
      want: [entries('beta'), 'beta'],
    },
    'stay when one of two credentials with the same Secret name is deleted': {
      intents: [intent({ mode: 'cleanup' }), intent({ name: 'beta', secretName: 'acme' })],
      has: ours,
      want: undefined,
    },
    'are replaced when the Secret gets another name': {
      intents: [intent({ secretName: 'new' })],
      has: ours,
      want: [entries('new'), 'new'],
    },
    'are removed if the namespace is not selected': {
      intents: [intent({ spec: { namespaces: { names: ['team-*'] } } })],
      has: ours,
      want: [null, null],
    },
    'are removed if the account is not selected': {
      intents: [intent({ spec: { serviceAccounts: { names: [] } } })],
      has: ours,
      want: [null, null],
    },
    'stay while their credential is suspended': { intents: [intent({ mode: 'suspend' })], has: ours, want: undefined },
    'are not appended while their credential is suspended': { intents: [intent({ mode: 'suspend' })], want: undefined },
    'are not appended before the sources are known to be valid': { intents: [waiting], want: undefined },
    'stay while the sources are not known to be valid': { intents: [waiting], has: ours, want: undefined },
    'are removed without valid sources too, if the account is not selected': {
      intents: [intent({ content: undefined, spec: { serviceAccounts: { names: [] } } })],
      has: ours,
      want: [null, null],
    },
    'are appended without valid sources if the Secret is placed': {
      intents: [waiting],
      names: { isPlaced: (one) => one === waiting },
      want: [entries('acme'), 'acme'],
    },
    'stay if a deleted credential retained their Secret': {
      intents: [],
      has: ours,
      names: { ownerOf: () => 'retained' },
      want: undefined,
    },
    'stay while their owner is unknown': { intents: [], has: ours, names: { ownerOf: () => 'unknown' }, want: undefined },
    'stay under a former name until the Secret of that name is deleted': {
      intents: [renamed],
      has: ours,
      names: { ownerOf: (name) => (name === 'acme' ? renamed : 'nobody') },
      want: [entries('acme', 'new'), 'acme,new'],
    },
    'stay under a former name while their credential is suspended': {
      intents: [suspended],
      has: ours,
      names: { ownerOf: () => suspended },
      want: undefined,
    },
    'stay under a former name while the sources are not known to be valid': {
      intents: [waitingRenamed],
      has: ours,
      names: { ownerOf: () => waitingRenamed },
      want: undefined,
    },
    'are removed under a former name if the namespace is not selected': {
      intents: [movedAway],
      has: ours,
      names: { ownerOf: () => movedAway },
      want: [null, null],
    },
    'stay when their credential is deleted under Retain': { intents: [intent({ mode: 'retain' })], has: ours, want: undefined },
    'that stay keep their record when others are appended': {
      intents: [beta],
      has: { pullSecrets: entries('zeta'), recorded: ['zeta'] },
      names: { ownerOf: (name) => (name === 'zeta' ? 'retained' : 'nobody') },
      want: [entries('zeta', 'beta'), 'beta,zeta'],
    },
    'are left alone in an account that is being deleted': { intents: [], has: { ...ours, terminating: true }, want: undefined },
    'are removed from an account that opted out': {
      intents: [acme],
      has: { ...ours, labels: { 'regcred.dev/exclude': 'true' } },
      want: [null, null],
    },
  };
  for (const [what, { intents, has, names, want }] of Object.entries(cases)) {
    it(what, () => {
      const { action } = planOf(intents, account({ resourceVersion: '7', ...has }), names);
      expect(action).to.deep.equal(
        want && {
          kind: 'patch-account',
          namespace: 'shop',
          name: 'default',
          names: want[1]?.split(',') ?? [],
          patch: {
            metadata: { uid: 'uid-default', resourceVersion: '7', annotations: { 'regcred.dev/pull-secrets': want[1] } },
            imagePullSecrets: want[0],
          },
        },
      );
    });
  }

  it('are planned with the credentials that need them, for each account', () => {
    const all = intent({ name: 'beta', spec: { serviceAccounts: { names: ['*'] } } });
    const [one, other] = [account(), account({ name: 'builder' })];
    const plans = planAccounts([acme, all, intent({ name: 'c', mode: 'suspend' })], namespace(), [one, other], NOTHING_PLACED);
    expect(plans.map(({ account: of, desiredBy, action }) => [of, desiredBy, action?.names])).to.deep.equal([
      [one, [acme, all], ['acme', 'beta']],
      [other, [all], ['beta']],
    ]);
  });

  it('need nothing in a namespace that no longer exists or is Terminating', () => {
    for (const where of [undefined, namespace({ terminating: true })]) {
      expect(planAccounts([acme], where, [account()], NOTHING_PLACED)).to.deep.equal([]);
    }
  });

  it('are added and removed without a trace among the entries of others', () => {
    const name = fc.constantFrom('acme', 'beta', 'c', 'theirs', 'z');
    const unmanaged = fc.array(
      fc.oneof(
        name.map((one) => ({ name: one })),
        fc.constant({}),
      ),
      { maxLength: 6 },
    );
    const secretNames = ['acme', 'beta', 'c', 'c'];
    const steps = fc.array(fc.uniqueArray(fc.nat(secretNames.length - 1)), { minLength: 1, maxLength: 5 });

    fc.assert(
      fc.property(unmanaged, steps, fc.nat(4), (theirs, wants, joinsAt) => {
        const late = { name: 'made-meanwhile' };
        let object: KubeObject = {
          metadata: { namespace: 'shop', name: 'default', uid: 'uid-default', resourceVersion: '1' },
          imagePullSecrets: theirs,
        };
        for (const [step, wanted] of [...wants, []].entries()) {
          const intents = secretNames.map((secretName, n) =>
            intent({ name: `credential-${n}`, secretName, mode: wanted.includes(n) ? 'sync' : 'cleanup' }),
          );
          const { action } = planOf(intents, readAccount(object));
          object = action ? merged(object, action.patch) : object;
          expect(planOf(intents, readAccount(object)).action).to.equal(undefined);

          const list = object.imagePullSecrets ?? [];
          expect(list.slice(0, theirs.length)).to.deep.equal(theirs);
          for (const n of wanted) expect(list).to.deep.include({ name: secretNames[n] });
          if (step === joinsAt) object = { ...object, imagePullSecrets: [...list, late] };
        }
        expect((object.imagePullSecrets ?? []).filter((entry) => entry.name !== late.name)).to.deep.equal(theirs);
        expect(object.imagePullSecrets?.some((entry) => entry.name === late.name) ?? false).to.equal(joinsAt <= wants.length);
        expect(object.metadata.annotations ?? {}).to.deep.equal({});
      }),
      { numRuns: 500 },
    );
  });
});

describe('What the API server stored of a changed ServiceAccount', () => {
  const RECORD = 'metadata.annotations["regcred.dev/pull-secrets"]';
  const former = account({ pullSecrets: entries('former', 'theirs'), recorded: ['former'] });
  const nobody: Partial<NameOwners> = { ownerOf: () => 'nobody' };
  const table: Record<string, readonly [stored: Partial<AccountRecord>, rejected: string | undefined]> = {
    'is as sent': [{ pullSecrets: entries('theirs', 'acme'), recorded: ['acme'] }, undefined],
    'may have an entry that a policy adds': [{ pullSecrets: entries('added', 'theirs', 'acme'), recorded: ['acme'] }, undefined],
    'lacks an entry that was added': [{ pullSecrets: entries('theirs'), recorded: ['acme'] }, 'imagePullSecrets'],
    'has an entry that was removed': [{ pullSecrets: entries('former', 'theirs', 'acme'), recorded: ['acme'] }, 'imagePullSecrets'],
    'lacks the record of an entry': [{ pullSecrets: entries('theirs', 'acme'), recorded: [] }, RECORD],
    'has the record of an entry that was removed': [{ pullSecrets: entries('theirs', 'acme'), recorded: ['acme', 'former'] }, RECORD],
  };
  for (const [what, [stored, rejected]] of Object.entries(table)) {
    it(`${what}: ${rejected === undefined ? 'nothing' : rejected} was rejected`, () => {
      const { action } = planOf([acme], former, nobody);
      expect(firstRejectedAccountField(former, action as AccountAction, account(stored))).to.equal(rejected);
    });
  }
});
