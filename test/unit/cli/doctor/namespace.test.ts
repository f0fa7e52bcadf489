import { expect } from 'chai';
import type { AccountRecord } from '../../../../src/api/records.ts';
import { examineNamespace } from '../../../../src/cli/doctor/namespace.ts';
import type { ReadResult, Surroundings } from '../../../../src/cli/doctor/observed.ts';
import { account, namespace } from '../../../support/builders.ts';
import { acme, around, first, forbidden, found, holding, missing, referring, SERVER, secret, verdictOf } from '../../../support/doctor.ts';

describe('The doctor finds about a namespace', () => {
  const none = { pods: found([]), count: 0, shown: 10 };
  const accounts = found([referring('acme'), account({ name: 'builder' })]);
  const table: Record<
    string,
    { around?: Surroundings; accounts?: ReadResult<readonly AccountRecord[]>; pods?: typeof none; want: string; fix?: string }
  > = {
    'that everything is in place': { want: 'fine' },
    'that pods wait for images': { pods: { ...none, count: 11 }, want: 'wrong Kubelet PodsWait' },
    'that it is being deleted': {
      around: around({ namespace: found(namespace({ terminating: true })) }),
      want: 'wrong Namespace NamespaceTerminating',
    },
    'that it has opted out': {
      around: around({ namespace: found(namespace({ labels: { 'regcred.dev/exclude': 'true' } })) }),
      want: 'wrong Namespace NamespaceOptedOut',
    },
    'that regcred is not installed': { around: around({ credentials: missing }), want: 'wrong Credential NotInstalled' },
    'that the Secret is missing': {
      around: around({ secrets: new Map([['acme', missing]]) }),
      want: 'wrong Credential NotPlaced',
      fix: 'whether the operator runs',
    },
    'that an unmanaged Secret has the name': {
      around: around({}, [secret({ credential: undefined })]),
      want: 'wrong Credential NotPlaced',
    },
    'that the Secret is broken': { around: around({}, [holding({ [SERVER]: { auth: '!' } })]), want: 'wrong Secret AuthNotBase64' },
    'which ServiceAccounts lack the name': { accounts: found([account()]), want: 'wrong Account NotReferenced' },
    'which right is missing to list the credentials': {
      around: around({ credentials: forbidden('list registrycredentials.regcred.dev') }),
      want: 'unseen Credential Forbidden',
    },
    'which right is missing to read the namespace': {
      around: around({ namespace: forbidden('get namespace shop') }),
      want: 'unseen Namespace Forbidden',
    },
    'which right is missing to list the ServiceAccounts': {
      accounts: forbidden('list serviceaccounts in namespace shop'),
      want: 'unseen Account Forbidden',
      fix: 'list serviceaccounts in namespace shop',
    },
    'that no credential selects it, which may be intended': {
      around: around({ credentials: found([acme({ spec: { namespaces: { names: ['team-*'] } } })]) }),
      want: 'fine',
    },
  };
  for (const [what, { around: world = around(), accounts: some = accounts, pods = none, want, fix = '' }] of Object.entries(table)) {
    it(what, () => {
      const all = examineNamespace('shop', world, some, pods);
      expect(verdictOf(all), JSON.stringify(all, null, 1)).to.equal(want);
      expect(first(all)?.fix ?? '').to.contain(fix);
    });
  }

  describe('and a credential of another namespace', () => {
    const ofTeamA = acme({ kind: 'NamespacedRegistryCredential', namespace: 'team-a' });
    const copy = secret({ credential: { name: 'team-a/acme', uid: 'uid-acme' } });
    const about = (mods: Partial<Surroundings>) =>
      examineNamespace('shop', around({ credentials: found([ofTeamA]), ...mods }), accounts, none);
    const notes = (mods: Partial<Surroundings>) => about(mods).find(({ reason }) => reason === 'NotSelected')?.message;

    it('that the namespace does not accept it', () =>
      expect(notes({ secrets: new Map() })).to.contain('does not accept credentials from namespace team-a, as far as its annotation'));

    it('that the namespace accepts it, by its annotation', () => {
      const accepting = found(namespace({ acceptFrom: ['team-a'] }));
      expect(verdictOf(about({ namespace: accepting, secrets: new Map([['acme', missing]]) }))).to.equal('wrong Credential NotPlaced');
    });

    it('which right is missing to see the others, and what is known of this one', () => {
      const seen = { ...found([ofTeamA]), hidden: 'list registrycredentials.regcred.dev' };
      const all = about({ credentials: seen, secrets: new Map([['acme', found(copy)]]) });
      expect(first(all)).to.include({ reason: 'Forbidden', check: 'Credential' });
      expect(first(all)?.fix).to.contain('list registrycredentials.regcred.dev');
      expect(all.map(({ message }) => message).join('\n')).to.contain(
        'Secret shop/acme of NamespacedRegistryCredential team-a/acme exists',
      );
      expect(about({ credentials: seen, secrets: new Map() }).map(({ reason }) => reason)).to.not.include('NotSelected');
    });

    it("that the namespace accepts it, although only the operator knows the tenant's label: its copy is there", () => {
      const secrets = new Map([['acme', found(copy)]]);
      expect(notes({ secrets })).to.equal(undefined);
      expect(verdictOf(about({ secrets }))).to.equal('fine');
    });
  });
});
