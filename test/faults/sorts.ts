/** The credentials of the world. Each says twice what it is meant to do: to the judge in words of the test's, and to the operator in a spec. */
import type { Meant } from '../support/invariant.ts';

/** A credential of the world: what it is meant to do, and the spec that says so to the operator. */
export interface Sort {
  readonly meant: Omit<Meant, 'name' | 'logins'>;
  readonly spec: object;
}

/** The sorts of credentials, by the name of the first of each. The words and the spec say the same, twice. */
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
/** Those that stay for as long as the world does; `passing` comes and goes. */
export const LASTING = ['wide', 'adopting', 'kept', 'regional', 'bare'] as const;
export type SortName = keyof typeof SORTS;

/** Other specs for the same credential, and what each means. */
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
  // A merge patch takes away only what it names.
  { of: 'wide', to: { ...SORTS.wide, spec: { ...SORTS.wide.spec, secretName: null } } },
  { of: 'adopting', to: { ...SORTS.adopting, spec: { ...SORTS.adopting.spec, serviceAccounts: { names: ['default'] } } } },
];

function regionalIn(...regions: string[]): Sort {
  const { meant, spec } = SORTS.regional;
  const wants: Meant['wants'] = ({ name, labels }) => regions.includes(labels.region ?? '') && !/-1.$/.test(name);
  const selector = { matchExpressions: [{ key: 'region', operator: 'In', values: regions }] };
  return { meant: { ...meant, wants }, spec: { ...spec, namespaces: { ...spec.namespaces, selector } } };
}
