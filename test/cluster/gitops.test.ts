import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { DRIFT_LIMITS } from '../../src/plan/placement/drift-backoff.ts';
import { auditedSince, endOf, isWrite } from '../support/audit.ts';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { yamlIn } from '../support/markdown.ts';
import { skipBecause } from '../support/skip.ts';

/**
 * What a GitOps tool does to a cluster, done by kubectl. Argo CD applies with kubectl's own code: client-side, or (with
 * ServerSideApply=true) server-side, where it takes fields from others. Flux always applies server-side.
 */
const MODES: Record<string, { flags: string[]; leaves: string[] }> = {
  'client-side': { flags: [], leaves: [] },
  // Others have written the list since. Therefore an entry that was removed from Git stays: it is theirs.
  'server-side': { flags: ['--server-side', '--force-conflicts', '--field-manager=argocd-controller'], leaves: ['own'] },
};

/** One more than the operator repairs without a report: silence for that many times proves that no second manager writes. */
const AGAIN = DRIFT_LIMITS.budget + 1;

describe('Manifests in Git', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  const git = (...manifests: object[]): string => {
    const file = join(cluster.controlPlane.scratch, `${scene.name}.json`);
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
    return file;
  };

  /** Now. The line of an earlier request may be written to the audit log later, so its time counts as well. */
  const mark = () => ({ from: endOf(cluster.controlPlane.auditLog), since: Date.now() });
  /** The requests that the operator wrote for the scene since, after it had time for all of them. */
  const writtenSince = async ({ from, since }: ReturnType<typeof mark>) => {
    await cluster.scene().placed(1);
    return auditedSince(cluster.controlPlane.auditLog, from).filter(
      (request) => request.at >= since && isWrite(request) && request.uri.includes(scene.name),
    );
  };

  for (const [how, { flags, leaves }] of Object.entries(MODES)) {
    const apply = (...manifests: object[]) => cluster.kubectl('apply', ...flags, '-f', git(...manifests));

    describe(`applied ${how} many times: a RegistryCredential`, () => {
      const secretRef = () => ({ namespace: SOURCES, name: scene.name });
      const specs: Record<string, () => object> = {
        'with only the required fields': () => ({ registries: [{ server: 'ghcr.io', secretRef: secretRef() }] }),
        'with every field': () => ({
          registries: [{ server: 'ghcr.io', secretRef: { ...secretRef(), usernameKey: 'username', passwordKey: 'password' } }],
          dockerConfigs: [],
          serviceAccounts: { names: ['default'], selector: { matchExpressions: [{ key: 'team', operator: 'Exists' }] } },
          secretName: scene.name,
          secretMetadata: { labels: { team: 'a' }, annotations: {} },
          conflictPolicy: 'Fail',
          deletionPolicy: 'Delete',
          suspend: false,
        }),
      };
      for (const [which, spec] of Object.entries(specs)) {
        it(`${which} shows no difference from the cluster, and causes no write`, async () => {
          const manifest = {
            apiVersion: 'regcred.dev/v1alpha1',
            kind: 'RegistryCredential',
            metadata: { name: scene.name, annotations: { 'argocd.argoproj.io/sync-wave': '-1' } },
            spec: { namespaces: { names: [`${scene.name}-*`] }, ...spec() },
          };
          await scene.basicAuth();
          await scene.namespace();
          await apply(manifest);
          await scene.ready();
          await scene.told('Synced');
          const { metadata } = await scene.credentialObject();
          const marked = mark();
          for (let at = 0; at < 3; at++) await apply(manifest);
          // The command fails if there is a difference, and prints it.
          await cluster.kubectl('diff', ...flags, '-f', git(manifest));
          expect(await writtenSince(marked)).to.deep.equal([]);
          const after = await scene.credentialObject();
          expect(after.metadata.generation).to.equal(metadata.generation);
          expect(after.metadata.finalizers).to.deep.equal(metadata.finalizers);
        });
      }
    });

    describe(`applied ${how} many times: a ServiceAccount`, () => {
      let namespace: string;
      beforeEach(async () => ([namespace] = (await scene.placed(1)) as [string]));

      let commits = 0;
      /** Changes the account in each commit. Otherwise kubectl would not send most of them to the API server. */
      const commit = (more: object) =>
        apply({
          apiVersion: 'v1',
          kind: 'ServiceAccount',
          metadata: { name: 'default', namespace, labels: { commit: `${++commits}` } },
          ...more,
        });
      const list = (...names: string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) });

      const quiet: Record<string, { before?: object; inGit: () => Promise<object>; inCluster: () => string[] }> = {
        'without imagePullSecrets': { inGit: async () => ({}), inCluster: () => [scene.name] },
        'that lists our Secret among its own': { inGit: async () => list('own', scene.name), inCluster: () => ['own', scene.name] },
        'with an ignored list, which is applied as it is in the cluster (RespectIgnoreDifferences, spec.ignore),': {
          before: list('own'),
          inGit: async () => list(...(await scene.pullSecrets(namespace))),
          inCluster: () => ['own', scene.name],
        },
      };
      for (const [what, { before, inGit, inCluster }] of Object.entries(quiet)) {
        it(`${what} keeps our reference, and causes no write`, async () => {
          await scene.told('Synced');
          await commit(before ?? (await inGit()));
          await scene.pullSecretsAre(namespace, inCluster());
          await scene.ready();
          const marked = mark();
          for (let at = 0; at < AGAIN; at++) {
            await commit(await inGit());
            expect(await scene.pullSecrets(namespace)).to.deep.equal(inCluster());
          }
          expect(await writtenSince(marked)).to.deep.equal([]);
          await scene.ready();
        });
      }

      it(`whose list is removed from Git keeps [${leaves}] of it, and our reference`, async () => {
        await commit(list('own'));
        await scene.pullSecretsAre(namespace, ['own', scene.name]);
        await commit({});
        await scene.pullSecretsAre(namespace, [...leaves, scene.name]);
        await scene.ready();
        const marked = mark();
        await commit({});
        expect(await writtenSince(marked)).to.deep.equal([]);
        await scene.pullSecretsAre(namespace, [...leaves, scene.name]);
      });

      const warring: Record<string, object> = { 'with a list of its own': list('own'), 'with an empty list': list() };
      for (const [what, inGit] of Object.entries(warring)) {
        it(`${what} is reported as Contested with the fix, and is Ready after the fix`, async () => {
          await eventually('it is reported', async () => {
            await commit(inGit);
            expect((await scene.status()).failures?.map(({ reason }) => reason)).to.deep.equal(['Contested']);
          });
          const { message } = await scene.ready('False', 'Contested');
          expect(message).to.contain(`${namespace}/default`);
          for (const fix of [
            'remove imagePullSecrets from the account in Git',
            'RespectIgnoreDifferences=true',
            'spec.ignore',
            'add this Secret to it',
            'regcred.dev/exclude',
          ])
            expect(message).to.contain(fix);
          await commit({});
          await scene.ready();
          expect(await scene.pullSecrets(namespace)).to.include(scene.name);
        });
      }
    });

    describe(`applied ${how} many times: a Secret with the name of ours`, () => {
      let namespace: string;
      let commits = 0;
      const commit = () =>
        apply({
          apiVersion: 'v1',
          kind: 'Secret',
          type: 'kubernetes.io/dockerconfigjson',
          metadata: { name: scene.name, namespace, labels: { commit: `${++commits}` } },
          stringData: { '.dockerconfigjson': '{"auths":{}}' },
        });
      beforeEach(async () => {
        namespace = await scene.namespace();
        await scene.basicAuth();
        await commit();
      });

      it('is left unchanged and reported', async () => {
        await scene.credential();
        await scene.ready('False', 'SecretExists');
        const marked = mark();
        for (let at = 0; at < 3; at++) await commit();
        expect((await writtenSince(marked)).filter(({ resource }) => resource === 'secrets')).to.deep.equal([]);
      });

      it('is reported as Contested with the fix if it was adopted', async () => {
        await scene.credential({ conflictPolicy: 'Adopt' });
        await scene.ready();
        await eventually('it is reported', async () => {
          await commit();
          expect((await scene.status()).failures?.map(({ reason }) => reason)).to.deep.equal(['Contested']);
        });
        expect((await scene.ready('False', 'Contested')).message)
          .to.contain(namespace)
          .and.to.contain('out of Git');
      });
    });
  }
});

