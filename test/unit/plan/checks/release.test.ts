import { expect } from 'chai';
import { REASON } from '../../../../src/api/reasons.ts';
import type { Result } from '../../../../src/plan/checks/interpret.ts';
import {
  decideRelease,
  MAX_PENDING_MS,
  type Release,
  type ReleasedEntries,
  type ReleaseInput,
} from '../../../../src/plan/checks/release.ts';
import type { BrokenSource, Candidate } from '../../../../src/plan/content/candidates.ts';
import { base64 } from '../../../support/builders.ts';

const authOf = (password: string) => ({ username: 'robot', password, auth: base64(`robot:${password}`) });
/** The entry of a server, from the source `namespace/SERVER`. */
const entryOf = (server: string, password: string, source = `ns/${server}`): Candidate => ({ auth: authOf(password), source });
/** The operator fetched this entry from a cloud. */
const asToken = (entry: Candidate): Candidate => ({ ...entry, fetched: { expiresAt: 0, refreshAt: 0 } });

interface Case {
  /** Password by server, as the sources have it now. */
  readonly now: Readonly<Record<string, string>>;
  /** Password by server, as it went out last. */
  readonly out?: Readonly<Record<string, string>>;
  readonly results?: Readonly<Record<string, Result>>;
  readonly pendingMs?: number;
  readonly isGated?: boolean;
  readonly broken?: readonly BrokenSource[];
  readonly isInvalid?: boolean;
  /** The servers whose entries are tokens of a cloud. */
  readonly tokens?: readonly string[];
  /** The source of the entries that went out, if it is not the present one. */
  readonly from?: string;
}

interface Want {
  readonly out: Readonly<Record<string, string>>;
  readonly isNothingReleased?: boolean;
  readonly problems?: readonly string[];
  readonly refused?: number;
  readonly verifying?: readonly string[];
}

const problem = (message: string) => ({ reason: REASON.sourceMissing, message });
const missing = (server: string, source = `ns/${server}`): BrokenSource => ({ server, source, problem: problem(`${server} is missing.`) });
const brokenConfig: BrokenSource = { source: 'ns/config', problem: problem('The config is broken.') };

const inputOf = (given: Case): ReleaseInput => ({
  candidates: {
    state: 'read',
    entries: new Map(
      Object.entries(given.now).map(([server, password]) => {
        const entry = entryOf(server, password);
        return [server, given.tokens?.includes(server) ? asToken(entry) : entry];
      }),
    ),
    broken: given.broken ?? [],
    skipped: [],
    invalid: given.isInvalid ? [{ reason: REASON.duplicateServer, message: 'Two entries.' }] : [],
  },
  released: new Map(Object.entries(given.out ?? {}).map(([server, password]) => [server, entryOf(server, password, given.from)])),
  isGated: given.isGated ?? true,
  checkOf: (server) => ({ result: given.results?.[server] ?? 'NotRefused', message: `${server} says so.` }),
  pendingMs: () => given.pendingMs ?? 0,
});

const OTHERS: readonly Readonly<Record<string, string>>[] = [{}, { b: '2' }];

const passwordsOf = (released: ReleasedEntries) =>
  Object.fromEntries(Array.from(released, ([server, { auth }]) => [server, auth.password]));

const inShort = ({ entries, isNothingReleased, sourceProblems, refusals, verifying }: Release): Required<Want> => ({
  out: passwordsOf(entries),
  isNothingReleased,
  problems: sourceProblems.map(({ message }) => message),
  refused: refusals.length,
  verifying,
});

it('The longest wait for an answer before the first placement is two minutes', () => expect(MAX_PENDING_MS).to.equal(120_000));

