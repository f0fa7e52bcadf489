import { expect } from 'chai';
import { CloudError } from '../../../src/api/cloud-token.ts';
import type { CloudAnswer, CloudRequest } from '../../support/clouds/answers.ts';
import { type Clouds, startClouds } from '../../support/clouds/clouds.ts';
import { fetchersFor } from '../../support/clouds/fetching.ts';
import { allIdentities, type Case } from '../../support/clouds/identities.ts';

/** Answers that repeat what the service was sent, in every place that an error code could be read from. */
const HOSTILE: Record<string, (request: CloudRequest) => CloudAnswer> = {
  'a refusal with the call as its code': (request) => ({
    status: 403,
    headers: { 'x-amzn-errortype': secretIn(request) },
    body: JSON.stringify({
      __type: secretIn(request),
      code: secretIn(request),
      error: secretIn(request),
      errors: [{ code: secretIn(request) }],
    }),
  }),
  'a refusal with the call as its description': (request) => ({
    status: 400,
    body: JSON.stringify({
      error: 'invalid_request',
      error_description: `AADSTS700016: ${everythingIn(request)}`,
      message: everythingIn(request),
    }),
  }),
  'a refusal with the call in XML': (request) => ({
    status: 400,
    body: `<Error><Code>${secretIn(request)}</Code><Message>${everythingIn(request)}</Message></Error>`,
  }),
  'the call as plain text': (request) => ({ status: 500, body: everythingIn(request) }),
  'the call as a success': (request) => ({ status: 200, headers: { 'metadata-flavor': 'Google' }, body: everythingIn(request) }),
  'a success of another shape': () => ({
    status: 200,
    headers: { 'metadata-flavor': 'Google' },
    body: '{"access_token":{},"authorizationData":[null]}',
  }),
  'an empty success': () => ({ status: 200, headers: { 'metadata-flavor': 'Google' }, body: '' }),
  'a success that is too large': () => ({ status: 200, body: 'x'.repeat(100_000) }),
  'a redirect': () => ({ status: 307, headers: { location: 'https://evil.example.com/' }, body: '' }),
};

const everythingIn = ({ body, headers }: CloudRequest) => `${body} ${JSON.stringify(headers)}`;
/** The longest run of letters in a secret of the call, which could pass for an error code. */
const secretIn = ({ body, headers }: CloudRequest) =>
  (`${body} ${headers.authorization ?? ''} ${headers['x-aws-ec2-metadata-token'] ?? ''}`.match(/[A-Za-z]{3,60}/g) ?? ['none']).sort(
    (a, b) => b.length - a.length,
  )[0] as string;

describe('A cloud that answers anything', () => {
  let clouds: Clouds;
  let cases: Record<string, Case>;
  let fetcher: ReturnType<typeof fetchersFor>;
  before(async () => {
    clouds = await startClouds();
    cases = allIdentities(clouds);
    fetcher = fetchersFor(clouds);
  });
  after(() => clouds.close());

  const fetchWith = ({ request, env }: Case) => fetcher(env)(request, new AbortController().signal);

  it('has a case for each identity of each cloud', async () => {
    for (const [title, one] of Object.entries(cases)) expect((await fetchWith(one)).password, title).to.not.equal('');
    expect(Object.keys(cases).map((title) => title.split(':')[0])).to.include.members(['aws', 'gcp', 'azure']);
  });

  for (const [title, hostile] of Object.entries(HOSTILE)) {
    it(`gets no secret into an error, and the redirect not followed: ${title}`, async () => {
      for (const [name, one] of Object.entries(cases)) {
        const steps = await countSteps(one);
        expect(steps, name).to.be.at.least(1);
        for (let step = 0; step < steps; step += 1) await breakStep(name, one, step, hostile);
      }
    });
  }

  async function countSteps(one: Case): Promise<number> {
    clouds.tamper = () => undefined;
    const before = clouds.requests.length;
    await fetchWith(one);
    return clouds.requests.length - before;
  }

  async function breakStep(name: string, one: Case, step: number, hostile: (request: CloudRequest) => CloudAnswer): Promise<void> {
    let count = 0;
    const first = clouds.requests.length;
    clouds.tamper = (request) => (count++ === step ? hostile(request) : undefined);
    const error = await fetchWith(one).catch((error: unknown) => error);
    const where = `${name}, step ${step}`;
    expect(error, where).to.be.instanceOf(CloudError);
    const shown = [
      String(error),
      (error as Error).stack,
      JSON.stringify(error),
      JSON.stringify({ ...(error as object) }),
      String((error as Error).cause),
    ].join('\n');
    for (const secret of [...one.secrets, ...sentSecrets(clouds.requests.slice(first))]) expect(shown, where).to.not.contain(secret);
    expect((error as CloudError).code, where).to.match(/^(?:HTTP \d{3}|[A-Za-z_]{3,64}|AADSTS\d+)$/);
    expect(clouds.strangers, where).to.deep.equal([]);
  }
});

/** Values in calls that are long enough to be secret: fields of forms, tokens in headers. */
function sentSecrets(requests: readonly CloudRequest[]): string[] {
  return requests.flatMap(({ body, headers }) => {
    const fields = [...new URLSearchParams(body).entries()]
      .filter(([name]) => /token|secret|assertion/i.test(name) && !/type$/.test(name))
      .map(([, value]) => value);
    const [, bearer] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
    const session = headers['x-amz-security-token'];
    return [...fields, bearer, session].filter((value): value is string => typeof value === 'string' && value.length > 20);
  });
}
