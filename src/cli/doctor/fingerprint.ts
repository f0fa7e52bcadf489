import { scryptSync } from 'node:crypto';

/**
 * Five digits by which two answers of the doctor can be told to speak of the same password, or of another one since.
 *
 * Answers get pasted into tickets and chats, so they must not help anybody to find a password, not even a weak one. The
 * salt is a uid with 122 random bits that is never shown: without a look into the cluster there is nothing to try guesses
 * on. Those who may see uids but no Secrets pay a tenth of a second for each guess, and as five digits are only 20 bits,
 * one in a million of all wrong guesses looks right as well. They are the same for all copies of one RegistryCredential,
 * in every namespace and every run; in another cluster they are others.
 */
export const fingerprint = (password: string, salt: string) =>
  scryptSync(password, salt, 3, { cost: 2 ** 15, blockSize: 8, parallelization: 1, maxmem: 2 ** 26 })
    .toString('hex')
    .slice(0, 5);
