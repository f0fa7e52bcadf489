import { expect } from 'chai';
import { Estate, NAMESPACES } from './estate.ts';
import { CURRENT, formerVersion, type Version } from './former.ts';

/** The steps from one version to another, by what an administrator does first. */
const ORDERS: Record<string, (estate: Estate, to: Version) => Promise<void>> = {
  'the CustomResourceDefinitions and rights first, then the operator': async (estate, to) => {
    await estate.apply(to);
    // The former operator still runs, and works with the new API.
    await estate.works();
    await estate.run(to);
  },
  'the operator first, then the CustomResourceDefinitions and rights': async (estate, to) => {
    await estate.run(to);
    // The new operator works with the old API, and takes the new one without a restart.
    await estate.works();
    await estate.apply(to);
  },
};

describe(`A change of the operator's version, with ${NAMESPACES} namespaces placed`, () => {
  const versions = { 'the former version': formerVersion(), 'this version': CURRENT };
  const ways = [
    ['the former version', 'this version'],
    ['this version', 'the former version'],
  ] as const;
  for (const [order, change] of Object.entries(ORDERS)) {
    describe(order, () => {
      let estate: Estate;
      before(async () => {
        estate = await Estate.open(versions['the former version']);
        await estate.run(versions['the former version']);
        await estate.furnish();
      });
      after(() => estate?.close());

      for (const [from, to] of ways) {
        it(`from ${from} to ${to} nothing is rewritten that need not be`, async () => {
          const before = await estate.versions();
          const specs = await generations(estate);
          expect(before.size, 'objects with our work in them').to.be.above(2 * NAMESPACES);
          const mark = estate.mark();
          await change(estate, versions[to]);
          await estate.works();
          if (to === 'this version') await estate.usesNewKinds();
          const after = await estate.versions();
          // The rotations of the test go to the copies of one credential.
          const rewritten = Array.from(before, ([what]) => what).filter(
            (what) => !what.endsWith('/pull-me') && !isState(what) && after.get(what) !== before.get(what),
          );
          expect(rewritten).to.deep.equal([]);
          expect(await generations(estate), 'no spec changes').to.deep.equal(specs);
          const written = estate.written(mark);
          const needless = written.filter(
            ({ resource, namespace, name }) =>
              ['secrets', 'serviceaccounts'].includes(resource) && isOfTheStart(namespace) && name !== 'pull-me' && !isState(name),
          );
          expect(needless.map(({ verb, uri }) => `${verb} ${uri}`)).to.deep.equal([]);
          const statuses = written.filter(({ resource }) => resource === 'registrycredentials/status').length;
          console.log(`      kept: ${before.size} Secrets and ServiceAccounts; writes of a status: ${statuses}`);
        });
      }
    });
  }
});

const generations = async (estate: Estate) => (await estate.credentials()).map(({ metadata }) => `${metadata.name} ${metadata.generation}`);

/** The namespaces that the steps create come later, and get their Secrets. */
const isOfTheStart = (namespace: string) => Number(/^team-(\d+)$/.exec(namespace)?.[1]) < NAMESPACES;

/** The Secrets in which this version keeps what it knows of a credential. */
const isState = (name: string) => name.includes('regcred-state-');
