import { expect } from 'chai';
import fc from 'fast-check';
import type { AccountRecord } from '../../../src/api/records.ts';
import { type KubeObject, readAccount } from '../../../src/kube/records.ts';
import { type AccountPlan, type NamesThere, planAccounts } from '../../../src/plan/accounts.ts';
import type { Intent } from '../../../src/plan/intent.ts';
import { account, intent, merged, namespace } from '../../support/builders.ts';

const NOTHING_THERE: NamesThere = { isPlaced: () => false, belongsTo: () => 'nobody' };
const acme = intent();
const beta = intent({ name: 'beta' });
const waiting = intent({ content: undefined });
const renamed = intent({ secretName: 'new' });
const onHold = intent({ secretName: 'new', mode: 'hold' });
const waitingRenamed = intent({ secretName: 'new', content: undefined });
const movedAway = intent({ secretName: 'new', spec: { namespaces: { names: ['elsewhere'] } } });
const entries = (...names: string[]) => names.map((name) => ({ name }));

const planOf = (intents: readonly Intent[], one: AccountRecord, names: Partial<NamesThere> = {}, where = namespace()) =>
  planAccounts(intents, where, [one], { ...NOTHING_THERE, ...names })[0] as AccountPlan;

describe('The references in a ServiceAccount', () => {
  interface Case {
    readonly intents: readonly Intent[];
    readonly has?: Partial<AccountRecord>;
    readonly names?: Partial<NamesThere>;
    /** The list and the annotation after the write; undefined where nothing is to be written. */
    readonly want: readonly [list: readonly object[] | null, annotation: string | null] | undefined;
  }
  const ours = { pullSecrets: entries('acme'), recorded: ['acme'] };
  const cases: Record<string, Case> = {
    'are appended where they are missing': { intents: [acme], want: [entries('acme'), 'acme'] },
    'are appended after other people’s entries, in order': {
      intents: [beta, acme],
      has: { pullSecrets: [{ name: 'z' }, {}, { name: 'a' }] },
      want: [[{ name: 'z' }, {}, { name: 'a' }, { name: 'acme' }, { name: 'beta' }], 'acme,beta'],
    },
    'are left alone where they are as wanted': { intents: [acme], has: ours, want: undefined },
    'are not recorded as ours where a person made them': { intents: [acme], has: { pullSecrets: entries('acme') }, want: undefined },
    'are put back where somebody stripped them': { intents: [acme], has: { recorded: ['acme'] }, want: [entries('acme'), 'acme'] },
    'are one where two credentials have the same Secret name': {
      intents: [acme, intent({ name: 'beta', secretName: 'acme' })],
      want: [entries('acme'), 'acme'],
    },
    'are removed with the record when nobody wants them': { intents: [], has: ours, want: [null, null] },
    'are removed from among other people’s entries, twice if need be': {
      intents: [],
      has: { pullSecrets: [...entries('z', 'acme'), {}, ...entries('acme', 'a')], recorded: ['acme'] },
      want: [[{ name: 'z' }, {}, { name: 'a' }], null],
    },
    'have their record removed though the entry is gone': {
      intents: [],
      has: { pullSecrets: entries('z'), recorded: ['acme'] },
      want: [entries('z'), null],
    },
    'are not removed where a person made them': {
      intents: [intent({ mode: 'remove' })],
      has: { pullSecrets: entries('acme') },
      want: undefined,
    },
    'are removed when the credential is deleted, and those of others stay': {
      intents: [intent({ mode: 'remove' }), beta],
      has: { pullSecrets: entries('acme', 'beta'), recorded: ['acme', 'beta'] },
      want: [entries('beta'), 'beta'],
    },
    'stay when one of two credentials with the same Secret name is deleted': {
      intents: [intent({ mode: 'remove' }), intent({ name: 'beta', secretName: 'acme' })],
      has: ours,
      want: undefined,
    },
    'are exchanged when the Secret gets another name': {
      intents: [intent({ secretName: 'new' })],
      has: ours,
      want: [entries('new'), 'new'],
    },
    'are removed where the namespace is no target': {
      intents: [intent({ spec: { namespaces: { names: ['team-*'] } } })],
      has: ours,
      want: [null, null],
    },
    'are removed where the account is not covered': {
      intents: [intent({ spec: { serviceAccounts: { names: [] } } })],
      has: ours,
      want: [null, null],
    },
    'stay as they are while their credential is on hold': { intents: [intent({ mode: 'hold' })], has: ours, want: undefined },
    'are not appended while their credential is on hold': { intents: [intent({ mode: 'hold' })], want: undefined },
    'are not appended before the sources are known to be good': { intents: [waiting], want: undefined },
    'stay while the sources are not known to be good': { intents: [waiting], has: ours, want: undefined },
    'are removed, without good sources too, where the account is not covered': {
      intents: [intent({ content: undefined, spec: { serviceAccounts: { names: [] } } })],
      has: ours,
      want: [null, null],
    },
    'are appended without good sources where the Secret is placed': {
      intents: [waiting],
      names: { isPlaced: (one) => one === waiting },
      want: [entries('acme'), 'acme'],
    },
    'stay where their Secret was left behind by a credential that is gone': {
      intents: [],
      has: ours,
      names: { belongsTo: () => 'gone' },
      want: undefined,
    },
    'stay while it is not known whose they are': { intents: [], has: ours, names: { belongsTo: () => 'undecided' }, want: undefined },
    'stay under a former name until the Secret under it is gone': {
      intents: [renamed],
      has: ours,
      names: { belongsTo: (name) => (name === 'acme' ? renamed : 'nobody') },
      want: [entries('acme', 'new'), 'acme,new'],
    },
    'stay under a former name while their credential is on hold': {
      intents: [onHold],
      has: ours,
      names: { belongsTo: () => onHold },
      want: undefined,
    },
    'stay under a former name while the sources are not known to be good': {
      intents: [waitingRenamed],
      has: ours,
      names: { belongsTo: () => waitingRenamed },
      want: undefined,
    },
    'are removed under a former name where the namespace is no target': {
      intents: [movedAway],
      has: ours,
      names: { belongsTo: () => movedAway },
      want: [null, null],
    },
    'stay when their credential is deleted under Retain': { intents: [intent({ mode: 'release' })], has: ours, want: undefined },
    'that are held keep their record when others are appended': {
      intents: [beta],
      has: { pullSecrets: entries('zeta'), recorded: ['zeta'] },
      names: { belongsTo: (name) => (name === 'zeta' ? 'gone' : 'nobody') },
      want: [entries('zeta', 'beta'), 'beta,zeta'],
    },
    'are left to an account that is being deleted': { intents: [], has: { ...ours, terminating: true }, want: undefined },
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

  it('are told with the credentials that want them, account by account', () => {
    const all = intent({ name: 'beta', spec: { serviceAccounts: { names: ['*'] } } });
    const [one, other] = [account(), account({ name: 'builder' })];
    const plans = planAccounts([acme, all, intent({ name: 'c', mode: 'hold' })], namespace(), [one, other], NOTHING_THERE);
    expect(plans.map(({ account: of, wantedBy, action }) => [of, wantedBy, action?.names])).to.deep.equal([
      [one, [acme, all], ['acme', 'beta']],
      [other, [all], ['beta']],
    ]);
  });

  it('are nothing to decide on in a namespace that is gone or Terminating', () => {
    for (const where of [undefined, namespace({ terminating: true })]) {
      expect(planAccounts([acme], where, [account()], NOTHING_THERE)).to.deep.equal([]);
    }
  });

  it('come and go without a trace among other people’s entries', () => {
    const name = fc.constantFrom('acme', 'beta', 'c', 'theirs', 'z');
    const foreign = fc.array(
      fc.oneof(
        name.map((one) => ({ name: one })),
        fc.constant({}),
      ),
      { maxLength: 6 },
    );
    const secretNames = ['acme', 'beta', 'c', 'c'];
    const steps = fc.array(fc.uniqueArray(fc.nat(secretNames.length - 1)), { minLength: 1, maxLength: 5 });

    fc.assert(
      fc.property(foreign, steps, fc.nat(4), (theirs, wants, joinsAt) => {
        const late = { name: 'made-meanwhile' };
        let object: KubeObject = {
          metadata: { namespace: 'shop', name: 'default', uid: 'uid-default', resourceVersion: '1' },
          imagePullSecrets: theirs,
        };
        for (const [step, wanted] of [...wants, []].entries()) {
          const intents = secretNames.map((secretName, n) =>
            intent({ name: `credential-${n}`, secretName, mode: wanted.includes(n) ? 'place' : 'remove' }),
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
