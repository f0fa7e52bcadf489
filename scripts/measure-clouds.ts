/**
 * `node scripts/measure-clouds.ts`, after a build: what cloud tokens cost an operator that uses no cloud, one cloud, or all three. The
 * figures of docs/adr/0017-cloud-libraries.md come from it. The clouds are the fakes of the tests.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { type Clouds, startClouds } from '../test/support/clouds/clouds.ts';
import { type Cluster, startCluster, stopCluster } from '../test/support/cluster.ts';
import { leads } from '../test/support/operator.ts';

const ROUNDS = 7;
/** How long after the operator leads its memory is read. The tokens have been fetched by then: the credential is Ready. */
const SETTLE_MS = 6000;

const VARIANTS = { 'no cloud': [], 'AWS only': ['aws'], 'all three clouds': ['aws', 'gcp', 'azure'] } as const;
type Variant = keyof typeof VARIANTS;
type Cloud = 'aws' | 'gcp' | 'azure';

interface Sample {
  readonly startMs: number;
  readonly residentMiB: number;
  readonly peakMiB: number;
}

const TENANT = '11111111-2222-3333-4444-555555555555';
const CLIENT = 'aaaaaaaa-2222-3333-4444-555555555555';

/** An entry with static keys for each cloud, in the namespace of the sources. */
async function entries(cluster: Cluster, clouds: Clouds): Promise<Record<Cloud, object>> {
  const scene = cluster.scene();
  const keys = async (name: string, values: Record<string, string>) => {
    await scene.secret('sources', name, 'Opaque', values);
    return { namespace: 'sources', name };
  };
  const { accessKeyId, secretAccessKey } = clouds.aws.addUser('arn:aws:iam::123456789012:user/robot');
  const google = { type: 'service_account', ...clouds.google.addServiceAccount('robot@my-project.iam.gserviceaccount.com') };
  clouds.azure.applications.push({ tenantId: TENANT, clientId: CLIENT, clientSecret: 'sample-client-secret-of-azure' });
  clouds.azure.registries.set('acme.azurecr.io', { tenantId: TENANT, pullers: [CLIENT] });
  const aws = { secretRef: await keys('aws', { accessKeyId, secretAccessKey }) };
  const gcp = { secretRef: await keys('gcp', { 'key.json': JSON.stringify(google) }) };
  const azure = { tenantId: TENANT, clientId: CLIENT, secretRef: await keys('azure', { clientSecret: 'sample-client-secret-of-azure' }) };
  return {
    aws: { server: '123456789012.dkr.ecr.eu-central-1.amazonaws.com', token: { aws } },
    gcp: { server: 'europe-west3-docker.pkg.dev', token: { gcp } },
    azure: { server: 'acme.azurecr.io', token: { azure } },
  };
}

function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const [, kib] = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

/** One start of the operator, with a credential that uses these clouds and no token that is kept. */
async function run(cluster: Cluster, registries: readonly object[]): Promise<Sample> {
  const scene = cluster.scene();
  await scene.basicAuth();
  await scene.namespace();
  const plain = { server: 'registry.example.com', secretRef: { namespace: 'sources', name: scene.name } };
  await scene.credential({ registries: [plain, ...registries] } as never);
  const since = performance.now();
  const operator = cluster.start();
  await leads(operator);
  const startMs = performance.now() - since;
  const settled = delay(SETTLE_MS);
  await scene.ready();
  await settled;
  const sample = { startMs, residentMiB: memoryOf(operator.pid, 'VmRSS'), peakMiB: memoryOf(operator.pid, 'VmHWM') };
  await scene.deleteCredential();
  await scene.credentialGone();
  await operator.stop();
  await cluster.kubectl('delete', 'secret', '-n', 'regcred-system', '-l', 'regcred.dev/token=true');
  return sample;
}

/** The median, with the lowest and the highest value: `102.2 MiB (93.8 to 102.6)`. */
function summary(values: readonly number[], unit: string, digits: number): string {
  const sorted = values.toSorted((a, b) => a - b);
  const [lowest, median, highest] = [0, Math.floor(sorted.length / 2), sorted.length - 1].map((at) => sorted[at]?.toFixed(digits));
  return `${median} ${unit} (${lowest} to ${highest})`;
}

const clouds = await startClouds();
const cluster = await startCluster([], { ...clouds.env, NO_PROXY: '127.0.0.1,localhost', REGCRED_VERIFICATION: 'on' });
try {
  await cluster.operator.stop();
  const entryOf = await entries(cluster, clouds);
  const samples = new Map<Variant, Sample[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [variant, uses] of Object.entries(VARIANTS) as [Variant, readonly Cloud[]][]) {
      const sample = await run(
        cluster,
        uses.map((cloud) => entryOf[cloud]),
      );
      samples.set(variant, [...(samples.get(variant) ?? []), sample]);
      console.error(`${round + 1} of ${ROUNDS}, ${variant}: ${JSON.stringify(sample)}`);
    }
  }
  console.log('| | memory | peak | until it leads |\n| --- | --- | --- | --- |');
  for (const [variant, all] of samples) {
    const [resident, peak, start] = (['residentMiB', 'peakMiB', 'startMs'] as const).map((field) => all.map((sample) => sample[field]));
    console.log(
      `| ${variant} | ${summary(resident ?? [], 'MiB', 1)} | ${summary(peak ?? [], 'MiB', 1)} | ${summary(start ?? [], 'ms', 0)} |`,
    );
  }
} finally {
  await stopCluster(cluster);
  await clouds.close();
}
process.exit(0);
