import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';

describe('docs/pods.md', () => {
  const text = readFileSync('docs/pods.md', 'utf8');
  const directory = 'src/cli/doctor';
  const source = readdirSync(directory)
    .map((file) => readFileSync(`${directory}/${file}`, 'utf8'))
    .join('\n');
  const reported = Array.from(source.matchAll(/reason: (?:why\?\.reason \?\? )?'(\w+)'/g), ([, reason]) => reason as string);
  const ofKubelet = Array.from(source.matchAll(/^ {2}(\w+): \((?:image)?\) => \({$/gm), ([, reason]) => reason as string);
  // These need no explanation: nothing is wrong.
  const fine = ['Active', 'Allowed', 'Matching', 'Named', 'None', 'NoneWaits', 'NotNeeded', 'Parsed', 'Pulled', 'Referenced', 'Valid'];
  const reasons = new Set([...reported, ...ofKubelet].filter((reason) => !fine.includes(reason)));

  it('is compared with all reasons', () =>
    expect([...reasons]).to.include.members(['MadeTooEarly', 'SecretMissing', 'RateLimited', 'ErrImageNeverPull']));
  for (const reason of reasons) it(`explains ${reason}`, () => expect(text).to.contain(`\`${reason}\``));
});
