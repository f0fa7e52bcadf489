import { expect } from 'chai';
import type { PullTest } from '../../../../src/cli/doctor/observed.ts';
import { examine } from '../../../../src/cli/doctor/pod.ts';
import { around, fingerprint, IMAGE, pod, SERVER } from '../../../support/doctor.ts';

describe('The doctor reports of a registry', () => {
  const as = (server: string) => ({ username: 'robot', secret: 'acme', server });
  const no = { ok: false, message: '401 Unauthorized' } as const;
  const asking = (...answers: PullTest[]) =>
    examine({ pod: pod(), surroundings: around(), pullTests: new Map([[IMAGE, answers]]), fingerprint })
      .filter(({ check }) => check === 'Registry')
      .map(({ mark, reason }) => `${mark} ${reason}`);

  it('that it allows the pull', () => expect(asking({ as: as(SERVER), answer: { ok: true } })).to.deep.equal(['ok Allowed']));
  it('that it refuses the pull', () => expect(asking({ as: as(SERVER), answer: no })).to.deep.equal(['wrong Unauthorized']));
  it('that a refused entry is only a note if the next one is accepted', () =>
    expect(asking({ as: as(`${SERVER}/acme`), answer: no }, { as: as(SERVER), answer: { ok: true } })).to.deep.equal([
      'note Unauthorized',
      'ok Allowed',
    ]));
  it('an unknown message as it is', () =>
    expect(asking({ as: undefined, answer: { ok: false, message: 'sesame' } })).to.deep.equal(['wrong Refused']));
});
