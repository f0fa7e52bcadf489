/** What is open and which filters are set, as the part of the address after #. It can be sent to a colleague. */
import { CELL_STATES, type CellState } from '../../plan/coverage/cell-state.ts';

export interface Open {
  readonly kind: 'credential' | 'namespace';
  /** The name; of a namespaced credential `namespace/name`. */
  readonly name: string;
}

export interface Address {
  readonly open: Open | undefined;
  readonly query: string;
  readonly states: readonly CellState[];
}

/** Anything that is not an address of this page opens nothing. */
export function parseAddress(hash: string): Address {
  const [path = '', search = ''] = hash.replace(/^#/, '').split('?');
  const [kind, ...names] = path.split('/');
  const name = decoded(names.join('/'));
  const values = new URLSearchParams(search);
  const given = (values.get('state') ?? '').split(',');
  return {
    open: (kind === 'credential' || kind === 'namespace') && name !== '' ? { kind, name } : undefined,
    query: values.get('q') ?? '',
    states: CELL_STATES.filter((state) => given.includes(state)),
  };
}

/** The inverse of `parseAddress`, for links: `#credential/acme?q=shop`. */
export function formatAddress({ open, query, states }: Address): string {
  const path = open === undefined ? '' : `${open.kind}/${encodeURIComponent(open.name).replaceAll('%2F', '/')}`;
  const values = new URLSearchParams({
    ...(query !== '' && { q: query }),
    ...(states.length > 0 && { state: states.join(',') }),
  }).toString();
  return `#${path}${values === '' ? '' : `?${values.replaceAll('%2C', ',')}`}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return ''; // Not an address that this page wrote.
  }
}
