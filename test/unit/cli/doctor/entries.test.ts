import { expect } from 'chai';
import { formatUsername } from '../../../../src/cli/doctor/entries.ts';
import { fingerprint as realFingerprint } from '../../../../src/cli/doctor/fingerprint.ts';
import { PASSWORD } from '../../../support/doctor.ts';

describe('A username', () => {
  const usernames: Record<string, [username: string, password: string, isShown: boolean]> = {
    'of a robot is shown': ['robot$team+ci', 'sample', true],
    'that a registry gives to all users is shown': ['AWS', 'sample', true],
    'that is a UUID is shown': ['00000000-0000-0000-0000-000000000000', 'sample', true],
    'without a password is shown': ['robot', '', true],
    'that is the password as well is hidden': ['sample-token', 'sample-token', false],
    'with the prefix of a token is hidden': ['ghp_sample', 'x-oauth-basic', false],
    'as long as a token is hidden': ['a'.repeat(32), 'sample', false],
  };
  for (const [what, [username, password, isShown]] of Object.entries(usernames)) {
    it(what, () => expect(formatUsername({ username, password }).includes(username)).to.equal(isShown));
  }
});

describe('A fingerprint', () => {
  it('is the same for the same password in the same Secret, and differs for another password or another Secret', () => {
    const all = [
      realFingerprint(PASSWORD, 'uid-a'),
      realFingerprint(PASSWORD, 'uid-a'),
      realFingerprint(`${PASSWORD}2`, 'uid-a'),
      realFingerprint(PASSWORD, 'uid-b'),
    ];
    for (const one of all) expect(one).to.match(/^[0-9a-f]{5}$/);
    expect(all[1]).to.equal(all[0]);
    expect(new Set(all).size).to.equal(3);
  });
});
