import { expect } from 'chai';
import { intentOf } from '../../../src/plan/intent.ts';
import { content, credential, intent } from '../../support/builders.ts';

describe('A RegistryCredential', () => {
  const table: Record<string, readonly [Parameters<typeof credential>[0], Parameters<typeof intent>[0]]> = {
    'wants its Secret placed under its own name': [{}, {}],
    'wants its Secret placed under spec.secretName': [
      { spec: { secretName: 'pull' } },
      { secretName: 'pull', spec: { secretName: 'pull' } },
    ],
    'that is suspended wants nothing touched': [{ spec: { suspend: true } }, { mode: 'hold', spec: { suspend: true } }],
    'that is deleted wants everything taken back': [{ deleting: true }, { mode: 'remove' }],
    'that is deleted under Retain wants everything left without an owner': [
      { deleting: true, spec: { deletionPolicy: 'Retain' } },
      { mode: 'release', spec: { deletionPolicy: 'Retain' } },
    ],
    'that is deleted while it is suspended wants everything taken back': [
      { deleting: true, spec: { suspend: true } },
      { mode: 'remove', spec: { suspend: true } },
    ],
  };
  for (const [what, [mods, want]] of Object.entries(table)) {
    it(what, () => expect(intentOf(credential(mods), content())).to.deep.equal(intent(want)));
  }
});
