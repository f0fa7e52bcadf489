import { expect } from 'chai';
import type { Intent } from '../../../../src/plan/placement/intent.ts';
import { isSwap } from '../../../../src/plan/placement/name-swap.ts';
import { intent, namespace } from '../../../support/builders.ts';

/** A credential that desires `wants`. */
const wanting = (name: string, wants: string, mods: Partial<Intent> = {}): Intent => ({ ...intent({ name }), secretName: wants, ...mods });

/** Whether `a` may take over the Secret that it desires. `holders`: who has placed the Secret of each name. */
const swaps = (holders: Record<string, Intent>) => isSwap(wanting('a', 'b'), namespace(), (secretName) => holders[secretName]);

describe('Credentials that wait for the Secrets of each other', () => {
  const a = wanting('a', 'b');
  const elsewhere = { spec: { ...intent().spec, namespaces: { names: ['team'] } } };
  const cases: Record<string, readonly [holders: Record<string, Intent>, want: boolean]> = {
    'swap, if there are two': [{ a, b: wanting('b', 'a') }, true],
    'swap, if there are three in a ring': [{ a, b: wanting('b', 'c'), c: wanting('c', 'a') }, true],
    'do not swap if the other one still desires its Secret': [{ a, b: wanting('b', 'b') }, false],
    'do not swap if the name that the other one desires is free: it moves by itself': [{ b: wanting('b', 'c') }, false],
    'do not swap if the ring does not include the first': [{ a, b: wanting('b', 'c'), c: wanting('c', 'b') }, false],
    'do not swap if the other one has no valid source': [{ a, b: wanting('b', 'a', { content: undefined }) }, false],
    'do not swap if the other one is suspended': [{ a, b: wanting('b', 'a', { mode: 'suspend' }) }, false],
    'do not swap if the other one is deleted: it removes its Secret': [{ a, b: wanting('b', 'a', { mode: 'cleanup' }) }, false],
    'do not swap if the other one does not select the namespace: it removes its Secret': [{ a, b: wanting('b', 'a', elsewhere) }, false],
    'do not swap if nobody holds the Secret': [{ a }, false],
    'do not swap with themselves': [{ b: a }, false],
  };
  for (const [what, [holders, want]] of Object.entries(cases)) it(what, () => expect(swaps(holders)).to.equal(want));
});
