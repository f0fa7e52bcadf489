import { expect } from 'chai';
import { MAX_PER_NAMESPACE, whyNotServed } from '../../../../src/plan/targets/served.ts';
import { credential } from '../../../support/builders.ts';

const own = (name: string, createdAt: number) => credential({ kind: 'NamespacedRegistryCredential', namespace: 'team-a', name, createdAt });
const many = (count: number) => Array.from({ length: count }, (_, n) => own(`c${String(n).padStart(4, '0')}`, n));
const reasonOf = (one: ReturnType<typeof own>, siblings: readonly ReturnType<typeof own>[], isOn = true) =>
  whyNotServed(one, siblings, isOn)?.reason;

describe('The operator', () => {
  it('serves a cluster-scoped credential, whatever its settings are', () =>
    expect(whyNotServed(credential(), [], false)).to.equal(undefined));

  it('serves no credential of a namespace if that is switched off', () => {
    expect(reasonOf(own('acme', 0), [], false)).to.equal('KindNotServed');
  });

  it('serves the oldest credentials of a namespace, up to the limit', () => {
    const all = many(MAX_PER_NAMESPACE + 2);
    const served = all.filter((one) => reasonOf(one, all) === undefined);
    expect(served).to.deep.equal(all.slice(0, MAX_PER_NAMESPACE));
    expect(reasonOf(all.at(-1) as (typeof all)[number], all)).to.equal('TooManyCredentials');
  });

  it('takes the lower uid first among those of the same second', () => {
    const all = many(MAX_PER_NAMESPACE + 1).map((one) => ({ ...one, createdAt: 5 }));
    expect(all.map((one) => reasonOf(one, all))).to.deep.equal([...Array(MAX_PER_NAMESPACE).fill(undefined), 'TooManyCredentials']);
  });
});
