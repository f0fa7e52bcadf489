/**
 * Which pods inherit the pull secret of a credential. One table tests both src/plan (test/unit/plan/pods/inheritance.test.ts) and the
 * policy in a real API server (test/cluster/pod-injection.test.ts).
 */
import type { AccountRecord, CredentialRecord, Labels, NamespaceRecord } from '../../src/api/records.ts';
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { intentOf } from '../../src/plan/placement/intent.ts';
import { selectsAccount, selectsNamespace, type TargetRules } from '../../src/plan/targets/targets.ts';
import { account, namespace } from './builders.ts';

/** The namespaces of every case. */
export const NAMESPACES: Record<string, Labels> = {
  shop: {},
  'team-a': { tier: 'front' },
  'team-b': { pull: 'acme', tier: 'back' },
  out: { pull: 'acme', 'regcred.dev/exclude': 'true' },
  in: { pull: 'acme', 'regcred.dev/exclude': 'false' },
};

/** The ServiceAccounts in each namespace. A pod without a serviceAccountName runs under `default`. */
export const ACCOUNTS: Record<string, Labels> = {
  default: {},
  builder: { role: 'build' },
  'build.er': {},
  'out-builder': { 'regcred.dev/exclude': 'true' },
};

export interface Case {
  readonly spec: Partial<RegistryCredentialSpec>;
  readonly terminating?: true;
  /** The pods that inherit, as NAMESPACE or NAMESPACE/SERVICEACCOUNT. */
  readonly pods: readonly string[];
  /** The result at admission, if it differs: admission cannot see the labels of ServiceAccounts. */
  readonly atAdmission?: readonly string[];
}

const all = ['shop', 'team-a', 'team-b', 'in'];
const namespaces = (selection: RegistryCredentialSpec['namespaces'], ...pods: string[]): Case => ({
  spec: { namespaces: selection },
  pods,
});
const selected = (matchExpression: object, ...pods: string[]): Case =>
  namespaces({ selector: { matchExpressions: [matchExpression] } } as RegistryCredentialSpec['namespaces'], ...pods);
const inShop = (serviceAccounts: RegistryCredentialSpec['serviceAccounts'], ...pods: string[]): Case => ({
  spec: { namespaces: { names: ['shop'] }, serviceAccounts },
  pods,
});

