import { expect } from 'chai';
import { type Credential, details, readyOf, table, wideTable } from '../../../src/cli/status-view.ts';
import { COLOURED } from '../../../src/cli/terminal/style.ts';
import { formatExpiry } from '../../../src/cli/terminal/text.ts';
import { ago, condition, NOW } from '../../support/statuses.ts';

const all = { desired: 15, synced: 15, failed: 0, conflicted: 0 };
const EXISTS = 'A Secret of this name is there and is not ours. Delete it.';

function credential(name: string, status?: Credential['status'], metadata: object = {}): Credential {
  return {
    metadata: { name, generation: 1, creationTimestamp: ago(3 * 86_400), ...metadata },
    spec: { namespaces: { names: ['*'] } } as Credential['spec'],
    ...(status && { status: { secretName: name, summary: '15/15', namespaces: all, serviceAccounts: all, ...status } }),
  };
}

const good = credential('acme', { conditions: [condition('Ready', 'True', 'Synced', 'The Secret acme is in place in 15 namespaces.')] });
const bad = credential('shop', {
  summary: '14/15',
  namespaces: { desired: 15, synced: 14, failed: 0, conflicted: 1 },
  failuresTotal: 21,
  failures: [{ namespace: 'team-a', kind: 'Secret', name: 'shop', reason: 'SecretExists', message: EXISTS }],
  conditions: [
    condition('Ready', 'False', 'SecretExists', '1 namespace of 15 is not synced.'),
    condition('SourcesReady', 'True', 'Resolved', 'All sources are valid.'),
    condition('SecretsSynced', 'False', 'SecretExists', '1 namespace of 15 is not synced.'),
    condition('ServiceAccountsSynced', 'True', 'Synced', 'The reference is in place.'),
  ],
});
const REFUSED = 'ghcr.io refuses the login of Secret sources/robot.';
const EXPIRES = 'docker.io: the password expires soon.';
const refused = credential('refused', {
  conditions: [
    condition('Ready', 'True', 'Synced', 'In place.'),
    condition('Verified', 'False', 'RegistryRefused', REFUSED),
    condition('Expiring', 'True', 'ExpiresSoon', EXPIRES),
  ],
  expiresAt: ago(-3.5 * 86_400),
  registries: [
    { server: 'ghcr.io', result: 'Refused', message: REFUSED, checkedAt: ago(300) },
    {
      server: 'https://index.docker.io/v1/',
      result: 'NotRefused',
      message: 'Accepted.',
      checkedAt: ago(30),
      expiresAt: ago(-3.5 * 86_400),
    },
    { server: '*.example.com', result: 'NotAsked' },
  ],
});
const lines = (text: string) => text.trimEnd().split('\n');

describe('The table of status', () => {
  it('has one row for each, sorted by name, and the message of those that are not Ready', () =>
    expect(lines(table([bad, good], NOW))).to.deep.equal([
      'NAME   READY   REASON         NAMESPACES   SECRET   VERIFIED   EXPIRES   AGE',
      'acme   True    Synced         15/15        acme                          3d',
      'shop   False   SecretExists   14/15        shop                          3d',
      '',
      'shop: 1 namespace of 15 is not synced.',
    ]));

  it('has more columns with -o wide, and the messages in the rows', () => {
    const [head, acme, shop] = lines(wideTable([bad, good], NOW));
    expect(head).to.match(/ AGE +SERVICEACCOUNTS +REGISTRIES +MESSAGE$/);
    expect(acme).to.match(/^acme .* 15 of 15 in place +The Secret acme is in place in 15 namespaces\.$/);
    expect(shop).to.match(/^shop .* 15 of 15 in place +1 namespace of 15 is not synced\.$/);
    expect(lines(wideTable([refused], NOW))[1])
      .to.contain('ghcr.io,docker.io,*.example.com')
      .and.contain(`${REFUSED} ${EXPIRES}`);
  });

  it('has a symbol and a colour for Ready, refusals and expiries on a terminal', () => {
    const text = table([bad, good, refused], NOW, COLOURED);
    for (const cell of ['32m✔ True', '31m✘ False', '31m✘ RegistryRefused', '31m✘ in 3 days']) expect(text).to.contain(`\u001b[${cell}`);
    expect(table([bad], NOW))
      .to.not.contain('\u001b')
      .and.not.contain('✘');
  });

  it('reports that there are none', () => expect(table([], NOW)).to.contain('There are no RegistryCredentials.'));

  it('says to check the operator for one that has no status', () => {
    const [, row, , message] = lines(table([credential('late')], NOW));
    expect(row).to.match(/^late {3}Unknown {3}NotSeenYet +3d$/);
    expect(message).to.contain('has not observed this RegistryCredential yet').and.contain('kubectl get deployment');
  });

  it('says whether registries accept the credentials and when those expire, and below it what is wrong with that', () =>
    expect(lines(table([refused], NOW))).to.deep.equal([
      'NAME      READY   REASON   NAMESPACES   SECRET    VERIFIED          EXPIRES     AGE',
      'refused   True    Synced   15/15        refused   RegistryRefused   in 3 days   3d',
      '',
      `refused: ${REFUSED}`,
      '',
      `refused: ${EXPIRES}`,
    ]));

  const expiries: Record<string, string | undefined> = {
    expired: ago(0),
    'in 1 minute': ago(-30),
    'in 119 minutes': ago(-7199),
    'in 2 hours': ago(-7200),
    'in 47 hours': ago(-172_799),
    'in 2 days': ago(-172_800),
    'in 29 days': ago(-30 * 86_400 + 1),
    '2026-02-07': ago(-30 * 86_400),
    '': undefined,
  };
  for (const [text, expiresAt] of Object.entries(expiries)) {
    it(`says ${text || 'nothing'} for an expiry at ${expiresAt}`, () => expect(formatExpiry(expiresAt, NOW)).to.equal(text));
  }

  const ages: Record<string, number> = { '0s': -5, '119s': 119, '2m': 120, '179m': 10_799, '3h': 10_800, '47h': 172_799, '2d': 172_800 };
  for (const [age, seconds] of Object.entries(ages)) {
    it(`says ${age} after ${seconds} seconds`, () =>
      expect(lines(table([credential('acme', good.status, { creationTimestamp: ago(seconds) })], NOW))[1]).to.match(
        new RegExp(` ${age}$`),
      ));
  }

  it('has no control characters', () => {
    const message = 'a\u001b[2Jb\u202ec\nd';
    const hostile = credential('acme', { conditions: [condition('Ready', 'False', 'Refused', message)] });
    for (const text of [table([hostile], NOW), details(hostile, NOW)]) expect(text).to.contain('a [2Jb c d');
  });
});

