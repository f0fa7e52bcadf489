import { expect } from 'chai';
import { LABEL } from '../../../src/api/names.ts';
import type { RegistryCredentialSpec } from '../../../src/api/types.ts';
import { path } from '../../../src/cluster/paths.ts';
import { type Term, work } from '../../support/credential-term.ts';
import { reconcilers, refTo } from '../../support/reconcilers.ts';

const NAMES = ['acme', 'beta', 'gamma'];

/** Credentials with a source each, all of them placed in the namespace shop under their own names, unless the specs say otherwise. */
async function placed(specs: Record<string, Partial<RegistryCredentialSpec>>, sourceNamespaces?: readonly string[]): Promise<Term> {
  const term = reconcilers(sourceNamespaces);
  for (const namespace of ['shop', 'team']) {
    term.given.namespace(namespace);
    term.given.account(namespace);
  }
  for (const [name, spec] of Object.entries(specs)) {
    term.given.source(`sample-password-of-${name}`, `robot-${name}`);
    const registries = [{ server: `${name}.example.com`, secretRef: { namespace: 'regcred-system', name: `robot-${name}` } }];
    term.given.credential(name, { namespaces: { names: ['shop'] }, registries, ...spec });
  }
  await settle(term);
  return term;
}

/** Decides every credential, and runs every key twice: what one has written concerns the others. */
async function settle(term: Term) {
  for (let round = 0; round < 3; round++) {
    for (const name of NAMES) await term.decide(name);
    for (const namespace of ['shop', 'team']) {
      for (const name of NAMES) if (term.states.intentOf(refTo(name))) await term.run.secret(namespace, name);
      await term.run.accounts(namespace);
    }
    term.cluster.deliver();
  }
  await work(term);
}

const rename = ({ api }: Term, name: string, secretName: string) =>
  api.change(path.credential(name), { metadata: { generation: 2 }, spec: { secretName } });

/** Whose Secret is under each name: by its label, its owner, and its content. */
function holders({ api }: Term, namespace: string): Record<string, string> {
  const all: Record<string, string> = {};
  for (const name of NAMES) {
    if (!api.has(path.secret(namespace, name))) continue;
    const { metadata, data } = api.get(path.secret(namespace, name));
    const [owner, ...more] = metadata.ownerReferences ?? [];
    expect(more, 'there is one controller').to.deep.equal([]);
    expect(metadata.labels?.[LABEL.credentialUid]).to.equal(owner?.uid);
    const config = Buffer.from(data?.['.dockerconfigjson'] ?? '', 'base64').toString();
    expect(config).to.contain(`${owner?.name}.example.com`);
    all[name] = owner?.name ?? '';
  }
  return all;
}
const states = ({ states }: Term, namespace = 'shop') => NAMES.map((name) => states.stateOf(refTo(name))?.secrets.get(namespace)?.synced);

