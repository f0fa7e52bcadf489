/** The credentials of the test cluster. Each states its purpose twice: as functions for the check, and as a spec for the operator. */
import type { Meant } from '../support/invariant.ts';

/** A credential of the test cluster: the expected state, and the spec that requests it. */
export interface Sort {
  readonly meant: Omit<Meant, 'name' | 'logins'>;
  readonly spec: object;
}

/** The sorts of credentials, by the name of the first of each. `meant` and `spec` say the same. */
export const SORTS = {
  wide: {
    meant: {
      secretName: 'wide',
      wants: ({ name, labels }) => name.startsWith('team-') && labels.tier !== 'internal',
      refers: () => true,
    },
    spec: {
      namespaces: { names: ['team-*'], exclude: { selector: { matchLabels: { tier: 'internal' } } } },
      serviceAccounts: { names: ['*'] },
    },
  },
  adopting: {
    meant: {
      secretName: 'shared-pull',
      adopts: true,
      wants: ({ labels }) => labels.pull === 'shared',
      refers: ({ name }) => name === 'default',
    },
    spec: { secretName: 'shared-pull', conflictPolicy: 'Adopt', namespaces: { selector: { matchLabels: { pull: 'shared' } } } },
  },
  kept: {
    meant: {
      secretName: 'kept',
      retains: true,
      labels: { owner: 'platform' },
      wants: ({ name }) => name.startsWith('shop-'),
      refers: ({ labels }) => labels.robot === 'yes',
    },
    spec: {
      deletionPolicy: 'Retain',
      secretMetadata: { labels: { owner: 'platform' } },
      namespaces: { names: ['shop-*'] },
      serviceAccounts: { names: [], selector: { matchLabels: { robot: 'yes' } } },
    },
  },
  regional: {
    meant: {
      secretName: 'regional',
      wants: ({ name, labels }) => ['eu', 'us'].includes(labels.region ?? '') && !/-1.$/.test(name),
      refers: ({ name }) => name === 'default' || name.startsWith('build'),
    },
    spec: {
      namespaces: {
        selector: { matchExpressions: [{ key: 'region', operator: 'In', values: ['eu', 'us'] }] },
        exclude: { names: ['*-1?'] },
      },
      serviceAccounts: { names: ['default', 'build*'] },
    },
  },
  bare: {
    meant: { secretName: 'bare', wants: ({ name }) => /^team-..$/.test(name), refers: () => false },
    spec: { namespaces: { names: ['team-??'] }, serviceAccounts: { names: [] } },
  },
  passing: {
    meant: {
      secretName: 'passing',
      wants: ({ name }) => name.startsWith('team-') || name.startsWith('shop-'),
      refers: ({ name }) => name === 'default',
    },
    spec: { namespaces: { names: ['team-*', 'shop-*'] } },
  },
} satisfies Record<string, Sort>;
/** The credentials that always exist; `passing` is created and deleted. */
export const LASTING = ['wide', 'adopting', 'kept', 'regional', 'bare'] as const;
export type SortName = keyof typeof SORTS;

/** The credentials of tenants, by name. Each states its purpose twice, like those above. */
export const TENANTS = {
  /** Only in its own namespace. */
  own: {
    home: 'team-3',
    meant: { secretName: 'own', wants: ({ name }) => name === 'team-3', refers: ({ name }) => name === 'default' },
    spec: {},
  },
  /** Also where it is accepted. */
  shared: {
    home: 'team-6',
    meant: {
      secretName: 'shared',
      wants: ({ name }) => name === 'team-6' || /^(shop|team-new|bystander)-/.test(name),
      refers: ({ name }) => name === 'default',
      never: ({ name }) => name.startsWith('bystander-'),
    },
    spec: { namespaces: { names: ['team-6', 'shop-*', 'team-new-*', 'bystander-*'] } },
  },
  /** Wants the same Secret as `shared` where both are accepted. */
  second: {
    home: 'team-12',
    meant: {
      secretName: 'shared',
      wants: ({ name }) => name === 'team-12' || name.startsWith('shop-'),
      refers: () => true,
    },
    spec: { secretName: 'shared', namespaces: { names: ['team-12', 'shop-*'] }, serviceAccounts: { names: ['*'] } },
  },
  /** Wants the Secret of the cluster-scoped `wide`, and gets it while that one has another name. */
  rival: {
    home: 'team-9',
    meant: { secretName: 'wide', wants: ({ name }) => name === 'team-9', refers: ({ name }) => name === 'default' },
    spec: { secretName: 'wide' },
  },
  /** Comes and goes with `passing`. */
  visitor: {
    home: 'team-18',
    meant: {
      secretName: 'visitor',
      wants: ({ name }) => name === 'team-18' || name.startsWith('shop-'),
      refers: ({ name }) => name === 'default',
      never: ({ name }) => name.startsWith('bystander-'),
    },
    spec: { namespaces: { names: ['team-18', 'shop-*'] } },
  },
  /** Its namespace goes. */
  leaver: {
    home: 'leaver',
    meant: { secretName: 'leaver', wants: ({ name }) => ['leaver', 'harbour'].includes(name), refers: ({ name }) => name === 'default' },
    spec: { namespaces: { names: ['leaver', 'harbour'] } },
  },
} satisfies Record<string, Sort & { readonly home: string }>;
export type TenantName = keyof typeof TENANTS;
export const LASTING_TENANTS = ['own', 'shared', 'second', 'rival'] as const;

/** What the annotation accept-from of a namespace may say. */
export const ACCEPTED = [null, 'team-6', 'team-12', 'team-6, team-12', 'team-18,team-12,team-6'] as const;

/** Other specs for the same credentials, and what each means. */
export const CHANGES: readonly { readonly of: 'wide' | 'regional' | 'adopting'; readonly to: Sort }[] = [
  { of: 'regional', to: regionalIn('us', 'ap') },
  { of: 'wide', to: { meant: { ...SORTS.wide.meant, secretName: 'wide-next' }, spec: { ...SORTS.wide.spec, secretName: 'wide-next' } } },
  {
    of: 'adopting',
    to: {
      meant: { ...SORTS.adopting.meant, refers: ({ name }) => name === 'builder' },
      spec: { ...SORTS.adopting.spec, serviceAccounts: { names: ['builder'] } },
    },
  },
  { of: 'regional', to: SORTS.regional },
  // A merge patch removes only what it names.
  { of: 'wide', to: { ...SORTS.wide, spec: { ...SORTS.wide.spec, secretName: null } } },
  { of: 'adopting', to: { ...SORTS.adopting, spec: { ...SORTS.adopting.spec, serviceAccounts: { names: ['default'] } } } },
];

function regionalIn(...regions: string[]): Sort {
  const { meant, spec } = SORTS.regional;
  const wants: Meant['wants'] = ({ name, labels }) => regions.includes(labels.region ?? '') && !/-1.$/.test(name);
  const selector = { matchExpressions: [{ key: 'region', operator: 'In', values: regions }] };
  return { meant: { ...meant, wants }, spec: { ...spec, namespaces: { ...spec.namespaces, selector } } };
}
