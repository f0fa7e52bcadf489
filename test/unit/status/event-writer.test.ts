import { mock } from 'node:test';
import { expect } from 'chai';
import { REASON } from '../../../src/api/reasons.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import { EventWriter } from '../../../src/status/event-writer.ts';
import type { EventText } from '../../../src/status/events.ts';
import { credential } from '../../support/builders.ts';
import { recordingLog } from '../../support/reconcilers.ts';

const rotated: EventText = { type: 'Normal', reason: REASON.rotated, message: 'It was rotated.' };
const incomplete: EventText = { type: 'Warning', reason: REASON.cleanupIncomplete, message: 'The cleanup stopped.' };
const FIVE_MINUTES = 5 * 60_000;

describe('Events on a credential', () => {
  let written: { namespace: string; body: Record<string, unknown> }[];
  let answer: () => Promise<void>;
  let log: ReturnType<typeof recordingLog>;
  let writer: EventWriter;
  let now: number;

  beforeEach(() => {
    written = [];
    answer = async () => {};
    log = recordingLog();
    now = 1_000_000;
    mock.method(performance, 'now', () => now);
    const createEvent = (namespace: string, body: object) => {
      written.push({ namespace, body: body as Record<string, unknown> });
      return answer();
    };
    writer = new EventWriter({ createEvent }, log);
  });
  afterEach(() => mock.restoreAll());

  const write = async (times: number, event = rotated, name = 'acme') => {
    for (let n = 0; n < times; n++) await writer.write(credential({ name }), event);
  };
  const messages = () => written.map(({ body }) => body.message);

  it('name the credential, and are in the namespace default, where Events of cluster-scoped objects belong', async () => {
    await write(1);
    expect(written[0]?.namespace).to.equal('default');
    expect(written[0]?.body).to.deep.include({
      kind: 'Event',
      metadata: { generateName: 'acme.', namespace: 'default' },
      involvedObject: {
        apiVersion: 'regcred.dev/v1alpha1',
        kind: 'RegistryCredential',
        name: 'acme',
        uid: 'uid-acme',
        resourceVersion: '1',
      },
      type: 'Normal',
      reason: 'Rotated',
      message: 'It was rotated.',
      count: 1,
    });
  });

  it('are at most ten at once, and then one every five minutes, which says how many were left out', async () => {
    await write(13);
    expect(written).to.have.lengthOf(10);
    now += FIVE_MINUTES - 1;
    await write(1);
    expect(written).to.have.lengthOf(10);
    now += 1;
    await write(2);
    expect(messages().slice(10)).to.deep.equal(['(4 earlier Events were left out.) It was rotated.']);
  });

  it('are counted for each credential by itself', async () => {
    await write(10, rotated, 'acme');
    await write(1, rotated, 'beta');
    expect(written).to.have.lengthOf(11);
  });

  it('are written beyond the rate if a cleanup stopped, because no status will say that', async () => {
    await write(11);
    await write(1, incomplete);
    expect(messages().at(-1)).to.equal('(1 earlier Events were left out.) The cleanup stopped.');
  });

  it('have the full rate again after the credential was forgotten', async () => {
    await write(10);
    writer.forget(credential());
    await write(10);
    expect(written).to.have.lengthOf(20);
  });

  it('are logged and not retried if they cannot be written', async () => {
    answer = () => Promise.reject(new KubeError('events is forbidden', 403));
    await write(1);
    expect(written).to.have.lengthOf(1);
    expect(log.lines).to.deep.equal(['Cannot write an Event.']);
  });

  it('have at most 1024 characters in their message, which is the limit of the API', async () => {
    await write(1, { ...rotated, message: 'x'.repeat(3000) });
    expect(messages()[0]).to.have.lengthOf(1024);
  });
});