describe('The details of status', () => {
  it('have each failure, its cause and fix, and each message once', () =>
    expect(lines(details(bad, NOW))).to.deep.equal([
      'Name:              shop',
      'Ready:             False (SecretExists)',
      'Secret:            shop',
      'Namespaces:        14 of 15 in place, 1 in conflict',
      'ServiceAccounts:   15 of 15 in place',
      'Age:               3d',
      '',
      '1 namespace of 15 is not synced.',
      '',
      'CONDITION               STATUS   REASON         SINCE',
      'SourcesReady            True     Resolved       5m',
      'SecretsSynced           False    SecretExists   5m',
      'ServiceAccountsSynced   True     Synced         5m',
      '',
      'NAMESPACE   KIND     NAME   REASON         CAUSE AND FIX',
      `team-a      Secret   shop   SecretExists   ${EXISTS}`,
      'and 20 more failures',
    ]));

  it('have a row for each registry', () =>
    expect(lines(details(refused, NOW)).slice(-4)).to.deep.equal([
      'REGISTRY        RESULT       ASKED     EXPIRES     MESSAGE',
      `ghcr.io         Refused      5m ago                ${REFUSED}`,
      'docker.io       NotRefused   30s ago   in 3 days   Accepted.',
      '*.example.com   NotAsked',
    ]));

  it('have a message once, if another condition reports it with more words', () => {
    const held = `${REFUSED} The last accepted entry stays in place.`;
    const both = [condition('Ready', 'False', 'RegistryRefused', held), condition('Verified', 'False', 'RegistryRefused', REFUSED)];
    expect(details(credential('acme', { conditions: both }), NOW).split(REFUSED)).to.have.length(2);
  });

  it('have the message of a refusal and of an expiry that is near, but not of one that is not', () => {
    const quiet = credential('acme', { conditions: [condition('Expiring', 'False', 'NotSoon', 'The next to expire is far away.')] });
    expect(lines(details(refused, NOW))).to.include.members([REFUSED, EXPIRES]);
    expect(details(quiet, NOW)).to.not.contain('far away');
  });

  it('of one without a status are few', () =>
    expect(lines(details(credential('late'), NOW)).slice(0, 3)).to.deep.equal([
      'Name:    late',
      'Ready:   Unknown (NotSeenYet)',
      'Age:     3d',
    ]));

  it('report a deletion', () =>
    expect(details(credential('acme', good.status, { deletionTimestamp: ago(1) }), NOW)).to.contain('3d, being deleted'));
});

describe('Ready', () => {
  it('is the condition of the current spec', () => expect(readyOf(good).status).to.equal('True'));

  it('is unknown if the status is of an older spec', () => {
    const ready = readyOf(credential('acme', good.status, { generation: 2 }));
    expect(ready).to.include({ status: 'Unknown', reason: 'NotSeenYet' });
    expect(ready.message).to.contain('the last change of the spec');
  });
});
