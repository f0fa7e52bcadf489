import { expect } from 'chai';
import {
  type CheckRecord,
  type CredentialMemory,
  parseMemory,
  rememberedChecks,
  serializeMemory,
} from '../../../../src/plan/checks/credential-memory.ts';
import { base64 } from '../../../support/builders.ts';

const KEY = 'ab'.repeat(32);
const entry = (password: string, email?: string) => ({
  auth: { username: 'robot', password, auth: base64(`robot:${password}`), ...(email !== undefined && { email }) },
  source: 'regcred-system/robot',
});
const record = (mods: Partial<CheckRecord> = {}): CheckRecord => ({
  result: 'Refused',
  message: 'It refuses.',
  at: 1000,
  times: 2,
  ...mods,
});
const memory = (mods: Partial<CredentialMemory> = {}): CredentialMemory => ({
  released: new Map([
    ['quay.io', entry('a:b')],
    ['ghcr.io', entry('sample-password', 'robot@example.com')],
  ]),
  checks: new Map([['hash', record({ retryAfterSeconds: 7, githubExpiry: '2027-01-31 00:00:00 UTC' })]]),
  proven: new Set(['ghcr.io acme/web:1']),
  key: KEY,
  checkNow: 'today',
  ...mods,
});

describe('The state of a credential', () => {
  it('is read as it was written', () => {
    expect(parseMemory(serializeMemory(memory()))).to.deep.equal(memory());
    const { checkNow: _, ...empty } = memory({ released: new Map(), checks: new Map(), proven: new Set() });
    expect(parseMemory(serializeMemory(empty))).to.deep.equal(empty);
  });

  it('may have an entry without a username', () => {
    const empty = { auth: { username: '', password: 'x', auth: base64(':x') }, source: 'a/b' };
    const state = memory({ released: new Map([['ghcr.io', empty]]) });
    expect(parseMemory(serializeMemory(state))).to.deep.equal(state);
  });

  it('has equal text if it is equal, whatever the order', () => {
    const turned = memory({ released: new Map([...memory().released].reverse()) });
    expect(serializeMemory(turned)).to.equal(serializeMemory(memory()));
  });

  it('of a pull secret of 1 MiB fits into a Secret', () => {
    // A docker config has the password twice, once in base64.
    const text = serializeMemory(memory({ released: new Map([['ghcr.io', entry('x'.repeat(440_000))]]) }));
    expect(text.length).to.be.below(1024 * 1024);
  });

  const changed = (change: (state: Record<string, unknown>) => void) => {
    const state = JSON.parse(serializeMemory(memory())) as Record<string, unknown>;
    change(state);
    return JSON.stringify(state);
  };
  const foreign: Record<string, string> = {
    'that is empty': '',
    'that is not JSON': '{"version":1,',
    'that is a list': '[]',
    'of another version': changed((state) => Object.assign(state, { version: 2 })),
    'without a key': changed((state) => delete state.key),
    'with a short key': changed((state) => Object.assign(state, { key: 'ab' })),
    'without entries': changed((state) => delete state.released),
    'with an entry that is no entry': changed((state) => Object.assign(state, { released: [['ghcr.io', { auth: 7 }]] })),
    'with an entry whose login has no colon': changed((state) =>
      Object.assign(state, { released: [['ghcr.io', { auth: base64('robot'), source: 'a/b' }]] }),
    ),
    'with entries that are no pairs': changed((state) => Object.assign(state, { released: ['ghcr.io'] })),
    'with an unknown result': changed((state) => Object.assign(state, { checks: [['hash', { ...record(), result: 'Fine' }]] })),
    'with a time that is no number': changed((state) => Object.assign(state, { checks: [['hash', { ...record(), at: 'today' }]] })),
    'with a count that is no number': changed((state) => Object.assign(state, { checks: [['hash', { ...record(), times: '2' }]] })),
    'with an answer without a message': changed((state) => Object.assign(state, { checks: [['hash', { ...record(), message: 1 }]] })),
    'with an answer that is none': changed((state) => Object.assign(state, { checks: [['hash', 7]] })),
    'without answers': changed((state) => delete state.checks),
    'with an entry without a source': changed((state) => Object.assign(state, { released: [['ghcr.io', { auth: base64('a:b') }]] })),
    'with a server that is no text': changed((state) => Object.assign(state, { released: [[7, { auth: base64('a:b'), source: 'a/b' }]] })),
    'without proven images': changed((state) => delete state.proven),
  };
  for (const [what, text] of Object.entries(foreign)) {
    it(`is built again from a text ${what}`, () => expect(parseMemory(text)).to.equal(undefined));
  }
});

describe('The remembered answers', () => {
  const before = new Map([
    ['recent', record({ at: 40_001 })],
    ['old', record({ at: 40_000 })],
    ['present', record({ at: 1 })],
  ]);

  it('are the present ones, and those of the last minute', () => {
    const present = new Map([['present', record({ at: 99_999 })]]);
    expect(rememberedChecks(before, present, 100_000)).to.deep.equal(new Map([...present, ['recent', record({ at: 40_001 })]]));
  });

  it('are bounded', () => {
    const many = new Map(Array.from({ length: 500 }, (_, n) => [`hash-${n}`, record()]));
    expect(rememberedChecks(many, new Map(), 1000).size).to.equal(64);
  });
});
