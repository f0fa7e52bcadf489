/** The quickstart on a cluster of the user, and what it refuses. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, theCluster } from '../support/cluster.ts';
import { type ControlPlane, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { policyKinds } from '../support/policy-api.ts';
import { endQuickstarts, plantPasswords, quickstart } from '../support/quickstart.ts';

const KINDS = 'namespaces,serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,crds';

describe('The quickstart', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await theCluster();
    plantPasswords();
  });
  after(endQuickstarts);

  describe('on an existing cluster', () => {
    let own: ControlPlane;
    const all = () => kubectl(own, 'get', [KINDS, ...policyKinds(own.assets)].join(), '-A', '-o', 'name');
    before(async () => {
      own = await startControlPlane(() => {});
      await eventually('the control plane has created its own objects', async () => {
        await kubectl(own, 'get', 'serviceaccount', 'default', '-n', 'kube-public');
        expect(await all()).to.equal(await all());
      });
    });
    after(() => own.stop());

    it('uses namespaces of its own, and leaves nothing behind', async () => {
      const before = await all();
      const run = quickstart('--kubeconfig', own.kubeconfig);
      expect(await run.exit, run.output()).to.equal(0);
      expect(run.output()).to.contain('The cluster is as it was before').and.contain('Skipped on an existing cluster');
      expect(await all()).to.equal(before);
    });

    it('leaves nothing behind when it is interrupted', async () => {
      const before = await kubectl(own, 'get', 'namespaces,crds', '-o', 'name');
      const run = quickstart('--kubeconfig', own.kubeconfig);
      await eventually('it has reached step 3', () => expect(run.output()).to.contain('3. Create one RegistryCredential'));
      run.child.kill('SIGINT');
      expect(await run.exit).to.equal(130);
      expect(await kubectl(own, 'get', 'namespaces,crds', '-o', 'name')).to.equal(before);
    });

    it('accepts a docker config of the user, and reports the problem if it holds no password', async () => {
      const file = join(own.scratch, 'docker-desktop.json');
      writeFileSync(file, JSON.stringify({ auths: { 'ghcr.io': {} }, credsStore: 'desktop' }));
      const run = quickstart('--kubeconfig', own.kubeconfig, '--docker-config', file, '--server', 'ghcr.io');
      expect(await run.exit).to.equal(1);
      expect(run.output()).to.contain('PasswordInCredentialStore').and.to.contain('Make a kubernetes.io/basic-auth Secret');
    });
  });

  it('refuses --cloud together with a cluster of the user', async () => {
    const run = quickstart('--cloud', 'aws', '--kubeconfig', cluster.controlPlane.kubeconfig);
    expect(await run.exit).to.equal(1);
    expect(run.output()).to.contain('works with the embedded cluster only');
  });

  const refusals: Record<string, { args: () => string[]; says: string }> = {
    'a cluster where regcred is installed': { args: () => ['--kubeconfig', cluster.controlPlane.kubeconfig], says: 'Nothing was changed' },
    'a kubeconfig that does not exist': { args: () => ['--kubeconfig', '/nowhere'], says: 'the file /nowhere does not exist' },
    'a docker config that does not exist': { args: () => ['--docker-config', '/nowhere'], says: 'cannot read /nowhere (ENOENT)' },
    'a server without a docker config': { args: () => ['--server', 'ghcr.io'], says: 'Add --docker-config FILE' },
    'an unknown option': { args: () => ['--kep'], says: "unknown option '--kep'" },
  };
  for (const [what, { args, says }] of Object.entries(refusals)) {
    it(`refuses ${what}, with one sentence`, async () => {
      const run = quickstart(...args());
      expect(await run.exit).to.equal(1);
      expect(run.output()).to.contain(says);
    });
  }
});
