import { LABEL, MANAGER } from '../api/names.ts';
import type { SecretRecord } from '../api/records.ts';
import type { Watches } from './follow.ts';
import type { View } from './store.ts';

/** The Secrets that we made, and a place for the answers to our own writes. */
export interface Ours extends View<SecretRecord> {
  wrote(record: SecretRecord): void;
}

/**
 * The Secrets that we made, out of those that are watched by their name: for an operator that may not list Secrets by
 * label, because RBAC would have to let it list all (docs/adr/0007-source-namespaces.md). It knows those under watched names only.
 */
export class OursByName implements Ours {
  readonly #named: Watches<SecretRecord>;
  /** It is for each name by itself to say whether it is known. */
  readonly synced = true;
  readonly error = undefined;

  constructor(named: Watches<SecretRecord>) {
    this.#named = named;
  }

  get(namespace: string, name: string): SecretRecord | undefined {
    return ours(this.#named.view(name)?.get(namespace, name));
  }

  *in(namespace: string): Iterable<SecretRecord> {
    for (const view of this.#named.views()) yield* filtered(view.in(namespace));
  }

  *all(): Iterable<SecretRecord> {
    yield* filtered(this.#named.records());
  }

  get size(): number {
    return [...this.all()].length;
  }

  wrote(record: SecretRecord): void {
    this.#named.wrote(record.name, record);
  }
}

const ours = (secret: SecretRecord | undefined) => (secret?.labels[LABEL.managedBy] === MANAGER ? secret : undefined);

function* filtered(secrets: Iterable<SecretRecord>): Iterable<SecretRecord> {
  for (const secret of secrets) if (ours(secret)) yield secret;
}
