import { expect } from 'chai';
import type { CredentialRecord } from '../../../src/api/records.ts';
import type { MatchingEntry } from '../../../src/cli/doctor/entries.ts';
import type { Secret, Surroundings } from '../../../src/cli/doctor/observed.ts';
import { registryStatusSteps } from '../../../src/cli/doctor/registry-status.ts';
import type { RegistryRow } from '../../../src/cli/registries-view.ts';
import { credential } from '../../support/builders.ts';

const NOW = Date.parse('2026-01-08T12:00:00Z');
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString().replace('.000', '');
const DAY = 86_400;

const row = (mods: Partial<RegistryRow> = {}): RegistryRow => ({
  server: 'ghcr.io',
  result: 'NotRefused',
  checkedAt: ago(300),
  message: 'ghcr.io refuses the login.',
  ...mods,
});
const acme = (registries: RegistryRow[], mode: 'Report' | 'Require' = 'Report'): CredentialRecord =>
  credential({
    uid: 'uid-acme',
    status: { registries },
    spec: {
      registries: registries.map(({ server }) => ({ server, secretRef: { namespace: 'sources', name: 'robot' } })),
      verification: { mode, interval: '6h' },
    },
  });
const secret = (uid: string): Secret => ({
  namespace: 'shop',
  name: 'acme',
  type: 'kubernetes.io/dockerconfigjson',
  data: {},
  credential: uid === 'none' ? undefined : { name: 'acme', uid },
  uid: 'uid-of-secret',
  changedAt: 0,
});
const entry = (server: string, uid = 'uid-acme'): MatchingEntry => [
  server,
  { secret: secret(uid), auth: { username: 'robot', password: 'sample-password' } } as unknown as MatchingEntry[1],
];
const found = (one: CredentialRecord): Surroundings => ({
  now: NOW,
  namespace: { state: 'missing' },
  account: { state: 'missing' },
  credentials: { state: 'found', value: [one] },
  secrets: new Map(),
  events: { state: 'missing' },
});

interface Case {
  readonly rows: RegistryRow[];
  readonly mode?: 'Report' | 'Require';
  readonly entries?: MatchingEntry[];
  readonly isPulled?: boolean;
  readonly want: string[];
  readonly says?: string;
}

describe('The doctor reports of an entry what the operator knows', () => {
  const refused = row({ result: 'Refused' });
  const expired = row({ expiresAt: ago(DAY), checkedAt: ago(2 * DAY), expirySource: 'Annotation' });
  const cases: Record<string, Case> = {
    'nothing, if there is nothing': { rows: [row()], want: [] },
    'nothing of a Secret that regcred does not manage': { rows: [refused], entries: [entry('ghcr.io', 'none')], want: [] },
    'nothing of a Secret of another credential': { rows: [refused], entries: [entry('ghcr.io', 'uid-other')], want: [] },
    'nothing of another server': { rows: [refused], entries: [entry('quay.io')], want: [] },
    'a refusal, and where to fix it': {
      rows: [refused],
      want: ['wrong RegistryRefused'],
      says: 'Secret sources/robot, the source of RegistryCredential acme (not in the copy)',
    },
    'when the registry was asked': { rows: [refused], want: ['wrong RegistryRefused'], says: 'asked ghcr.io 5m ago' },
    'a refusal at Docker Hub, by its usual name': {
      rows: [row({ server: 'https://index.docker.io/v1/', result: 'Refused' })],
      entries: [entry('https://index.docker.io/v1/')],
      want: ['wrong RegistryRefused'],
      says: 'asked docker.io ',
    },
    'a refusal that an image in place disproves, as a note': { rows: [refused], isPulled: true, want: ['note RegistryRefused'] },
    'a refusal beside another entry that is not refused, as a note': {
      rows: [refused, row({ server: 'ghcr.io/acme' })],
      entries: [entry('ghcr.io/acme'), entry('ghcr.io')],
      want: ['note RegistryRefused'],
    },
    'a refusal of all entries': {
      rows: [refused, row({ server: 'ghcr.io/acme', result: 'Refused' })],
      entries: [entry('ghcr.io/acme'), entry('ghcr.io')],
      want: ['wrong RegistryRefused', 'wrong RegistryRefused'],
    },
    'with Require, that the pull secret may have earlier credentials': {
      rows: [refused],
      mode: 'Require',
      want: ['unseen RegistryRefused'],
      says: '--pull asks with the ones in the pull secret',
    },
    'an expiry that has passed': { rows: [expired], want: ['wrong Expired'], says: `expired on ${ago(DAY)} (known from: Annotation)` },
    'that an expired password is refused, too': {
      rows: [row({ result: 'Refused', expiresAt: ago(DAY) })],
      want: ['wrong RegistryRefused'],
      says: `The password expired on ${ago(DAY)}.`,
    },
    'an expiry that the registry disproves': {
      rows: [row({ expiresAt: ago(DAY) })],
      want: ['note Expired'],
      says: 'still accepted it after that',
    },
    'an expiry in some days': { rows: [row({ expiresAt: ago(-3.5 * DAY) })], want: ['note Expires'], says: 'expires in 3 days, on ' },
    'an expiry within a day': { rows: [row({ expiresAt: ago(-60) })], want: ['note Expires'], says: 'expires in less than a day, on ' },
    'no expiry of a token that the operator renews': { rows: [row({ expiresAt: ago(-60), expirySource: 'Token' })], want: [] },
  };
  for (const [what, { rows, mode, entries = [entry('ghcr.io')], isPulled = false, want, says = '' }] of Object.entries(cases)) {
    it(what, () => {
      const steps = registryStatusSteps(entries, isPulled, found(acme(rows, mode)));
      expect(steps.map(({ mark, reason }) => `${mark} ${reason}`)).to.deep.equal(want);
      const text = steps.map(({ message, fix = '' }) => `${message} ${fix}`).join(' ');
      expect(text).to.contain(says).and.not.contain('sample-password');
    });
  }
});
