import { expect } from 'chai';
import type { RawReply } from '../../../src/net/transport.ts';
import { answerOf } from '../../../src/registry/answer.ts';

interface Given {
  readonly status?: number;
  readonly headers?: RawReply['headers'];
  readonly body?: string;
}
const read = ({ status = 401, headers = {}, body = '' }: Given) =>
  answerOf({ kind: 'reply', status, headers, body: Buffer.from(body) } as unknown as RawReply, Date.parse('2026-11-01T12:00:00Z'));
const errors = (...codes: unknown[]) => JSON.stringify({ errors: codes.map((code) => ({ code, message: 'sample-secret' })) });
const NOTHING = { codes: [], hasUnknownCode: false, isHtml: false, deniesAddress: false, isEcrRefusal: false };

describe('What is known of an answer of a registry', () => {
  const table: Record<string, readonly [Given, want: object]> = {
    'is its status, and nothing else of an empty one': [{}, { ...NOTHING, kind: 'answer', status: 401 }],
    'are its error codes, each once': [{ body: errors('UNAUTHORIZED', 'DENIED', 'UNAUTHORIZED') }, { codes: ['UNAUTHORIZED', 'DENIED'] }],
    'is that there is a code that is not listed, and not which': [{ body: errors('SAMPLE_SECRET') }, { codes: [], hasUnknownCode: true }],
    'are known codes beside one that is not listed': [{ body: errors('X1', 'DENIED') }, { codes: ['DENIED'], hasUnknownCode: true }],
    'are no codes that have another form': [{ body: errors('sample secret', 7, null, 'denied') }, { codes: [], hasUnknownCode: false }],
    'are no codes of errors that are none': [{ body: '{"errors":[null,7,"DENIED"]}' }, { codes: [], hasUnknownCode: false }],
    'are no codes of errors that are no list': [{ body: '{"errors":"DENIED"}' }, { codes: [] }],
    'are the first ten codes': [
      { body: errors(...Array(9).fill('DENIED'), 'NAME_UNKNOWN', 'UNAUTHORIZED') },
      { codes: ['DENIED', 'NAME_UNKNOWN'] },
    ],
    'are none of the codes of a success': [{ status: 200, body: errors('DENIED') }, { codes: [] }],
    'are none of the codes of a redirect': [{ status: 399, body: errors('DENIED') }, { codes: [] }],
    'are the codes from status 400 on': [{ status: 400, body: errors('DENIED') }, { codes: ['DENIED'] }],
    'is the error of OAuth': [{ body: '{"error":"invalid_client"}' }, { codes: ['invalid_client'] }],
    'is that there is an error of OAuth that is not listed': [{ body: '{"error":"sample_secret"}' }, { codes: [], hasUnknownCode: true }],
    'is no error of OAuth in another form': [{ body: '{"error":"Sample secret"}' }, { codes: [], hasUnknownCode: false }],
    'is the error of a challenge, whatever the status': [
      { status: 200, headers: { 'www-authenticate': 'Bearer realm="x",error="insufficient_scope"' } },
      { codes: ['insufficient_scope'] },
    ],
    'are no codes of a body that is not JSON': [{ body: 'DENIED' }, { codes: [], hasUnknownCode: false }],
    'are no codes of JSON that is no object': [{ body: 'null' }, { codes: [], hasUnknownCode: false }],
    'is that it is a page, by its type': [{ headers: { 'content-type': 'text/html; charset=utf-8' }, body: 'x' }, { isHtml: true }],
    'is that it is a page, by the first of two types': [{ headers: { 'content-type': ['text/html', 'text/plain'] } }, { isHtml: true }],
    'is that it is a page, by its beginning': [{ body: '\n<!DOCTYPE html><html>' }, { isHtml: true }],
    'is that it is no page, if a registry says that it is one': [
      { headers: { 'content-type': 'text/html', 'docker-distribution-api-version': 'registry/2.0' } },
      { isHtml: false },
    ],
    'is that a firewall denies the address': [
      { status: 403, body: "client with IP '192.0.2.1' is not allowed access" },
      { deniesAddress: true },
    ],
    'is that a firewall denies the address, from status 400 on': [
      { status: 400, body: 'see https://aka.ms/acr/firewall' },
      { deniesAddress: true },
    ],
    'is no denial of an address in a success': [{ status: 399, body: 'see https://aka.ms/acr/firewall' }, { deniesAddress: false }],
    'is that a token of ECR is refused': [{ status: 400, body: 'Your authorization token has expired.' }, { isEcrRefusal: true }],
    'is no refusal of ECR in a success': [{ status: 399, body: 'Your authorization token has expired.' }, { isEcrRefusal: false }],
    'is for how long the registry asks to be left alone': [{ headers: { 'retry-after': '7' } }, { retryAfterSeconds: 7 }],
  };
  for (const [what, [given, want]] of Object.entries(table)) it(what, () => expect(read(given)).to.deep.include(want));

  it('has no wait if the registry asks for none', () => expect(read({})).not.to.have.property('retryAfterSeconds'));
});
