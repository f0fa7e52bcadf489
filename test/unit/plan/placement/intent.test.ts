import { expect } from 'chai';
import { intentOf, wantsPodRecovery } from '../../../../src/plan/placement/intent.ts';
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
