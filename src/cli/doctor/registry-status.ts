/** What the operator knows about an entry that was found for an image: whether its registry refuses it, and when it expires. */
import { formatCredential } from '../../api/credential-ref.ts';
import type { CredentialRecord } from '../../api/records.ts';
import { nameOfServer } from '../../plan/checks/asked-host.ts';
import { canonicalServer } from '../../plan/content/server.ts';
import { argumentsFor } from '../credential-name.ts';
import type { RegistryRow } from '../registries-view.ts';
import { age } from '../terminal/text.ts';
import { formatPlaceToFix, type MatchingEntry } from './entries.ts';
import type { Step, Surroundings } from './observed.ts';

const DAY_MS = 86_400_000;

const ACCEPTED = ['Proven', 'NotRefused'];

/**
 * A step for each entry that is refused or has an expiry. `isPulled`: the image was pulled, so nothing prevents the pull. The kubelet
 * tries one entry after the other, so a refused one prevents the pull only if there is no other.
 */
export function registryStatusSteps(entries: readonly MatchingEntry[], isPulled: boolean, surroundings: Surroundings): Step[] {
  const known = entries.map((entry) => ({ entry, ...statusOf(entry, surroundings) }));
  const isHarmless = isPulled || known.some(({ row }) => row === undefined || !isBad(row, surroundings.now));
  return known.flatMap(({ entry, credential, row }) => {
    if (row === undefined || credential === undefined) return [];
    const source = formatPlaceToFix(entry[1].secret, entry[0], surroundings);
    const subject = { credential, row, source, fix: fixOf(row, source), isHarmless, now: surroundings.now };
    return row.result === 'Refused' ? [refusedStep(subject)] : expiryStep(subject);
  });
}

/** The row of the credential that the pull secret was created for, about the server of the entry. */
function statusOf([server, { secret }]: MatchingEntry, { credentials }: Surroundings) {
  const all = credentials.state === 'found' ? credentials.value : [];
  const credential = all.find(({ uid }) => uid === secret.credential?.uid);
  const row = credential?.status?.registries?.find((one) => canonicalServer(one.server) === canonicalServer(server));
  return { credential, row };
}

interface KnownEntry {
  readonly credential: CredentialRecord;
  readonly row: RegistryRow;
  /** Where a person has to change the password. */
  readonly source: string;
  /** What to do so that the registry accepts the entry. */
  readonly fix: string;
  readonly isHarmless: boolean;
  /** In milliseconds since 1970. */
  readonly now: number;
}

/** A person cannot replace a token that the operator fetches, but can change who gets it. */
const fixOf = ({ expirySource }: RegistryRow, source: string): string =>
  expirySource === 'Token'
    ? 'Check at the cloud that the identity behind spec.registries[].token may pull (docs/cloud-tokens.md#errors).'
    : `Put a valid password into ${source}.`;

const isBad = (row: RegistryRow, now: number): boolean => row.result === 'Refused' || isExpired(row, now);

/** An annotation may be wrong: a registry that accepted the password after that time knows better. */
function isExpired({ result, checkedAt, expiresAt }: RegistryRow, now: number): boolean {
  if (expiresAt === undefined || Date.parse(expiresAt) > now) return false;
  return !(ACCEPTED.includes(result) && checkedAt !== undefined && Date.parse(checkedAt) > Date.parse(expiresAt));
}

function refusedStep({ credential, row, fix: change, isHarmless, now }: KnownEntry): Step {
  const server = nameOfServer(row.server);
  const asked = row.checkedAt === undefined ? '' : ` ${age(row.checkedAt, new Date(now))} ago`;
  const expired = isExpired(row, now) ? ` The password expired on ${row.expiresAt}.` : '';
  const answer = `The operator asked ${server}${asked} with the credentials of ${formatCredential(credential)}: ${row.message ?? 'it refuses them.'}${expired}`;
  const step = { check: 'Credential', reason: 'RegistryRefused' } as const;
  if (isHarmless) return { ...step, mark: 'note', message: answer };
  if (credential.spec.verification?.mode === 'Require') {
    const message = `${answer} With spec.verification.mode Require the pull secret may still have earlier ones, which ${server} accepted.`;
    return { ...step, mark: 'unseen', message, fix: `${change} --pull asks with the ones in the pull secret.` };
  }
  const fix = `${change} kubectl regcred check ${argumentsFor(credential)} then asks ${server} again.`;
  return { ...step, mark: 'wrong', message: answer, fix };
}

function expiryStep({ credential, row, source, isHarmless, now }: KnownEntry): Step[] {
  // The operator replaces a token that it fetched before it expires.
  if (row.expiresAt === undefined || (row.expirySource === 'Token' && !isExpired(row, now))) return [];
  const what = `The password for ${nameOfServer(row.server)} of ${formatCredential(credential)}`;
  const known = `known from: ${row.expirySource ?? 'its status'}`;
  const left = Date.parse(row.expiresAt) - now;
  if (left > 0) {
    const days = Math.floor(left / DAY_MS);
    const distance = days > 0 ? `${days === 1 ? 'one day' : `${days} days`}` : 'less than a day';
    return [
      { check: 'Credential', mark: 'note', reason: 'Expires', message: `${what} expires in ${distance}, on ${row.expiresAt} (${known}).` },
    ];
  }
  const step = { check: 'Credential', reason: 'Expired' } as const;
  const message = `${what} expired on ${row.expiresAt} (${known}).`;
  if (!isExpired(row, now))
    return [{ ...step, mark: 'note', message: `${message} The registry still accepted it after that: correct the date.` }];
  if (isHarmless) return [{ ...step, mark: 'note', message }];
  const fix =
    row.expirySource === 'Token'
      ? 'The operator could not fetch the next token: the conditions Ready and Expiring of the RegistryCredential say why.'
      : `Put a new password into ${source}.`;
  return [{ ...step, mark: 'wrong', message, fix }];
}
