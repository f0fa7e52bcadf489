import { type CredentialRef, isHome, isNamespaced } from '../../api/credential-ref.ts';

/** A credential that wants a Secret under some name in some namespace. */
export interface Claimant extends CredentialRef {
  readonly uid: string;
  /** In whole seconds since 1970. */
  readonly createdAt: number;
}

/**
 * Whether `claimant` goes before `other` in a namespace where both want the Secret of the same name: cluster-scoped before namespaced; then the
 * one of that namespace before one from elsewhere; then the one whose Secret is there; then the older one; then the one with the lower uid.
 * The first two rules do not depend on the Secret, so nobody wins by deleting or relabelling it.
 *
 * @param holder the uid of the credential whose Secret is there
 */
export function outranks(claimant: Claimant, other: Claimant, namespace: string, holder: string | undefined): boolean {
  const ranks = [claimant, other].map((one) => [
    Number(isNamespaced(one)),
    Number(!isHome(one, namespace)),
    Number(one.uid !== holder),
    one.createdAt,
  ]) as [number[], number[]];
  const [mine, theirs] = ranks;
  const difference = mine.map((rank, n) => rank - (theirs[n] as number)).find((difference) => difference !== 0) ?? 0;
  return difference < 0 || (difference === 0 && claimant.uid < other.uid);
}
