import { expect } from 'chai';
import {
  changesOf,
  type Intent,
  type IntentContext,
  intentOf,
  isEnding,
  isFinalized,
  leavesReferencesUnchanged,
  mayActOnOthersIn,
  wantsPodRecovery,
} from '../../../../src/plan/placement/intent.ts';
import { content, credential, intent } from '../../../support/builders.ts';

describe('A RegistryCredential', () => {
  const table: Record<string, readonly [Parameters<typeof credential>[0], Parameters<typeof intent>[0]]> = {
    'has its Secret placed under its own name': [{}, {}],
    'has its Secret placed under spec.secretName': [{ spec: { secretName: 'pull' } }, { secretName: 'pull', spec: { secretName: 'pull' } }],
    'that is suspended has nothing changed': [{ spec: { suspend: true } }, { mode: 'suspend', spec: { suspend: true } }],
    'that is deleted has everything removed': [{ terminating: true }, { mode: 'cleanup' }],
    'that is deleted under Retain has everything retained without an owner': [
      { terminating: true, spec: { deletionPolicy: 'Retain' } },
      { mode: 'retain', spec: { deletionPolicy: 'Retain' } },
    ],
    'that is deleted while it is suspended has everything removed': [
      { terminating: true, spec: { suspend: true } },
      { mode: 'cleanup', spec: { suspend: true } },
    ],
  };
  for (const [what, [mods, want]] of Object.entries(table)) {
    it(what, () => expect(intentOf(credential(mods), content())).to.deep.equal(intent(want)));
  }

  it('that the operator does not serve has everything removed', () =>
    expect(intentOf(credential(), content(), { isNotServed: true })).to.deep.equal(intent({ mode: 'cleanup' })));

  const ofTeam = { kind: 'NamespacedRegistryCredential', namespace: 'team-a' } as const;
  it('of a namespace is placed in its own namespace only, as long as it has no finalizer', () => {
    expect(intentOf(credential({ ...ofTeam, finalizers: ['example.com/other'] }), content())).to.have.property('isConfined', true);
    expect(intentOf(credential(ofTeam), content())).not.to.have.property('isConfined');
    expect(intentOf(credential({ finalizers: [] }), content()), 'cluster-scoped').not.to.have.property('isConfined');
  });

  it('of a namespace may act on objects of others in its own namespace only', () => {
    const may = (of: Parameters<typeof intent>[0]) => ['team-a', 'team-b'].map((name) => mayActOnOthersIn(intent(of), name));
    expect(may(ofTeam)).to.deep.equal([true, false]);
    expect(may({}), 'cluster-scoped').to.deep.equal([true, true]);
  });

  it('is cleaned up once it is deleted and its finalizer is gone, even if that of another controller is there', () => {
    const finalizers = ['example.com/other'];
    expect(isFinalized(credential({ terminating: true, finalizers }))).to.equal(true);
    expect(isFinalized(credential({ terminating: true }))).to.equal(false);
    expect(isFinalized(credential({ finalizers }))).to.equal(false);
  });

  const modes: Record<Intent['mode'], { isEnding: boolean; leavesReferences: boolean }> = {
    sync: { isEnding: false, leavesReferences: false },
    suspend: { isEnding: false, leavesReferences: true },
    cleanup: { isEnding: true, leavesReferences: false },
    retain: { isEnding: true, leavesReferences: true },
  };
  for (const [mode, want] of Object.entries(modes) as [Intent['mode'], (typeof modes)['sync']][]) {
    it(`in the mode ${mode} ${want.isEnding ? 'goes' : 'stays'}, and its references ${want.leavesReferences ? 'stay' : 'may change'}`, () =>
      expect({ isEnding: isEnding({ mode }), leavesReferences: leavesReferencesUnchanged({ mode }) }).to.deep.equal(want));
  }

  const recovery: Record<string, readonly [Parameters<typeof credential>[0], boolean]> = {
    'with podRecovery Recreate': [{ spec: { podRecovery: 'Recreate' } }, true],
    'with podRecovery None': [{ spec: { podRecovery: 'None' } }, false],
    'that is suspended': [{ spec: { podRecovery: 'Recreate', suspend: true } }, false],
    'that is deleted': [{ spec: { podRecovery: 'Recreate' }, terminating: true }, false],
  };
  for (const [what, [mods, want]] of Object.entries(recovery)) {
    it(`${what} ${want ? 'has' : 'does not have'} stuck pods evicted`, () => expect(wantsPodRecovery(credential(mods))).to.equal(want));
  }
});

describe('A change of a credential', () => {
  const before = credential();
  const first = content();
  const ofTeam = { kind: 'NamespacedRegistryCredential', namespace: 'team-a' } as const;
  const tenant = (value: string): IntentContext => ({ tenant: { label: 'team', value } as Intent['tenant'] });
  const rotated = { isRotated: true, mayChangeReferences: false };
  const moved = { isRotated: false, mayChangeReferences: true };
  const nothing = { isRotated: false, mayChangeReferences: false };
  const table: Record<string, readonly [before: Intent | undefined, after: Intent, want: ReturnType<typeof changesOf>]> = {
    'that is new may change references': [undefined, intentOf(before, first), moved],
    'of nothing changes nothing': [intentOf(before, first), intentOf(credential(), first), nothing],
    'of its content is a rotation': [intentOf(before, first), intentOf(before, content('other')), rotated],
    'to its first content may change references, and is no rotation': [intentOf(before, undefined), intentOf(before, first), moved],
    'while it has no content changes nothing': [intentOf(before, undefined), intentOf(before, undefined), nothing],
    'of its spec may change references': [
      intentOf(before, first),
      intentOf(credential({ spec: { secretName: 'acme', podInjection: 'None' } }), first),
      moved,
    ],
    'of its Secret name may change references': [
      intentOf(before, first),
      intentOf(credential({ spec: { secretName: 'pull' } }), first),
      moved,
    ],
    'of its spec and its content is both': [
      intentOf(before, first),
      intentOf(credential({ spec: { podInjection: 'None' } }), content('other')),
      { isRotated: true, mayChangeReferences: true },
    ],
    'of its mode may change references': [intentOf(before, first), intentOf(credential({ terminating: true }), first), moved],
    'of its finalizer may change references': [
      intentOf(credential({ ...ofTeam, finalizers: [] }), first),
      intentOf(credential(ofTeam), first),
      moved,
    ],
    'of its tenant may change references': [
      intentOf(credential(ofTeam), first, tenant('a')),
      intentOf(credential(ofTeam), first, tenant('b')),
      moved,
    ],
  };
  for (const [what, [from, to, want]] of Object.entries(table)) {
    it(what, () => expect(changesOf(from, to)).to.deep.equal(want));
  }
});
