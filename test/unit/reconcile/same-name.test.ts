import { expect } from 'chai';
import { path } from '../../../src/cluster/paths.ts';
import { type Term, undecided, work } from '../../support/credential-term.ts';
import { refTo } from '../../support/reconcilers.ts';

/** The credentials acme and others, all with the Secret name `regcred` and all in the namespace shop, decided in this order. */
async function withSameName(...others: readonly string[]): Promise<Term> {
  const spec = { secretName: 'regcred', namespaces: { names: ['shop'] } };
  const term = undecided(spec);
  for (const name of others) term.given.credential(name, spec);
  for (const name of ['acme', ...others]) await term.decide(name);
  await work(term);
  return term;
}
const conflictOf = ({ states }: Term, name: string) => states.stateOf(refTo(name))?.secrets.get('shop')?.failures[0]?.message;

describe('RegistryCredentials with the same secretName', () => {
  it('fan out to each other, because one may have what the other leaves', async () => {
    const term = await withSameName('beta');
    term.given.credential('acme', { secretName: 'regcred', namespaces: { names: ['shop'], exclude: { names: ['shop'] } } });
    await term.decide();
    expect(term.enqueued).to.include('secret beta shop');
  });

  it('fan out to no credential with another name', async () => {
    const term = await withSameName('gamma');
    term.given.credential('beta', { secretName: 'other', namespaces: { names: ['shop'] } });
    await term.decide('beta');
    await work(term);
    term.given.source('sample-password-2');
    await term.decide();
    expect(term.enqueued).to.deep.equal(['secret acme shop', 'secret gamma shop']);
  });

  it('report the one that goes first, also after its status was written', async () => {
    const term = await withSameName('beta', 'gamma');
    const before = conflictOf(term, 'gamma');
    expect(before).to.include('acme');
    term.api.change(path.credential('acme'), { status: { summary: '1/1' } });
    term.cluster.deliver();
    await term.run.secret('shop', 'gamma');
    expect(conflictOf(term, 'gamma')).to.equal(before);
  });
});
