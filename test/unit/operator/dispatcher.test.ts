import { mock } from 'node:test';
import { expect } from 'chai';
import { Dispatcher } from '../../../src/operator/dispatcher.ts';
import { intentOf } from '../../../src/plan/placement/intent.ts';
import type { Key } from '../../../src/queue/keys.ts';
import { Triggers } from '../../../src/triggers/triggers.ts';
import { credential, namespace } from '../../support/builders.ts';

describe('The dispatcher', () => {
  const nothing = { credentials: [], accounts: [], secrets: { managed: () => [], managedIn: () => [] }, pods: { view: () => undefined } };

  it('reports a fault of a trigger, and does not pass it on to the watch', () => {
    const faults: unknown[] = [];
    const dispatcher = new Dispatcher((fault) => faults.push(fault));
    dispatcher.namespace(undefined, namespace());
    expect(faults, 'without a term').to.deep.equal([]);
    dispatcher.connect({ namespace: () => expect.fail('a fault') } as unknown as Triggers);
    dispatcher.namespace(undefined, namespace());
    expect(faults.map((fault) => (fault as Error).message)).to.deep.equal(['a fault']);
    dispatcher.connect(undefined);
  });

  describe('after a fault of a trigger', () => {
    beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }));
    afterEach(() => mock.timers.reset());

    /** A dispatcher whose trigger fails for the given number of calls, and the namespaces that reached their trigger. */
    function failing(times: number) {
      const passed: string[] = [];
      let left = times;
      const namespaceTrigger: Triggers['namespace'] = (_before, after) => {
        if (left-- > 0) throw new Error('a fault');
        passed.push(after?.name ?? '');
      };
      const triggers = { namespace: namespaceTrigger } as unknown as Triggers;
      const dispatcher = new Dispatcher(() => {});
      dispatcher.connect(triggers);
      return { dispatcher, passed, triggers };
    }

    it('passes the change on again, until it succeeds', () => {
      const { dispatcher, passed } = failing(3);
      for (const name of ['shop', 'team']) dispatcher.namespace(undefined, namespace({ name }));
      mock.timers.tick(30_000);
      expect(passed).to.deep.equal(['team']);
      mock.timers.tick(30_000);
      expect(passed).to.deep.equal(['team', 'shop']);
      mock.timers.tick(300_000);
      expect(passed).to.deep.equal(['team', 'shop']);
    });

    it('passes nothing of one term on to the next', () => {
      const { dispatcher, passed, triggers } = failing(1);
      dispatcher.namespace(undefined, namespace());
      dispatcher.connect(undefined);
      dispatcher.connect(triggers);
      mock.timers.tick(300_000);
      expect(passed).to.deep.equal([]);
    });
  });

  it('passes a namespace on to all credentials, even if one of them cannot be decided on', () => {
    const broken = { ...credential({ name: 'broken' }), spec: { ...credential().spec, namespaces: { names: 1 as never } } };
    const intents = [broken, credential()].map((one) => intentOf(one, undefined));
    const added: Key[] = [];
    const credentials = { homesReaching: () => [], tenantOf: () => undefined, byUid: () => undefined, in: () => [] };
    const observed = {
      ...nothing,
      accounts: { in: () => [] },
      namespaces: { get: () => undefined },
      credentials,
    } as unknown as ConstructorParameters<typeof Triggers>[0];
    const dispatcher = new Dispatcher((fault) => {
      throw fault;
    });
    dispatcher.connect(
      new Triggers(observed, { hasIntents: true, intentOf: () => undefined, intentsConcerning: () => intents }, (key) => added.push(key)),
    );
    dispatcher.namespace(undefined, namespace());
    const names = added.flatMap((key) => (key.kind === 'secret' ? [key.credential.name] : []));
    expect(names).to.deep.equal(['broken', 'acme']);
  });
});