/** The kinds in the examples that the cluster does not serve, unless REGCRED_TEST_CRDS names a directory with their CustomResourceDefinitions. */
const FOREIGN = [
  'argoproj.io/v1alpha1 Application',
  'argoproj.io/v1alpha1 AppProject',
  'bitnami.com/v1alpha1 SealedSecret',
  'external-secrets.io/v1 ExternalSecret',
  'kustomize.toolkit.fluxcd.io/v1 Kustomization',
  'source.toolkit.fluxcd.io/v1 GitRepository',
];

describe('The examples for GitOps', () => {
  const crds = process.env.REGCRED_TEST_CRDS;
  const page = readFileSync('docs/gitops.md', 'utf8');
  const listed = Array.from(page.matchAll(/\]\(\.\.\/(manifests\/argocd\/[^)]+\.yaml)\)/g), ([, file = '']) => file);
  const files = [...new Set(listed)].map((file) => [file, readFileSync(file, 'utf8')] as const);
  const examples = [...files, ...yamlIn(page).map((block) => ['docs/gitops.md', block] as const)].flatMap(([file, text]) =>
    parseAllDocuments(text).map((document) => ({ file, object: document.toJS() })),
  );
  let cluster: Cluster;
  let namespace: string;
  before(async () => {
    cluster = await theCluster();
    namespace = await cluster.scene().namespace();
    if (!crds) return;
    await cluster.kubectl('apply', '--server-side', '--force-conflicts', '-f', crds);
    await cluster.kubectl('wait', '--for=condition=Established', '--timeout=90s', '-f', crds);
  });

  for (const { file, object } of examples) {
    const { apiVersion, kind, metadata } = object;
    it(`are accepted by the API server: ${kind} ${metadata.name} in ${file}`, async function () {
      if (!crds && FOREIGN.includes(`${apiVersion} ${kind}`))
        return skipBecause(this, 'The examples of other projects need their CustomResourceDefinitions (CONTRIBUTING.md).');
      const manifest = { ...object, metadata: { ...metadata, ...(metadata.namespace && { namespace }) } };
      const path = join(cluster.controlPlane.scratch, 'example.json');
      writeFileSync(path, JSON.stringify(manifest));
      await cluster.kubectl('apply', '--dry-run=server', '--validate=strict', '-f', path);
    });
  }
});