describe('RegistryCredentials that swap their secretName', () => {
  it('take over the Secrets of each other', async () => {
    const term = await placed({ acme: {}, beta: {} });
    rename(term, 'acme', 'beta');
    rename(term, 'beta', 'acme');
    await settle(term);
    expect(holders(term, 'shop')).to.deep.equal({ acme: 'beta', beta: 'acme' });
    expect(states(term)).to.deep.equal([1, 1, undefined]);
    expect(term.api.get(path.account('shop', 'default')).imagePullSecrets).to.have.deep.members([{ name: 'acme' }, { name: 'beta' }]);
  });

  it('take over the Secrets of each other, also if the second is changed long after the first', async () => {
    const term = await placed({ acme: {}, beta: {} });
    rename(term, 'acme', 'beta');
    await settle(term);
    expect(holders(term, 'shop'), 'until then nothing is lost').to.deep.equal({ acme: 'acme', beta: 'beta' });
    rename(term, 'beta', 'acme');
    await settle(term);
    expect(holders(term, 'shop')).to.deep.equal({ acme: 'beta', beta: 'acme' });
  });

  it('take over the Secrets in a ring of three', async () => {
    const term = await placed({ acme: {}, beta: {}, gamma: {} });
    rename(term, 'acme', 'beta');
    rename(term, 'beta', 'gamma');
    rename(term, 'gamma', 'acme');
    await settle(term);
    expect(holders(term, 'shop')).to.deep.equal({ acme: 'gamma', beta: 'acme', gamma: 'beta' });
  });

  for (const sourceNamespaces of [undefined, ['regcred-system']]) {
    it(`just rename their Secrets where their namespaces do not overlap, ${sourceNamespaces ? 'also with --source-namespaces' : 'by default'}`, async () => {
      const term = await placed({ acme: {}, beta: { namespaces: { names: ['team'] } } }, sourceNamespaces);
      rename(term, 'acme', 'beta');
      rename(term, 'beta', 'acme');
      await settle(term);
      expect(holders(term, 'shop')).to.deep.equal({ beta: 'acme' });
      expect(holders(term, 'team')).to.deep.equal({ acme: 'beta' });
      expect([states(term), states(term, 'team')]).to.deep.equal([
        [1, undefined, undefined],
        [undefined, 1, undefined],
      ]);
    });
  }

  it('swap the namespaces as well', async () => {
    const term = await placed({ acme: {}, beta: { namespaces: { names: ['team'] } } });
    rename(term, 'acme', 'beta');
    rename(term, 'beta', 'acme');
    term.api.change(path.credential('acme'), { spec: { namespaces: { names: ['team'] } } });
    term.api.change(path.credential('beta'), { spec: { namespaces: { names: ['shop'] } } });
    await settle(term);
    expect(holders(term, 'shop')).to.deep.equal({ acme: 'beta' });
    expect(holders(term, 'team')).to.deep.equal({ beta: 'acme' });
  });

  it('keep what they have if one of them is suspended', async () => {
    const term = await placed({ acme: {}, beta: {} });
    rename(term, 'acme', 'beta');
    rename(term, 'beta', 'acme');
    term.api.change(path.credential('beta'), { spec: { suspend: true } });
    await settle(term);
    expect(holders(term, 'shop')).to.deep.equal({ acme: 'acme', beta: 'beta' });
  });
});

describe('A RegistryCredential whose Secret would have the name of a source', () => {
  const ROBOT = path.secret('regcred-system', 'robot-acme');
  const message = ({ states }: Term, name: string) => states.stateOf(refTo(name))?.secrets.get('regcred-system')?.failures[0]?.message;

  /** The namespaces of both include the one of the sources. */
  async function clashing(secretNames: { acme?: string; beta?: string }) {
    const term = reconcilers();
    term.given.namespace('regcred-system');
    for (const name of ['acme', 'beta']) {
      term.given.source(`sample-password-of-${name}`, `robot-${name}`);
      const registries = [{ server: `${name}.example.com`, secretRef: { namespace: 'regcred-system', name: `robot-${name}` } }];
      const secretName = secretNames[name as 'acme' | 'beta'] ?? name;
      term.given.credential(name, { secretName, registries, conflictPolicy: 'Adopt' });
    }
    for (const name of ['acme', 'beta']) await term.decide(name);
    for (const name of ['acme', 'beta']) await term.run.secret('regcred-system', name);
    return term;
  }

  for (const credential of ['acme', 'beta']) {
    const whose = credential === 'acme' ? 'its own' : 'another credential’s';
    it(`reports ${whose} source as a source, for any type, and does not create a Secret in its place while it is missing`, async () => {
      const term = await clashing({ [credential]: 'robot-acme' });
      expect(message(term, credential))
        .to.contain('is a source of credentials, and the operator would overwrite it')
        .and.to.not.match(/delete it/i);
      term.api.remove(ROBOT);
      term.cluster.deliver();
      await term.run.secret('regcred-system', credential);
      expect(term.api.has(ROBOT)).to.equal(false);
      expect(message(term, credential)).to.contain('uses it as a source');
      term.given.source('sample-password-2', 'robot-acme');
      for (const name of ['acme', 'beta']) await term.decide(name);
      expect(term.states.stateOf(refTo('acme'))?.sources.state).to.equal('ready');
    });
  }

  it('repairs its own Secret that another one reads', async () => {
    const term = await clashing({});
    const secretRef = { namespace: 'regcred-system', name: 'beta' };
    term.given.credential('acme', { dockerConfigs: [{ secretRef }], registries: [] });
    await term.decide();
    term.api.remove(path.secret('regcred-system', 'beta'));
    term.cluster.deliver();
    await term.run.secret('regcred-system', 'beta');
    expect(term.api.has(path.secret('regcred-system', 'beta'))).to.equal(true);
  });
});