describe('The operator releases', () => {
  const cases: Record<string, { given: Case; want: Want }> = {
    'everything at first, if all registries accept it': { given: { now: { a: '1', b: '1' } }, want: { out: { a: '1', b: '1' } } },
    'nothing at first, if one registry refuses its entry': {
      given: { now: { a: '1', b: '1' }, results: { b: 'Refused' } },
      want: { out: {}, isNothingReleased: true, refused: 1 },
    },
    'a token of a cloud at first, although its registry refuses it': {
      given: { now: { a: '1' }, results: { a: 'Refused' }, tokens: ['a'] },
      want: { out: { a: '1' } },
    },
    'the next token of a cloud, although its registry refuses it or has not answered': {
      given: { now: { a: '2', b: '2' }, out: { a: '1', b: '1' }, results: { a: 'Refused', b: 'Pending' }, tokens: ['a', 'b'] },
      want: { out: { a: '2', b: '2' } },
    },
    'nothing at first, while a registry has not answered': {
      given: { now: { a: '1', b: '1' }, results: { b: 'Pending' }, pendingMs: MAX_PENDING_MS - 1 },
      want: { out: {}, isNothingReleased: true, verifying: ['b'] },
    },
    'everything at first, if a registry has not answered for two minutes': {
      given: { now: { a: '1' }, results: { a: 'Pending' }, pendingMs: MAX_PENDING_MS },
      want: { out: { a: '1' } },
    },
    'nothing at first, if one source cannot be used': {
      given: { now: { a: '1' }, broken: [missing('b')] },
      want: { out: {}, isNothingReleased: true, problems: ['b is missing.'] },
    },
    'nothing at first without checks either, if one source cannot be used': {
      given: { now: { a: '1' }, broken: [missing('b')], isGated: false },
      want: { out: {}, isNothingReleased: true, problems: ['b is missing.'] },
    },
    'nothing at first, if two entries are for one server': {
      given: { now: { a: '1' }, isInvalid: true },
      want: { out: {}, isNothingReleased: true, problems: ['Two entries.'] },
    },
    'a refused entry as well, if the mode is not Require': {
      given: { now: { a: '2' }, out: { a: '1' }, results: { a: 'Refused' }, isGated: false },
      want: { out: { a: '2' } },
    },
    'a refused first entry as well, if the mode is not Require': {
      given: { now: { a: '1' }, results: { a: 'Refused' }, isGated: false },
      want: { out: { a: '1' } },
    },
    'an entry that was not asked about yet, if the mode is not Require': {
      given: { now: { a: '1' }, results: { a: 'Pending' }, isGated: false },
      want: { out: { a: '1' } },
    },
    'the last entry of a server whose new entry is refused, and the new entries of the others': {
      given: { now: { a: '2', b: '2' }, out: { a: '1', b: '1' }, results: { a: 'Refused' } },
      want: { out: { a: '1', b: '2' }, refused: 1 },
    },
    'the last entry of a server whose new entry waits for an answer': {
      given: { now: { a: '2', b: '2' }, out: { a: '1', b: '1' }, results: { a: 'Pending' } },
      want: { out: { a: '1', b: '2' }, verifying: ['a'] },
    },
    'an entry that it has released before, also if it is refused now': {
      given: { now: { a: '1' }, out: { a: '1' }, results: { a: 'Refused' } },
      want: { out: { a: '1' } },
    },
    'no entry of a new server that is refused': {
      given: { now: { a: '1', b: '1' }, out: { a: '1' }, results: { b: 'Refused' } },
      want: { out: { a: '1' }, refused: 1 },
    },
    'no entry of a server that was removed': { given: { now: { a: '1' }, out: { a: '1', b: '1' } }, want: { out: { a: '1' } } },
    'the last entry of a server whose source is missing, and the new entries of the others': {
      given: { now: { b: '2' }, out: { a: '1', b: '1' }, broken: [missing('a')] },
      want: { out: { a: '1', b: '2' }, problems: ['a is missing.'] },
    },
    'the last entry of a server whose source has moved to a missing one': {
      given: { now: {}, out: { a: '1' }, broken: [missing('a', 'ns/new')] },
      want: { out: { a: '1' }, problems: ['a is missing.'] },
    },
    'the last entries of a broken docker config': {
      given: { now: { b: '2' }, out: { a: '1', b: '1' }, from: 'ns/config', broken: [brokenConfig] },
      want: { out: { a: '1', b: '2' }, problems: ['The config is broken.'] },
    },
    'the last entry of a server whose former source is gone, because a broken docker config may have it': {
      given: { now: { b: '2' }, out: { a: '1', b: '1' }, from: 'ns/former', broken: [brokenConfig] },
      want: { out: { a: '1', b: '2' }, problems: ['The config is broken.'] },
    },
    'the last entries, if two entries are for one server': {
      given: { now: { a: '2' }, out: { a: '1' }, isInvalid: true },
      want: { out: { a: '1' }, problems: ['Two entries.'] },
    },
    'the last entries, if no source has any: what is placed is never emptied': {
      given: { now: {}, out: { a: '1' } },
      want: { out: { a: '1' } },
    },
    'the last entries, if all new ones are of refused servers': {
      given: { now: { b: '1' }, out: { a: '1' }, results: { b: 'Refused' } },
      want: { out: { a: '1' }, refused: 1 },
    },
  };
  for (const [what, { given, want }] of Object.entries(cases)) {
    it(what, () => {
      // The docker config always holds exactly the released entries.
      const { entries, content } = decideRelease(inputOf(given));
      expect(content?.names ?? []).to.deep.equal([...entries.keys()]);
      const expected = { isNothingReleased: false, problems: [], refused: 0, verifying: [], ...want };
      expect(inShort(decideRelease(inputOf(given)))).to.deep.equal(expected);
    });
  }

  // Every result, in mode Require and in mode Report, for a first placement and for a later one, of one and of two servers.
  const held: ReadonlySet<Result> = new Set<Result>(['Refused', 'Pending']);
  for (const result of ['Proven', 'NotRefused', 'Public', 'Unreachable', 'NotAsked', 'Refused', 'Pending'] as const) {
    for (const isGated of [true, false]) {
      for (const others of OTHERS) {
        const isHeldBack = isGated && held.has(result);
        const of = `${result}, in mode ${isGated ? 'Require' : 'Report'}, ${'b' in others ? 'beside another server' : 'alone'}`;
        it(`${isHeldBack ? 'nothing' : 'everything'} at first, ${of}`, () => {
          const { entries, isNothingReleased } = decideRelease(inputOf({ now: { a: '2', ...others }, results: { a: result }, isGated }));
          expect([passwordsOf(entries), isNothingReleased]).to.deep.equal(isHeldBack ? [{}, true] : [{ a: '2', ...others }, false]);
        });

        it(`the ${isHeldBack ? 'last' : 'new'} entry later, ${of}`, () => {
          const given = { now: { a: '2', ...others }, out: { a: '1', b: '1' }, results: { a: result }, isGated };
          const { entries, isNothingReleased } = decideRelease(inputOf(given));
          expect([passwordsOf(entries), isNothingReleased]).to.deep.equal([{ a: isHeldBack ? '1' : '2', ...others }, false]);
        });
      }
    }
  }

  it('at most 1 MiB: nothing at first, and the last entries later', () => {
    const password = 'x'.repeat(700_000);
    const first = decideRelease(inputOf({ now: { a: password } }));
    expect([first.isNothingReleased, first.sourceProblems.map(({ reason }) => reason)]).to.deep.equal([true, ['TooLarge']]);
    const later = decideRelease(inputOf({ now: { a: password }, out: { a: '1' } }));
    expect([later.isNothingReleased, passwordsOf(later.entries)]).to.deep.equal([false, { a: '1' }]);
    expect(later.sourceProblems.map(({ reason }) => reason)).to.deep.equal(['TooLarge']);
  });

  it('what it reports: a refusal, and its effect', () => {
    const messageOf = (given: Case) =>
      decideRelease(inputOf({ results: { a: 'Refused' }, ...given })).refusals.map(({ reason, message }) => [reason, message]);
    expect(messageOf({ now: { a: '1' } })).to.deep.equal([
      ['RegistryRefused', 'a says so. Nothing is placed until the registry accepts it.'],
    ]);
    expect(messageOf({ now: { a: '2' }, out: { a: '1' } })).to.deep.equal([
      ['RegistryRefused', 'a says so. The last accepted entry stays in place.'],
    ]);
    expect(messageOf({ now: { a: '2' }, out: { b: '1' } })).to.deep.equal([
      ['RegistryRefused', 'a says so. This server is left out until the registry accepts it.'],
    ]);
  });

  it('each entry with the source that it came from', () => {
    const { entries } = decideRelease(inputOf({ now: { a: '1' }, out: { a: '1' }, from: 'ns/former' }));
    expect(entries.get('a')?.source).to.equal('ns/a');
  });
});
