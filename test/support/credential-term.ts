/** A cluster in memory with one credential, for the tests of its reconciler. */
import type { RegistryCredentialSpec } from '../../src/api/types.ts';
import { path } from '../../src/cluster/paths.ts';
import { KubeError } from '../../src/kube/errors.ts';
import { reconcilers, refTo } from './reconcilers.ts';

export const ACME = path.credential('acme');
export const ROBOT = path.secret('regcred-system', 'robot');

export type Term = ReturnType<typeof reconcilers>;

/** A cluster with the namespaces shop and team, a source, and the credential acme, which no reconciler has observed yet. */
export function undecided(mods: Partial<RegistryCredentialSpec> = {}, sourceNamespaces?: readonly string[]): Term {
  const term = reconcilers(sourceNamespaces);
  for (const namespace of ['shop', 'team']) {
    term.given.namespace(namespace);
    term.given.account(namespace);
  }
  term.given.source();
  term.given.credential('acme', mods);
  return term;
}

export async function decided(mods: Partial<RegistryCredentialSpec> = {}): Promise<Term> {
  const term = undecided(mods);
  await term.decide();
  return term;
}

/** A decided credential, with everything placed. */
export async function placed(mods: Partial<RegistryCredentialSpec> = {}): Promise<Term> {
  const term = await decided(mods);
  await work(term);
  return term;
}

/** Processes the enqueued keys of Secrets and ServiceAccounts, in their order. */
export async function work(term: Term) {
  const keys = new Set(term.enqueued.splice(0));
  for (const key of keys) {
    const [kind, ...at] = key.split(' ');
    if (kind === 'accounts') await term.run.accounts(at[0]);
    if (kind === 'secret') await term.run.secret(at[1], at[0]);
  }
  term.cluster.deliver();
}

export const intentOf = ({ states }: Term) => states.intentOf(refTo('acme'));
export const stateOf = ({ states }: Term) => states.stateOf(refTo('acme'));
/** The keys of a fan-out to all namespaces, in their order. */
export const EVERYWHERE = ['accounts shop', 'secret acme shop', 'accounts team', 'secret acme team'];
export const reasonsOf = ({ events }: Term) => events.map(({ reason }) => reason);
export const denied = () => new KubeError('secrets is forbidden', 403);
