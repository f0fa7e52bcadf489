import { expect } from 'chai';
import { REASON } from '../../../src/api/reasons.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { ConflictEvents } from '../../../src/status/conflict-events.ts';
import { credential, secret } from '../../support/builders.ts';
import { recordingLog } from '../../support/reconcilers.ts';

describe('Events on a Secret that is in the way', () => {
  let written: { namespace: string; body: Record<string, unknown> }[];
  let answer: () => Promise<void>;
  let log: ReturnType<typeof recordingLog>;
  let events: ConflictEvents;
  let now: number;
  beforeEach(() => {
    written = [];
    answer = async () => {};
    log = recordingLog();
    now = 0;
    const createEvent = (namespace: string, body: object) => {
      written.push({ namespace, body: body as Record<string, unknown> });
      return answer();
    };
    events = new ConflictEvents({ createEvent }, log, () => now);
  });
  const problem = { reason: REASON.secretExists, message: 'Secret shop/acme exists. Delete it.' };
  const write = (namespace = 'shop') => events.write(credential(), secret({ namespace, name: 'acme', uid: 'uid-theirs' }), problem);

  it('are in its namespace, name it and the credential, and say what to do', async () => {
    await write();
    expect(written).to.have.lengthOf(1);
    expect(written[0]?.namespace).to.equal('shop');
    expect(written[0]?.body).to.deep.include({
      type: 'Warning',
      reason: 'SecretExists',
      message: 'RegistryCredential acme cannot put its pull secret here. Secret shop/acme exists. Delete it.',
    });
    expect(written[0]?.body.involvedObject).to.deep.include({ kind: 'Secret', namespace: 'shop', name: 'acme', uid: 'uid-theirs' });
    expect(written[0]?.body.related).to.deep.include({ kind: 'RegistryCredential', name: 'acme' });
  });

  it('are two an hour for a Secret that someone creates and deletes all the time', async () => {
    for (let n = 0; n < 120; n++, now += 60_000) await write();
    expect(written.length).to.be.within(3, 4);
  });

  it('are few for a credential that is in conflict in thousands of namespaces', async () => {
    for (let n = 0; n < 5000; n++) await write(`team-${n}`);
    expect(written).to.have.lengthOf(50);
  });

  it('that cannot be written are logged, and delay nothing', async () => {
    answer = () => Promise.reject(new KubeError('denied', 403));
    await write();
    expect(log.lines).to.deep.equal(['Cannot write an Event.']);
  });
});
