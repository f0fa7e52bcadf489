import { expect } from 'chai';
import { contestedAccount, contestedFinalizers, contestedSecret } from '../../../../src/plan/placement/contested.ts';

describe('The problem that another writer changes', () => {
  const table: Record<string, readonly [message: string, says: string, not: string]> = {
    'a Secret later names tools that do so': [contestedSecret(undefined).message, 'keeps changing or deleting this Secret', 'admission'],
    'a Secret when it is written names the field': [contestedSecret('data["x"]').message, 'changes data["x"] whenever', 'delete this copy'],
    'the type of a Secret says to delete the copy': [contestedSecret('type').message, 'Then delete this copy', 'keeps changing'],
    'whether a Secret is immutable says to delete the copy': [
      contestedSecret('immutable').message,
      'Then delete this copy',
      'keeps changing',
    ],
    'a ServiceAccount later names tools that do so': [contestedAccount(undefined).message, 'keeps removing the entry', 'admission'],
    'a ServiceAccount when it is written names the field': [
      contestedAccount('imagePullSecrets').message,
      'changes imagePullSecrets whenever',
      'keeps',
    ],
    'the finalizer of a credential says that nothing is placed': [
      contestedFinalizers('acme', false).message,
      'the operator places nothing',
      'stays',
    ],
    'the finalizer of a deleted credential says that the object stays': [
      contestedFinalizers('acme', true).message,
      'the object stays',
      'places nothing',
    ],
  };
  for (const [what, [message, says, not]] of Object.entries(table)) {
    it(what, () => expect(message).to.contain(says).and.not.contain(not));
  }
});
