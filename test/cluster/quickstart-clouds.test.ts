import { expect } from 'chai';
import { endQuickstarts, plantPasswords, quickstart } from '../support/quickstart.ts';

describe('The quickstart with a fake of a cloud', () => {
  before(plantPasswords);
  after(endQuickstarts);

  for (const cloud of ['aws', 'gcp', 'azure']) {
    it(`shows how a token of ${cloud} is fetched, placed and refreshed`, async () => {
      const run = quickstart('--cloud', cloud);
      expect(await run.exit, run.output()).to.equal(0);
      for (const said of [
        'TokenFetchFailed: Server',
        'kubectl create role regcred-token-puller',
        'team-a, team-b and shop have the pull secret; its user is',
        'One fetch serves all of them',
        '(Token)',
        'The three pull secrets have the next token, in the same Secrets',
        'All steps passed',
      ])
        expect(run.output()).to.contain(said);
      for (const secret of [/ecr-[\w-]{20}/, /ya29\./, /eyJ[\w-]{20}/]) expect(run.output()).to.not.match(secret);
    });
  }
});
