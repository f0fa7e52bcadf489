import { scryptSync } from 'node:crypto';

/**
 * Five digits by which two answers of the doctor about one Secret can be told to speak of the same password, or of another
 * one since: they stay the same from run to run, and change with a rotation.
 *
 * Answers get pasted into tickets and chats, so they must not help anybody to find a password, not even a weak one. So the
 * uid of the Secret is the salt: 122 random bits that are never shown, not in a RegistryCredential either, and that hardly
 * anybody knows who may not read the password itself. Who has it from a log all the same pays a tenth of a second for each
 * guess, and as five digits are only 20 bits, one in a million of all wrong guesses looks right as well. The price is that
 * copies in two namespaces cannot be compared by their digits.
 */
export const fingerprint = (password: string, uid: string) =>
  scryptSync(password, uid, 3, { cost: 2 ** 15, blockSize: 8, parallelization: 1, maxmem: 2 ** 26 })
    .toString('hex')
    .slice(0, 5);
