import { LABEL, PENDING } from '../api/names.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord, ObjectRecord, PodRecord, SecretRecord } from '../api/records.ts';
import type { View } from '../kube/store.ts';
import { asksForRecovery, type Intent, isGone, secretNameOf } from '../plan/intent.ts';
import { sourcesOf } from '../plan/resolve.ts';
import { isTarget } from '../plan/targets.ts';
import { PRIORITY, type Priority } from '../queue/queue.ts';
import type { Key } from './keys.ts';

/**
 * From a change to the keys that it concerns: those who want the object, and those who have something there, before the
 * change or after it. Nothing behind this point knows what has happened, only what is.
 */
export class Triggers {
  readonly #credentials: View<CredentialRecord>;
  readonly #managed: View<SecretRecord>;
  readonly #accounts: View<AccountRecord>;
  readonly #pods: { view(phase: string): View<PodRecord> | undefined };
  /** Whether Secrets are asked for by name only. */
  readonly #byName: boolean;
  readonly #intents: ReadonlyMap<string, Intent>;
  readonly #add: (key: Key, priority: Priority) => void;

  constructor(
    world: {
      credentials: View<CredentialRecord>;
      managed: View<SecretRecord>;
      accounts: View<AccountRecord>;
      pods: { view(phase: string): View<PodRecord> | undefined };
      sourceNamespaces?: readonly string[] | undefined;
    },
    intents: ReadonlyMap<string, Intent>,
    add: (key: Key, priority: Priority) => void,
  ) {
    this.#credentials = world.credentials;
    this.#managed = world.managed;
    this.#accounts = world.accounts;
    this.#pods = world.pods;
    this.#byName = world.sourceNamespaces !== undefined;
    this.#intents = intents;
    this.#add = add;
  }

  /** Everything there is, when a term begins. */
  all(): void {
    for (const { name } of this.#credentials.all()) this.#credential(name);
    for (const { namespace, recorded } of this.#accounts.all()) if (recorded.length > 0) this.#accountsIn(namespace);
  }

  credential(before: CredentialRecord | undefined, after: CredentialRecord | undefined): void {
    const { name } = (after ?? before) as CredentialRecord;
    this.#credential(name);
    if (!before || (after && !isGone(after) && after.generation === before.generation)) return;
    // Whoever was told that a Secret or a source of this one stands in the way may be told otherwise now.
    const others = [...this.#intents.values()].filter((other) => other.name !== name);
    for (const other of others.filter(({ secretName }) => secretName === secretNameOf(before))) {
      for (const { namespace } of this.#managed.all()) this.#secret(other.name, namespace);
    }
    for (const source of sourcesOf(before.spec)) {
      for (const other of others.filter(({ secretName }) => secretName === source.name)) this.#secret(other.name, source.namespace);
    }
  }

  /** The policy that adds our names to pods came or went: each credential's status tells of it. */
  podPolicy(): void {
    for (const { name } of this.#credentials.all()) this.#credential(name);
  }

  /** A source changed, or its watch came to know it. */
  source({ namespace, name }: Pick<ObjectRecord, 'namespace' | 'name'>): void {
    for (const credential of this.#credentials.all()) {
      if (sourcesOf(credential.spec).some((ref) => ref.namespace === namespace && ref.name === name)) this.#credential(credential.name);
    }
  }

  /** The watch of the Secrets of one name came to know them. */
  foreignKnown(secretName: string): void {
    for (const credential of this.#credentials.all()) {
      if (this.#byName || secretNameOf(credential) === secretName) this.#credential(credential.name);
    }
    // Only there may a credential wait for a name that it had before, and was a name not known before its watch was.
    if (!this.#byName) return;
    for (const { namespace, recorded } of this.#accounts.all()) if (recorded.includes(secretName)) this.#accountsIn(namespace);
  }

  namespace(before: NamespaceRecord | undefined, after: NamespaceRecord | undefined): void {
    const { name } = (after ?? before) as NamespaceRecord;
    const owners = new Set(Array.from(this.#managed.in(name), ({ labels }) => labels[LABEL.credentialUid]));
    let concerned = false;
    for (const intent of this.#intents.values()) {
      const wants = [before, after].some((namespace) => namespace && isTarget(intent.spec, namespace));
      if (!wants && !owners.has(intent.uid)) continue;
      this.#secret(intent.name, name);
      concerned = true;
    }
    if (concerned || this.#hasRecords(name)) this.#accountsIn(name);
  }

  account(before: AccountRecord | undefined, after: AccountRecord | undefined): void {
    const { namespace } = (after ?? before) as AccountRecord;
    // Whether anybody wants it is for the plan to say: that takes the namespace, which may not have come yet.
    if (this.#intents.size > 0 || before?.recorded.length || after?.recorded.length) this.#accountsIn(namespace);
    this.#podsIn(namespace);
  }

  /** A Secret of ours, or one under a name of ours. */
  secret(before: SecretRecord | undefined, after: SecretRecord | undefined): void {
    const { namespace, name } = (after ?? before) as SecretRecord;
    const uids = [before, after].map((secret) => secret?.labels[LABEL.credentialUid]);
    for (const intent of this.#intents.values()) {
      if (intent.secretName === name || uids.includes(intent.uid)) this.#secret(intent.name, namespace);
    }
    // A reference may hang on whether its Secret is there: one that was retained, or whose source is missing.
    if (!before || !after) this.#accountsIn(namespace);
    this.#podsIn(namespace);
  }

  /** A pending pod. Only those that wait for an image, or did, are of interest. */
  pod(before: PodRecord | undefined, after: PodRecord | undefined): void {
    const { namespace, name } = (after ?? before) as PodRecord;
    if (before?.failing.length || after?.failing.length) this.#pod(namespace, name);
  }

  /** The watch of pending pods came to know them, failed or recovered. */
  podsTurned(): void {
    for (const credential of this.#credentials.all()) if (asksForRecovery(credential)) this.#credential(credential.name);
  }

  #hasRecords(namespace: string): boolean {
    for (const { recorded } of this.#accounts.in(namespace)) if (recorded.length > 0) return true;
    return false;
  }

  #credential(name: string): void {
    this.#add({ kind: 'credential', name }, PRIORITY.now);
  }

  #secret(credential: string, namespace: string): void {
    this.#add({ kind: 'secret', credential, namespace }, PRIORITY.now);
  }

  #podsIn(namespace: string): void {
    for (const { name, failing } of this.#pods.view(PENDING)?.in(namespace) ?? []) if (failing.length > 0) this.#pod(namespace, name);
  }

  /** A pod that hangs has waited for seconds at least: it does not go before a new namespace. */
  #pod(namespace: string, name: string): void {
    this.#add({ kind: 'pod', namespace, name }, PRIORITY.fanOut);
  }

  #accountsIn(namespace: string): void {
    this.#add({ kind: 'accounts', namespace }, PRIORITY.now);
  }
}
