import { scryptSync } from 'node:crypto';

/**
 * Five hexadecimal digits that show whether two reports about one Secret are about the same password: they are the same in every run,
 * and change with a rotation.
 *
 * People paste reports into tickets and chats, so the digits must not help to find a password, not even a weak one:
 * - The salt is the uid of the Secret: 122 random bits that regcred never shows. Hardly anyone knows it who may not read the password.
 * - With a uid from a log, each guess still costs a tenth of a second, and one in a million wrong guesses has the same digits (20 bits).
 *
 * The price: the digits of copies in two namespaces cannot be compared.
 */
export const fingerprint = (password: string, uid: string) =>
  scryptSync(password, uid, 3, { cost: 2 ** 15, blockSize: 8, parallelization: 1, maxmem: 2 ** 26 })
    .toString('hex')
    .slice(0, 5);
