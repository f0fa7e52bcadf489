import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { type Cluster, type Scene, startCluster, stopCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LABEL = 'example.com/tenant';

/** The component manifests/components/tenant-guard, with a tenant label. */
describe('The tenant guard', () => {
  let cluster: Cluster;
  let scene: Scene;
  const asOperations = (...args: string[]) => cluster.kubectl(...args, '--as=olga', '--as-group=system:authenticated');
  const refused = (text: string, ...args: string[]) =>
    asOperations(...args).then(
      () => expect.fail('it was accepted'),
      (error: Error) => expect(error.message).to.contain(text),
    );

  before(async () => {
    cluster = await startCluster();
    const policy = readFileSync(join(ROOT, 'manifests/components/tenant-guard/policy.yaml'), 'utf8');
    expect(policy).to.contain(`expression: "''"`);
    const file = join(cluster.controlPlane.scratch, 'guard.yaml');
    await writeFile(file, policy.replace(`expression: "''"`, `expression: "'${LABEL}'"`));
    await cluster.kubectl('apply', '-f', file);
    // Olga may change all Namespaces. This alone must not let her decide what they accept.
    await cluster.kubectl('create', 'clusterrole', 'change-namespaces', '--verb=get,list,create,patch,update', '--resource=namespaces');
    await cluster.kubectl('create', 'clusterrolebinding', 'olga', '--clusterrole=change-namespaces', '--user=olga');
    scene = cluster.scene();
    const probe = await scene.namespace();
    // Another value each time: an annotation that stays as it is is no change.
    let attempt = 0;
    await eventually('the policy is in force', () =>
      refused('You may not', 'annotate', 'namespace', probe, '--overwrite', `regcred.dev/accept-from=x${++attempt}`),
    );
  });
  after(() => stopCluster(cluster));
  beforeEach(() => (scene = cluster.scene()));

  it('refuses the annotation and the label to those who may only change Namespaces, with a message that says what to do', async () => {
    const namespace = await scene.namespace({ [LABEL]: 'a' });
    await refused('the annotation regcred.dev/accept-from', 'annotate', 'namespace', namespace, 'regcred.dev/accept-from=team-a');
    await refused(`the label ${LABEL}`, 'label', 'namespace', namespace, '--overwrite', `${LABEL}=b`);
    await refused(`the label ${LABEL}`, 'label', 'namespace', namespace, `${LABEL}-`);
    await refused('Ask an administrator', 'annotate', 'namespace', namespace, 'regcred.dev/accept-from=team-b');
  });

  it('refuses them in a new namespace, too', async () => {
    const file = join(cluster.controlPlane.scratch, 'namespace.json');
    const metadata = { name: `${scene.name}-new`, annotations: { 'regcred.dev/accept-from': 'team-a' } };
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata }));
    await refused('You may not change', 'create', '-f', file);
  });

  it('leaves every other change alone', async () => {
    const namespace = await scene.namespace({ [LABEL]: 'a' });
    await asOperations('label', 'namespace', namespace, 'team=shop');
    await asOperations('annotate', 'namespace', namespace, 'note=hello');
    await asOperations('create', 'namespace', `${scene.name}-plain`);
  });

  it('lets those who have the ClusterRole regcred-accept', async () => {
    const namespace = await scene.namespace();
    await cluster.kubectl('create', 'clusterrolebinding', scene.name, '--clusterrole=regcred-accept', '--user=olga');
    try {
      await eventually('it is accepted', () => asOperations('annotate', 'namespace', namespace, 'regcred.dev/accept-from=team-a'));
    } finally {
      await cluster.kubectl('delete', 'clusterrolebinding', scene.name);
    }
  });

  it('does not disturb the deletion of a namespace', async () => {
    const namespace = await scene.namespace();
    await scene.patch(`/api/v1/namespaces/${namespace}`, { metadata: { annotations: { 'regcred.dev/accept-from': 'team-a' } } });
    await scene.api.call('DELETE', `/api/v1/namespaces/${namespace}`);
    await scene.gone('the namespace', () => scene.api.call('GET', `/api/v1/namespaces/${namespace}`));
  });
});
