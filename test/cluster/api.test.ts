import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { type Cluster, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { NOT_THERE, UNUSABLE, USABLE } from '../support/servers.ts';

const secretRef = { namespace: 'sources', name: 'robot' };
const registries = [{ server: 'ghcr.io', secretRef }];
const namespaces = { names: ['team-*'] };
const good = { registries, namespaces };

describe('The API', () => {
  let cluster: Cluster;
  before(async () => (cluster = await theCluster()));

  const dryRun = (spec: unknown) =>
    cluster.api.call<{ spec: unknown }>('POST', '/apis/regcred.dev/v1alpha1/registrycredentials', {
      body: { apiVersion: 'regcred.dev/v1alpha1', kind: 'RegistryCredential', metadata: { name: 'dry-run' }, spec },
      query: { dryRun: 'All', fieldValidation: 'Strict' },
    });

  it('fills in the defaults', async () => {
    const { spec } = await dryRun(good);
    expect(spec).to.deep.equal({
      ...good,
      serviceAccounts: { names: ['default'] },
      conflictPolicy: 'Fail',
      deletionPolicy: 'Delete',
      podInjection: 'Append',
      podRecovery: 'None',
      suspend: false,
      verification: { mode: 'Report', interval: '6h' },
    });
  });

  const accepted: Record<string, object> = {
    'a registry with a port and a path': { ...good, registries: [{ server: 'registry.example.com:5000/team/app', secretRef }] },
    'a registry with a glob': { ...good, registries: [{ server: '*.example.com', secretRef }] },
    'Docker Hub as docker login writes it': { ...good, registries: [{ server: 'https://index.docker.io/v1/', secretRef }] },
    'a server with a scheme, and the same server without it': {
      ...good,
      registries: ['ghcr.io', 'https://ghcr.io'].map((server) => ({ server, secretRef })),
    },
    'an empty selector': { ...good, namespaces: { selector: {} } },
    'only docker configs': { namespaces, dockerConfigs: [{ secretRef: { ...secretRef, key: 'config.json' } }] },
    'no ServiceAccounts': { ...good, serviceAccounts: { names: [] } },
    'keys of an Opaque Secret': {
      ...good,
      registries: [{ server: 'ghcr.io', secretRef: { ...secretRef, usernameKey: 'user', passwordKey: 'token' } }],
    },
    globs: { ...good, namespaces: { names: ['*', 'team-?', '*-prod'] } },
    'a Secret name with dots': { ...good, secretName: 'pull.acme.example' },
    'the shortest interval of checks': { ...good, verification: { mode: 'Require', interval: '10m' } },
    'the longest interval of checks': { ...good, verification: { interval: '168h' } },
    'an interval in two units': { ...good, verification: { interval: '1h30m' } },
    // Reported in the condition Verified, so that an example with a mistake in it still places the Secret.
    'a probe image with a mistake': { ...good, registries: [{ server: 'ghcr.io', secretRef, probeImage: 'https://ghcr.io/acme' }] },
  };
  for (const [what, spec] of Object.entries(accepted)) it(`accepts ${what}`, () => dryRun(spec));
  for (const server of Object.keys(USABLE))
    it(`accepts the server ${server}`, () => dryRun({ ...good, registries: [{ server, secretRef }] }));

  const refused: Record<string, { spec: object; says: string }> = {
    'no source': { spec: { namespaces }, says: 'there is no source: list at least one entry' },
    'empty lists of sources': { spec: { namespaces, registries: [], dockerConfigs: [] }, says: 'there is no source' },
    'no namespaces': { spec: { registries }, says: 'spec.namespaces: Required value' },
    'namespaces without names or selector': {
      spec: { registries, namespaces: { exclude: { names: ['a'] } } },
      says: 'select the namespaces: set names',
    },
    'an empty list of names': { spec: { registries, namespaces: { names: [] } }, says: 'select the namespaces: set names' },
    'key together with usernameKey': {
      spec: { ...good, registries: [{ server: 'ghcr.io', secretRef: { ...secretRef, key: 'a', usernameKey: 'b' } }] },
      says: 'set either key (for a docker config) or usernameKey and passwordKey',
    },
    'key together with passwordKey': {
      spec: { ...good, registries: [{ server: 'ghcr.io', secretRef: { ...secretRef, key: 'a', passwordKey: 'b' } }] },
      says: 'set either key',
    },
    'an invalid Secret name': { spec: { ...good, secretName: 'Not_a_name' }, says: 'must be a valid Secret name' },
    'an unknown conflict policy': { spec: { ...good, conflictPolicy: 'Overwrite' }, says: 'supported values: "Fail", "Adopt"' },
    'an unknown deletion policy': { spec: { ...good, deletionPolicy: 'Keep' }, says: 'supported values: "Delete", "Retain"' },
    'an unknown mode of verification': {
      spec: { ...good, verification: { mode: 'Always' } },
      says: 'supported values: "None", "Report", "Require"',
    },
    'an interval of checks that is too short': {
      spec: { ...good, verification: { interval: '9m' } },
      says: 'must be a duration from 10m to 168h',
    },
    'an interval of checks that is too long': {
      spec: { ...good, verification: { interval: '169h' } },
      says: 'must be a duration from 10m to 168h',
    },
    'an interval of checks in days': { spec: { ...good, verification: { interval: '7d' } }, says: 'must be a duration from 10m to 168h' },
    'the same server twice': { spec: { ...good, registries: [...registries, ...registries] }, says: 'Duplicate value' },
    'a server in capitals': {
      spec: { ...good, registries: [{ server: 'GHCR.io', secretRef }] },
      says: 'must be a registry as it appears in image names',
    },
    'a server with spaces': {
      spec: { ...good, registries: [{ server: 'ghcr.io /x', secretRef }] },
      says: 'must be a registry as it appears in image names',
    },
    'a server with ?, which would begin the query of a URL': {
      spec: { ...good, registries: [{ server: 'ghcr.i?', secretRef }] },
      says: 'must be a registry as it appears in image names',
    },
    'an invalid glob': {
      spec: { ...good, namespaces: { names: ['Team_[a-z]'] } },
      says: 'must be a namespace name or a glob',
    },
    'the operator In without values': {
      spec: { ...good, namespaces: { selector: { matchExpressions: [{ key: 'a', operator: 'In' }] } } },
      says: 'In and NotIn need values',
    },
    'the operator Exists with values': {
      spec: { ...good, namespaces: { selector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] } } },
      says: 'Exists and DoesNotExist take none',
    },
    'an unknown operator': {
      spec: { ...good, namespaces: { selector: { matchExpressions: [{ key: 'a', operator: 'Like', values: ['b'] }] } } },
      says: 'supported values: "In", "NotIn", "Exists", "DoesNotExist"',
    },
    'labels under regcred.dev/': {
      spec: { ...good, secretMetadata: { labels: { 'regcred.dev/x': 'y' } } },
      says: 'regcred sets the labels under regcred.dev/',
    },
    'annotations under regcred.dev/': {
      spec: { ...good, secretMetadata: { annotations: { 'regcred.dev/credential': 'y' } } },
      says: 'regcred sets the annotations under regcred.dev/',
    },
    'invalid labels': { spec: { ...good, secretMetadata: { labels: { team: 'not a value' } } }, says: 'must be valid labels' },
    'a field that does not exist': { spec: { ...good, registry: 'x' }, says: 'unknown field "spec.registry"' },
    'more than 64 registries': {
      spec: { ...good, registries: Array.from({ length: 65 }, (_, at) => ({ server: `r${at}.example.com`, secretRef })) },
      says: 'must have at most 64 items',
    },
  };
  const servers = [...Object.entries(UNUSABLE), ...NOT_THERE.map((server) => [server, { says: 'the port must be a number' }] as const)];
  for (const [server, { says }] of servers)
    refused[`the server ${server}`] = { spec: { ...good, registries: [{ server, secretRef }] }, says };
  for (const [what, { spec, says }] of Object.entries(refused)) {
    it(`refuses ${what}, and says how to fix it`, async () => {
      const message = await dryRun(spec).then(
        () => 'it was accepted',
        (error: Error) => error.message,
      );
      expect(message).to.contain(says);
    });
  }

  it('describes every field in kubectl explain', async () => {
    // The API server publishes the schema of a new kind shortly after it starts to serve the kind.
    const explained = await eventually('the schema is published', () => cluster.kubectl('explain', 'regcred.spec', '--recursive'));
    for (const field of ['registries', 'dockerConfigs', 'serviceAccounts', 'conflictPolicy']) expect(explained).to.contain(field);
    for (const path of [
      'regcred.spec.registries',
      'regcred.spec.registries.secretRef.key',
      'regcred.spec.namespaces.selector',
      'regcred.status.summary',
    ]) {
      expect(await cluster.kubectl('explain', path), path).to.match(/DESCRIPTION:\n +[^\s<]/);
    }
  });

  it('accepts every sample', async () => {
    // The namespace of the sample for tenants.
    await cluster.kubectl('create', 'namespace', 'team-a');
    for (const file of readdirSync('manifests/samples'))
      await cluster.kubectl('apply', '--dry-run=server', '-f', `manifests/samples/${file}`);
    await cluster.kubectl('delete', 'namespace', 'team-a', '--wait=false');
  });
});
