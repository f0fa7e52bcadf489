/**
 * Which pods inherit the pull secret of a credential: the one table that src/plan (test/unit/plan/inheritance.test.ts) and
 * the policy in a real API server (test/cluster/pod-injection.test.ts) are tested against.
 */
import type { AccountRecord, CredentialRecord, Labels, NamespaceRecord } from '../../src/api/records.ts';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { intentOf } from '../../src/plan/intent.ts';
import { coversAccount, isTarget } from '../../src/plan/targets.ts';
import { account, namespace } from './builders.ts';

/** The namespaces that there are. */
export const NAMESPACES: Record<string, Labels> = {
  shop: {},
  'team-a': { tier: 'front' },
  'team-b': { pull: 'acme', tier: 'back' },
  out: { pull: 'acme', 'regcred.dev/exclude': 'true' },
  in: { pull: 'acme', 'regcred.dev/exclude': 'false' },
};

/** The ServiceAccounts that there are in each; a pod that names none is under `default`. */
export const ACCOUNTS: Record<string, Labels> = {
  default: {},
  builder: { role: 'build' },
  'build.er': {},
  'out-builder': { 'regcred.dev/exclude': 'true' },
};

export interface Case {
  readonly spec: Partial<RegistryCredentialSpec>;
  readonly deleting?: true;
  /** The pods that inherit, as NAMESPACE or NAMESPACE/SERVICEACCOUNT. */
  readonly pods: readonly string[];
  /** Where admission sees otherwise: it does not see the labels of ServiceAccounts. */
  readonly atAdmission?: readonly string[];
}

const all = ['shop', 'team-a', 'team-b', 'in'];
const namespaces = (wanted: RegistryCredentialSpec['namespaces'], ...pods: string[]): Case => ({ spec: { namespaces: wanted }, pods });
const selected = (matchExpression: object, ...pods: string[]): Case =>
  namespaces({ selector: { matchExpressions: [matchExpression] } } as RegistryCredentialSpec['namespaces'], ...pods);
const inShop = (serviceAccounts: RegistryCredentialSpec['serviceAccounts'], ...pods: string[]): Case => ({
  spec: { namespaces: { names: ['shop'] }, serviceAccounts },
  pods,
});

