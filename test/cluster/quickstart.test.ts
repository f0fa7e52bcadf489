/** The quickstart on a cluster of its own. Other files have that on an existing cluster, and the clouds. */
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { assetsDirectory } from '../support/assets.ts';
import { kubectl } from '../support/controlplane.ts';
import { eventually } from '../support/eventually.ts';
import { shell } from '../support/page.ts';
import { servesPolicies } from '../support/policy-api.ts';
import { endQuickstarts, plantPasswords, quickstart, quickstartWith } from '../support/quickstart.ts';

describe('The quickstart', () => {
  let assets: string;
  before(async () => {
    assets = await assetsDirectory((line) => console.error(line));
    plantPasswords();
  });
  after(endQuickstarts);

  it('shows the main job on a cluster of its own, exits by itself, and prints plain lines without a terminal', async () => {
    const run = quickstart();
    expect(await run.exit, run.output()).to.equal(0);
    for (const said of [
      'team-a: the Secret quickstart exists',
      'Ready: The Secret quickstart is in place in 5 namespaces',
      'imagePullSecrets: [quickstart]',
      servesPolicies(assets) ? 'The pod was admitted with imagePullSecrets: [quickstart]' : 'Skipped: this cluster does not serve',
      'have the new password',
      'restored the reference in the ServiceAccount default in team-new',
      'accepts the login of Secret regcred-system/local-robot',
      'RegistryRefused: 127.0.0.1:',
      'The last accepted entry stays in place.',
      'team-a: the copy still has the password that the registry accepts',
      'the credential is Ready again',
      'Expiring: ExpiresSoon: 127.0.0.1:',
      'RegistryCredential quickstart does not select namespace sandbox',
      'removed every Secret and every reference',
      'All steps passed',
    ]) {
      expect(run.output()).to.contain(said);
    }
    for (const unwanted of ['\x1b', '\r', 'sample-password']) expect(run.output()).to.not.contain(unwanted);
  });

  it('exits at once after it failed, and ends the control plane that it started', async () => {
    const broken = mkdtempSync(join(tmpdir(), 'regcred-quickstart-'));
    for (const name of ['etcd', 'kubectl', 'kube-controller-manager']) symlinkSync(join(assets, name), join(broken, name));
    // The quickstart asks for this API, and gets a 404. The API server itself needs it only for the authorization mode RBAC.
    const flags = '--runtime-config=rbac.authorization.k8s.io/v1=false';
    const server = `#!/bin/sh\nexec ${assets}/kube-apiserver $(echo "$@" | sed s/=RBAC/=AlwaysAllow/) ${flags}\n`;
    writeFileSync(join(broken, 'kube-apiserver'), server, { mode: 0o755 });
    const run = quickstartWith({ KUBEBUILDER_ASSETS: broken });
    await eventually('it has failed', () => expect(run.output()).to.contain('✘ the API server answered with HTTP 404'));
    const failed = performance.now();
    expect(await run.exit).to.equal(1);
    expect(performance.now() - failed).to.be.below(15_000);
    rmSync(broken, { recursive: true });
  });

  it('keeps running with --keep and prints how to reach the cluster, until it is interrupted', async () => {
    const run = quickstart('--keep');
    const [, kubeconfig] = await eventually('it prints how to reach the cluster', () => {
      const found = /export KUBECONFIG=(\S+)\n(?:.*\n)*?.* web --open /.exec(run.output());
      if (!found) throw new Error(run.output());
      return found as unknown as [string, string];
    });
    // The seventh one is made early, for the policy.
    const namespaces = servesPolicies(assets) ? 7 : 6;
    await eventually('the status has all namespaces', async () => {
      expect(await kubectl({ assets, kubeconfig }, 'get', 'regcred', 'quickstart')).to.contain(`${namespaces}/${namespaces}`);
    });
    // The commands of the docs work there as they are.
    const [, path = ''] = /export PATH=(\S+):\$PATH\n/.exec(run.output()) ?? [];
    const env = { PATH: `${path}:/usr/bin:/bin`, KUBECONFIG: kubeconfig };
    expect(await shell('kubectl regcred status quickstart', '/', env)).to.contain('Synced');
    const [, log = ''] = /The operator’s log: (\S+)\n/.exec(run.output()) ?? [];
    expect(readFileSync(log, 'utf8')).to.contain('This replica leads.');
    run.child.kill('SIGINT');
    expect(await run.exit).to.equal(0);
    expect(existsSync(log)).to.equal(false);
  });
});