export const CASES: Record<string, Case> = {
  'a name selects the namespace of that name': namespaces({ names: ['shop'] }, 'shop'),
  'a name does not select namespaces that only begin with it': namespaces({ names: ['team'] }),
  'a name does not select namespaces that only end with it': namespaces({ names: ['hop'] }),
  '* selects all namespaces except those that opted out': namespaces({ names: ['*'] }, ...all),
  '* stands for any characters': namespaces({ names: ['team-*'] }, 'team-a', 'team-b'),
  '* also stands for no characters': namespaces({ names: ['*sh*op*'] }, 'shop'),
  '? stands for one character': namespaces({ names: ['team-?'] }, 'team-a', 'team-b'),
  '? does not stand for no character': namespaces({ names: ['shop?', '?shop'] }),
  'several globs select what any of them selects': namespaces({ names: ['no', 's*', 'i?'] }, 'shop', 'in'),

  'matchLabels selects the namespaces with these labels': namespaces({ selector: { matchLabels: { pull: 'acme' } } }, 'team-b', 'in'),
  'matchLabels does not select namespaces with another value': namespaces({ selector: { matchLabels: { pull: 'other' } } }),
  'matchLabels needs all its labels': namespaces({ selector: { matchLabels: { pull: 'acme', tier: 'back' } } }, 'team-b'),
  'an empty selector selects all': namespaces({ selector: {} }, ...all),
  'a selector with empty parts selects all': namespaces({ selector: { matchLabels: {}, matchExpressions: [] } }, ...all),
  'names and a selector select what either of them selects': namespaces(
    { names: ['shop'], selector: { matchLabels: { pull: 'acme' } } },
    ...['shop', 'team-b', 'in'],
  ),
  'an empty list of names and a selector select what the selector selects': namespaces(
    { names: [], selector: { matchLabels: { tier: 'front' } } },
    'team-a',
  ),
  'In selects namespaces with one of the values': selected({ key: 'tier', operator: 'In', values: ['front', 'back'] }, 'team-a', 'team-b'),
  'In does not select namespaces with another value or without the label': selected({ key: 'tier', operator: 'In', values: ['middle'] }),
  'NotIn selects namespaces with another value or without the label': selected(
    { key: 'tier', operator: 'NotIn', values: ['front'] },
    ...['shop', 'team-b', 'in'],
  ),
  'Exists selects namespaces with the label': selected({ key: 'tier', operator: 'Exists' }, 'team-a', 'team-b'),
  'DoesNotExist selects namespaces without the label': selected({ key: 'tier', operator: 'DoesNotExist' }, 'shop', 'in'),
  'Exists may have an empty list of values': selected({ key: 'tier', operator: 'Exists', values: [] }, 'team-a', 'team-b'),
  'a selector needs all its expressions and labels to match': namespaces(
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

  'exclude removes namespaces by a glob': namespaces({ names: ['*'], exclude: { names: ['team-*', 'i?'] } }, 'shop'),
  'exclude removes namespaces by labels': namespaces(
    { names: ['*'], exclude: { selector: { matchLabels: { pull: 'acme' } } } },
    'shop',
    'team-a',
  ),
  'exclude removes namespaces by an expression': namespaces(
    { selector: {}, exclude: { selector: { matchExpressions: [{ key: 'tier', operator: 'DoesNotExist' }] } } },
    ...['team-a', 'team-b'],
  ),
  'exclude removes namespaces that its names or its selector match': namespaces(
    { names: ['*'], exclude: { names: ['shop'], selector: { matchLabels: { tier: 'front' } } } },
    ...['team-b', 'in'],
  ),
  'exclude with an empty selector removes all': namespaces({ names: ['*'], exclude: { selector: {} } }),
  'an empty exclude removes none': namespaces({ names: ['*'], exclude: {} }, ...all),
  'exclude with an empty list of names removes none': namespaces({ names: ['*'], exclude: { names: [] } }, ...all),

  'an account is selected by its name': inShop({ names: ['builder'] }, 'shop/builder'),
  'accounts are selected by globs': inShop({ names: ['build*', 'def?ult'] }, 'shop', 'shop/builder', 'shop/build.er'),
  'a dot stands only for a dot': inShop({ names: ['build.er'] }, 'shop/build.er'),
  'an empty list of names without a selector selects no account': inShop({ names: [] }),
  '* selects all accounts except those that opted out': {
    ...inShop({ names: ['*'] }, 'shop', 'shop/builder', 'shop/build.er'),
    atAdmission: ['shop', 'shop/builder', 'shop/build.er', 'shop/out-builder'],
  },
  'accounts are selected by labels': {
    ...inShop({ names: [], selector: { matchLabels: { role: 'build' } } }, 'shop/builder'),
    atAdmission: [],
  },
  'accounts are selected by names or labels': {
    ...inShop({ names: ['default'], selector: { matchLabels: { role: 'build' } } }, 'shop', 'shop/builder'),
    atAdmission: ['shop'],
  },

  'the Secret may have another name than the credential': {
    spec: { namespaces: { names: ['shop'] }, secretName: 'another.name' },
    pods: ['shop'],
  },
  'a suspended credential selects none': { spec: { namespaces: { names: ['*'] }, suspend: true }, pods: [] },
  'a deleted credential selects none': { spec: { namespaces: { names: ['*'] } }, terminating: true, pods: [] },
  'podInjection None selects none': { spec: { namespaces: { names: ['*'] }, podInjection: 'None' }, pods: [] },
};

/** One pod for each namespace and account, with what src/plan needs to know about it. */
export const PODS = Object.entries(NAMESPACES).flatMap(([inNamespace, labels]) =>
  Object.entries(ACCOUNTS).map(([name, own]) => ({
    name: name === 'default' ? inNamespace : `${inNamespace}/${name}`,
    namespace: namespace({ name: inNamespace, labels }),
    account: account({ namespace: inNamespace, name, labels: own }),
  })),
);

/** Whether src/plan desires the reference in this account, and the name in its pods. With the tenant of the credential, it counts as well. */
export function inherits(credential: CredentialRecord & TargetRules, inNamespace: NamespaceRecord, under: AccountRecord): boolean {
  const { mode, spec } = intentOf(credential, undefined);
  return mode === 'sync' && spec.podInjection === 'Append' && selectsNamespace(credential, inNamespace) && selectsAccount(spec, under);
}
