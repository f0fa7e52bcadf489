import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { parseAllDocuments } from 'yaml';
import { CONTEST } from '../../src/plan/contest.ts';
import { auditedSince, endOf, isWrite } from '../support/audit.ts';
import { type Cluster, type Scene, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { yamlIn } from '../support/markdown.ts';

/**
 * What a GitOps tool does to a cluster, done by kubectl: Argo CD applies with kubectl's own code, from the client or (with
 * ServerSideApply=true) on the server, taking fields from others; Flux always on the server.
 */
const MODES: Record<string, { flags: string[]; leaves: string[] }> = {
  'from the client': { flags: [], leaves: [] },
  // What was taken out of Git stays where others have written the list since: it is theirs.
  'on the server': { flags: ['--server-side', '--force-conflicts', '--field-manager=argocd-controller'], leaves: ['own'] },
};

/** One more than is repaired without a word: what keeps quiet for so long has no second manager in it. */
const AGAIN = CONTEST.budget + 1;

describe('What is kept in Git', () => {
  let cluster: Cluster;
  let scene: Scene;
  before(async () => (cluster = await theCluster()));
  beforeEach(() => (scene = cluster.scene()));

  const git = (...manifests: object[]): string => {
    const file = join(cluster.controlPlane.scratch, `${scene.name}.json`);
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
    return file;
  };

  /** What the operator has written for the scene since, once it has had time to write all that it would. */
  const writtenSince = async (from: number) => {
    await cluster.scene().placed(1);
    return auditedSince(cluster.controlPlane.auditLog, from).filter((request) => isWrite(request) && request.uri.includes(scene.name));
  };

  for (const [how, { flags, leaves }] of Object.entries(MODES)) {
    const apply = (...manifests: object[]) => cluster.kubectl('apply', ...flags, '-f', git(...manifests));

    describe(`and applied ${how} again and again, a RegistryCredential`, () => {
      const secretRef = () => ({ namespace: SOURCES, name: scene.name });
      const specs: Record<string, () => object> = {
        'that says only what it must': () => ({ registries: [{ server: 'ghcr.io', secretRef: secretRef() }] }),
        'that says everything': () => ({
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
        it(`${which} differs in nothing from what is in the cluster, and costs no write`, async () => {
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
          const from = endOf(cluster.controlPlane.auditLog);
          for (let at = 0; at < 3; at++) await apply(manifest);
          // It fails where there is a difference, with the difference.
          await cluster.kubectl('diff', ...flags, '-f', git(manifest));
          expect(await writtenSince(from)).to.deep.equal([]);
          const after = await scene.credentialObject();
          expect(after.metadata.generation).to.equal(metadata.generation);
          expect(after.metadata.finalizers).to.deep.equal(metadata.finalizers);
        });
      }
    });

    describe(`and applied ${how} again and again, a ServiceAccount`, () => {
      let namespace: string;
      beforeEach(async () => ([namespace] = (await scene.placed(1)) as [string]));

      let commits = 0;
      /** With a change in each commit, or most of it would not get as far as the API server. */
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
        'with our Secret named among its own': { inGit: async () => list('own', scene.name), inCluster: () => ['own', scene.name] },
        'with a list that is ignored, so that what is applied is what is there (RespectIgnoreDifferences, spec.ignore),': {
          before: list('own'),
          inGit: async () => list(...(await scene.pullSecrets(namespace))),
          inCluster: () => ['own', scene.name],
        },
      };
      for (const [what, { before, inGit, inCluster }] of Object.entries(quiet)) {
        it(`${what} keeps our reference, and costs no write`, async () => {
          await scene.told('Synced');
          await commit(before ?? (await inGit()));
          await scene.pullSecretsAre(namespace, inCluster());
          const from = endOf(cluster.controlPlane.auditLog);
          for (let at = 0; at < AGAIN; at++) {
            await commit(await inGit());
            expect(await scene.pullSecrets(namespace)).to.deep.equal(inCluster());
          }
          expect(await writtenSince(from)).to.deep.equal([]);
          await scene.ready();
        });
      }

      it(`with a list of its own that is taken out of Git keeps [${leaves}] of it, and ours`, async () => {
        await commit(list('own'));
        await scene.pullSecretsAre(namespace, ['own', scene.name]);
        await commit({});
        await scene.pullSecretsAre(namespace, [...leaves, scene.name]);
        const from = endOf(cluster.controlPlane.auditLog);
        await commit({});
        expect(await writtenSince(from)).to.deep.equal([]);
        await scene.pullSecretsAre(namespace, [...leaves, scene.name]);
      });

      const warring: Record<string, object> = { 'with a list of its own': list('own'), 'with an empty list': list() };
      for (const [what, inGit] of Object.entries(warring)) {
        it(`${what} ends in Contested, with what to do about it, and all is well once that is done`, async () => {
          await eventually(
            'it is reported',
            async () => {
              await commit(inGit);
              expect((await scene.status()).failures?.map(({ reason }) => reason)).to.deep.equal(['Contested']);
            },
            60_000,
          );
          const { message } = await scene.ready('False', 'Contested');
          expect(message).to.contain(`${namespace}/default`);
          for (const mend of [
            'out of the account in Git',
            'RespectIgnoreDifferences=true',
            'spec.ignore',
            'name this Secret',
            'regcred.dev/exclude',
          ])
            expect(message).to.contain(mend);
          await commit({});
          await scene.ready();
          expect(await scene.pullSecrets(namespace)).to.include(scene.name);
        }).timeout(120_000);
      }
    });

    describe(`and applied ${how} again and again, a Secret of the name of ours`, () => {
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

      it('is left alone and told of', async () => {
        await scene.credential();
        await scene.ready('False', 'SecretExists');
        const from = endOf(cluster.controlPlane.auditLog);
        for (let at = 0; at < 3; at++) await commit();
        expect((await writtenSince(from)).filter(({ resource }) => resource === 'secrets')).to.deep.equal([]);
      });

      it('ends in Contested where it was taken over, with what to do about it', async () => {
        await scene.credential({ conflictPolicy: 'Adopt' });
        await scene.ready();
        await eventually(
          'it is reported',
          async () => {
            await commit();
            expect((await scene.status()).failures?.map(({ reason }) => reason)).to.deep.equal(['Contested']);
          },
          60_000,
        );
        expect((await scene.ready('False', 'Contested')).message)
          .to.contain(namespace)
          .and.to.contain('out of Git');
      }).timeout(120_000);
    });
  }
});

/** What the examples have in them that the cluster does not know, unless REGCRED_TEST_CRDS names a directory with these CustomResourceDefinitions. */
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
    await cluster.kubectl('wait', '--for=condition=Established', '--timeout=30s', '-f', crds);
  });

  for (const { file, object } of examples) {
    const { apiVersion, kind, metadata } = object;
    it(`are what the API server takes: ${kind} ${metadata.name} in ${file}`, async function () {
      if (!crds && FOREIGN.includes(`${apiVersion} ${kind}`)) return this.skip();
      const manifest = { ...object, metadata: { ...metadata, ...(metadata.namespace && { namespace }) } };
      const path = join(cluster.controlPlane.scratch, 'example.json');
      writeFileSync(path, JSON.stringify(manifest));
      await cluster.kubectl('apply', '--dry-run=server', '--validate=strict', '-f', path);
    });
  }
});
