import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { type Cluster, theCluster } from '../support/cluster.ts';
import { type ControlPlane, ended, kubectl, startControlPlane } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { canaries } from '../support/hooks.ts';

const SCRIPT = resolve(import.meta.dirname, '../../scripts/quickstart.ts');

const KINDS =
  'namespaces,serviceaccounts,clusterroles,clusterrolebindings,roles,rolebindings,crds,mutatingadmissionpolicies,mutatingadmissionpolicybindings';

const running = new Set<ChildProcess>();

function quickstart(...args: string[]) {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve)).finally(() => running.delete(child));
  return { child, exit, output: () => output };
}

describe('The quickstart', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await theCluster();
    // In a cluster of its own, where nobody sees it being planted; what its operator says is kept all the same.
    for (const password of ['sample-password', 'sample-password-2']) canaries.plant(password, 'the quickstart');
  });
  after(() => Promise.all(Array.from(running, (child) => ended(child))));

  it('shows the main job on a cluster of its own, ends by itself, and prints plain lines where there is no terminal', async () => {
    const run = quickstart();
    expect(await run.exit, run.output()).to.equal(0);
    for (const said of [
      'team-a: the Secret acme is there',
      'Ready: The Secret acme is in place in 5 namespaces',
      'imagePullSecrets: [acme]',
      'The pod was admitted with imagePullSecrets: [acme]',
      'hold the new password',
      'stripped, and repaired',
      'RegistryCredential acme is not meant for the namespace sandbox',
      'Every Secret and every reference is gone',
      'Everything held',
    ]) {
      expect(run.output()).to.contain(said);
    }
    for (const unwanted of ['\x1b', '\r', 'sample-password']) expect(run.output()).to.not.contain(unwanted);
  });

  it('takes a docker config of yours, and says what is wrong where it holds no password', async () => {
    const file = join(cluster.controlPlane.scratch, 'docker-desktop.json');
    writeFileSync(file, JSON.stringify({ auths: { 'ghcr.io': {} }, credsStore: 'desktop' }));
    const run = quickstart('--docker-config', file, '--server', 'ghcr.io');
    expect(await run.exit).to.equal(1);
    expect(run.output()).to.contain('PasswordInCredentialStore').and.to.contain('Make a kubernetes.io/basic-auth Secret');
  });

  it('with --keep stays up and says how to reach it, until it is ended', async () => {
    const run = quickstart('--keep');
    const [, kubeconfig] = await eventually('it says how to reach it', () => {
      const found = /export KUBECONFIG=(\S+)\n.*get regcred/.exec(run.output());
      if (!found) throw new Error(run.output());
      return found as unknown as [string, string];
    });
    await eventually('the status has all seven namespaces', async () => {
      expect(await kubectl({ assets: cluster.controlPlane.assets, kubeconfig }, 'get', 'regcred', 'acme')).to.match(
        /acme +True +Synced +7\/7/,
      );
    });
    expect(await ended(run.child, 'SIGINT')).to.equal(0);
  });

  describe('on a cluster that is there already', () => {
    let own: ControlPlane;
    before(async () => (own = await startControlPlane(() => {})));
    after(() => own.stop());

    it('plays in namespaces of its own, and leaves nothing behind', async () => {
      const all = () => kubectl(own, 'get', KINDS, '-A', '-o', 'name');
      const before = await all();
      const run = quickstart('--kubeconfig', own.kubeconfig);
      expect(await run.exit, run.output()).to.equal(0);
      expect(run.output()).to.contain('The cluster is as it was before');
      expect(await all()).to.equal(before);
    });

    it('leaves nothing behind either when it is interrupted', async () => {
      const before = await kubectl(own, 'get', 'namespaces,crds', '-o', 'name');
      const run = quickstart('--kubeconfig', own.kubeconfig);
      await eventually('it is in the middle of it', () => expect(run.output()).to.contain('3. One RegistryCredential'));
      expect(await ended(run.child, 'SIGINT')).to.equal(130);
      expect(await kubectl(own, 'get', 'namespaces,crds', '-o', 'name')).to.equal(before);
    });
  });

  const refusals: Record<string, { args: () => string[]; says: string }> = {
    'a cluster where regcred is installed': { args: () => ['--kubeconfig', cluster.controlPlane.kubeconfig], says: 'Nothing was changed' },
    'a kubeconfig that is not there': { args: () => ['--kubeconfig', '/nowhere'], says: 'there is no file /nowhere' },
    'a docker config that is not there': { args: () => ['--docker-config', '/nowhere'], says: '/nowhere cannot be read (ENOENT)' },
    'a server without a docker config': { args: () => ['--server', 'ghcr.io'], says: 'give one with --docker-config FILE' },
    'an option that does not exist': { args: () => ['--kep'], says: "unknown option '--kep'" },
  };
  for (const [what, { args, says }] of Object.entries(refusals)) {
    it(`refuses ${what}, in one sentence`, async () => {
      const run = quickstart(...args());
      expect(await run.exit).to.equal(1);
      expect(run.output()).to.contain(says);
    });
  }
});