export const CASES: Record<string, Case> = {
  'a name means the namespace of that name': namespaces({ names: ['shop'] }, 'shop'),
  'a name means none that only begins so': namespaces({ names: ['team'] }),
  'a name means none that only ends so': namespaces({ names: ['hop'] }),
  '* means all but those that opted out': namespaces({ names: ['*'] }, ...all),
  '* stands for any characters': namespaces({ names: ['team-*'] }, 'team-a', 'team-b'),
  '* stands for no characters, too': namespaces({ names: ['*sh*op*'] }, 'shop'),
  '? stands for one character': namespaces({ names: ['team-?'] }, 'team-a', 'team-b'),
  '? does not stand for none': namespaces({ names: ['shop?', '?shop'] }),
  'many globs mean what one of them means': namespaces({ names: ['no', 's*', 'i?'] }, 'shop', 'in'),

  'labels mean the namespaces that have them': namespaces({ selector: { matchLabels: { pull: 'acme' } } }, 'team-b', 'in'),
  'labels mean none that has another value': namespaces({ selector: { matchLabels: { pull: 'other' } } }),
  'all labels must be there': namespaces({ selector: { matchLabels: { pull: 'acme', tier: 'back' } } }, 'team-b'),
  'an empty selector means all': namespaces({ selector: {} }, ...all),
  'a selector of empty parts means all': namespaces({ selector: { matchLabels: {}, matchExpressions: [] } }, ...all),
  'names and a selector mean what either means': namespaces(
    { names: ['shop'], selector: { matchLabels: { pull: 'acme' } } },
    ...['shop', 'team-b', 'in'],
  ),
  'no names and a selector mean what the selector means': namespaces({ names: [], selector: { matchLabels: { tier: 'front' } } }, 'team-a'),
  'In means one of the values': selected({ key: 'tier', operator: 'In', values: ['front', 'back'] }, 'team-a', 'team-b'),
  'In means none with another value or without the label': selected({ key: 'tier', operator: 'In', values: ['middle'] }),
  'NotIn means others, and those without the label': selected(
    { key: 'tier', operator: 'NotIn', values: ['front'] },
    ...['shop', 'team-b', 'in'],
  ),
  'Exists means those with the label': selected({ key: 'tier', operator: 'Exists' }, 'team-a', 'team-b'),
  'DoesNotExist means those without': selected({ key: 'tier', operator: 'DoesNotExist' }, 'shop', 'in'),
  'Exists may say that it takes no values': selected({ key: 'tier', operator: 'Exists', values: [] }, 'team-a', 'team-b'),
  'all expressions and labels must hold': namespaces(
    {
      selector: {
        matchLabels: { pull: 'acme' },
        matchExpressions: [
          { key: 'tier', operator: 'Exists' },
          { key: 'tier', operator: 'NotIn', values: ['front'] },
        ],
      },
    },
    'team-b',
  ),

  'exclude takes out by a glob': namespaces({ names: ['*'], exclude: { names: ['team-*', 'i?'] } }, 'shop'),
  'exclude takes out by labels': namespaces({ names: ['*'], exclude: { selector: { matchLabels: { pull: 'acme' } } } }, 'shop', 'team-a'),
  'exclude takes out by an expression': namespaces(
    { selector: {}, exclude: { selector: { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] } } },
    ...['team-a', 'team-b'],
  ),
  'exclude takes out by either': namespaces(
    { names: ['*'], exclude: { names: ['shop'], selector: { matchLabels: { tier: 'front' } } } },
    ...['team-b', 'in'],
  ),
  'exclude by an empty selector takes out all': namespaces({ names: ['*'], exclude: { selector: {} } }),
  'exclude of nothing takes out none': namespaces({ names: ['*'], exclude: {} }, ...all),
  'exclude by no names takes out none': namespaces({ names: ['*'], exclude: { names: [] } }, ...all),

  'an account is meant by its name': inShop({ names: ['builder'] }, 'shop/builder'),
  'accounts are meant by globs': inShop({ names: ['build*', 'def?ult'] }, 'shop', 'shop/builder', 'shop/build.er'),
  'a dot stands for a dot': inShop({ names: ['build.er'] }, 'shop/build.er'),
  'no names and no selector mean no account': inShop({ names: [] }),
  'all accounts are meant but those that opted out': {
    ...inShop({ names: ['*'] }, 'shop', 'shop/builder', 'shop/build.er'),
    atAdmission: ['shop', 'shop/builder', 'shop/build.er', 'shop/out-builder'],
  },
  'accounts are meant by labels': {
    ...inShop({ names: [], selector: { matchLabels: { role: 'build' } } }, 'shop/builder'),
    atAdmission: [],
  },
  'accounts are meant by names or labels': {
    ...inShop({ names: ['default'], selector: { matchLabels: { role: 'build' } } }, 'shop', 'shop/builder'),
    atAdmission: ['shop'],
  },

  'the Secret may have a name of its own': { spec: { namespaces: { names: ['shop'] }, secretName: 'another.name' }, pods: ['shop'] },
  'suspended it means none': { spec: { namespaces: { names: ['*'] }, suspend: true }, pods: [] },
  'being deleted it means none': { spec: { namespaces: { names: ['*'] } }, deleting: true, pods: [] },
  'with podInjection None it means none': { spec: { namespaces: { names: ['*'] }, podInjection: 'None' }, pods: [] },
};

/** Every pod that there may be, with what src/plan has to know of it. */
export const PODS = Object.entries(NAMESPACES).flatMap(([inNamespace, labels]) =>
  Object.entries(ACCOUNTS).map(([name, own]) => ({
    name: name === 'default' ? inNamespace : `${inNamespace}/${name}`,
    namespace: namespace({ name: inNamespace, labels }),
    account: account({ namespace: inNamespace, name, labels: own }),
  })),
);

/** Whether src/plan wants the reference in this account, and the name in its pods. */
export function inherits(credential: CredentialRecord, inNamespace: NamespaceRecord, under: AccountRecord): boolean {
  const { mode, spec } = intentOf(credential, undefined);
  return mode === 'place' && spec.podInjection === 'Append' && isTarget(spec, inNamespace) && coversAccount(spec, under);
}
