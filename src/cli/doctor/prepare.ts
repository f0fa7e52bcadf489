/** Reads what the answer to a question depends on, and says what to decide with it. */
import { proxySettings } from '../../net/proxy.ts';
import { CommandError, type CommandIo } from '../command-io.ts';
import type { ClusterFlags } from '../kubeconfig.ts';
import { examineAccount, examineCluster, examineWorkload } from './collections.ts';
import { fingerprint } from './fingerprint.ts';
import { readManifests } from './manifest-file.ts';
import { examineNamespace } from './namespace.ts';
import {
  type ClusterReader,
  observeAccount,
  observeAccounts,
  observeAllWaiting,
  observeCredentials,
  observePod,
  observePods,
  observeSurroundings,
  observeWorkload,
} from './observe.ts';
import { type Finding, mapFound, type Pod, type PullTest, type ReadResult, type Step } from './observed.ts';
import { examine } from './pod.ts';
import { namesAfterAdmission } from './pull-secret-origin.ts';
import { testPulls } from './pull-tests.ts';
import type { Question } from './question.ts';
import { podOf, podOfTemplate, podsIn, templateOf } from './subject.ts';
import { podsOfWorkload } from './workload-pods.ts';
import type { WorkloadKind } from './workloads.ts';
import { waitsForImage, worstPod } from './worst-pod.ts';

export interface PrepareFlags extends ClusterFlags {
  readonly serviceaccount?: string;
  readonly pull?: boolean;
}

/** What one run of the command works with. */
interface Run {
  readonly reader: ClusterReader;
  readonly flags: PrepareFlags;
  readonly io: Pick<CommandIo, 'env' | 'input' | 'now'>;
}

/** Decides about one subject. Everything has been read from the cluster; only registries are still to be asked. */
export type Examination = () => Finding | Promise<Finding>;

/** More pods of one namespace usually fail for the same reasons. */
const MAX_PODS = 10;

/** Throws a CommandError if there is no such subject. */
export async function prepare(question: Question, namespace: string, run: Run): Promise<Examination[]> {
  switch (question.kind) {
    case 'pod': {
      const pod = await required(observePod(run.reader, namespace, question.name), `pod ${namespace}/${question.name}`);
      return [await preparePod(podOf(pod, namespace), run)];
    }
    case 'workload':
      return prepareWorkload(question.workload, question.name, namespace, run);
    case 'account':
      return prepareAccount(question.name, namespace, run);
    case 'image': {
      const { serviceaccount } = run.flags;
      const spec = {
        containers: [{ name: '', image: question.image }],
        ...(serviceaccount !== undefined && { serviceAccountName: serviceaccount }),
      };
      return [await prepareTemplate(`image ${question.image}`, podOfTemplate({ spec }, namespace), run)];
    }
    case 'namespace':
      return prepareNamespace(question.name ?? namespace, run);
    case 'cluster':
      return prepareCluster(run);
    case 'file': {
      const pods = podsIn(await readManifests(question.name, run.io), namespace);
      if (pods.length > 0) return Promise.all(pods.map(({ name, pod }) => prepareTemplate(name, pod, run)));
      throw new CommandError(
        `${question.name}: no object in it creates pods. doctor reads Pod, Deployment, StatefulSet, DaemonSet, Job and CronJob.`,
      );
    }
    default:
      return question satisfies never;
  }
}

async function prepareWorkload(workload: WorkloadKind, name: string, namespace: string, run: Run): Promise<Examination[]> {
  const { reader } = run;
  const object = await required(observeWorkload(reader, workload.resource, namespace, name), `${workload.kind} ${namespace}/${name}`);
  const pods = await podsOfWorkload(reader, workload, object, namespace);
  const subject = `${workload.kind.toLowerCase()}/${name}`;
  const template = await prepareTemplate(subject, podOfTemplate(templateOf(object) ?? {}, namespace), run, (steps) =>
    examineWorkload(steps, pods),
  );
  return [template, ...(await prepareWorst(pods, run))];
}

async function prepareAccount(name: string, namespace: string, run: Run): Promise<Examination[]> {
  const { reader, io } = run;
  await required(observeAccount(reader, namespace, name), `ServiceAccount ${namespace}/${name}`);
  const all = await observePods(reader, namespace);
  const pods = mapFound(all, (objects) => objects.map((object) => podOf(object, namespace)).filter(({ account }) => account === name));
  const given = podOfTemplate({ spec: { serviceAccountName: name } }, namespace);
  const surroundings = await observeSurroundings(reader, { namespace, account: name, pullSecrets: [] }, io.now());
  const pod = { ...given, pullSecrets: namesAfterAdmission(given, surroundings) };
  const steps = () => examineAccount(examine({ pod, surroundings, pullTests: new Map(), fingerprint }), { pod, surroundings, pods });
  return [() => ({ subject: `serviceaccount/${name}`, namespace, steps: steps() }), ...(await prepareWorst(pods, run))];
}

async function prepareWorst(pods: ReadResult<readonly Pod[]>, run: Run): Promise<Examination[]> {
  const worst = pods.state === 'found' ? worstPod(pods.value) : undefined;
  return worst ? [await preparePod(worst, run)] : [];
}

async function prepareNamespace(name: string, run: Run): Promise<Examination[]> {
  const { reader, io } = run;
  const [surroundings, accounts, pods] = await Promise.all([
    observeSurroundings(reader, { namespace: name, account: 'default', pullSecrets: [] }, io.now()),
    observeAccounts(reader, name),
    observePods(reader, name),
  ]);
  if (surroundings.namespace.state === 'missing') throw new CommandError(`There is no namespace ${name}.`);
  const waiting = pods.state === 'found' ? pods.value.map((object) => podOf(object, name)).filter(waitsForImage) : [];
  const examination = () => ({
    subject: `namespace ${name}`,
    namespace: name,
    steps: examineNamespace(name, surroundings, accounts, { pods, count: waiting.length, shown: MAX_PODS }),
  });
  return [examination, ...(await prepareAll(waiting, run))];
}

async function prepareCluster(run: Run): Promise<Examination[]> {
  const [credentials, objects] = await Promise.all([observeCredentials(run.reader), observeAllWaiting(run.reader)]);
  const pods = mapFound(objects, (all) => all.map((object) => podOf(object, object.metadata?.namespace ?? '')).filter(waitsForImage));
  const examination = () => ({ subject: 'all namespaces', namespace: '', steps: examineCluster(credentials, pods, MAX_PODS) });
  return [examination, ...(await prepareAll(pods.state === 'found' ? pods.value : [], run))];
}

const prepareAll = (pods: readonly Pod[], run: Run): Promise<Examination[]> =>
  Promise.all(pods.slice(0, MAX_PODS).map((pod) => preparePod(pod, run)));

const preparePod = (pod: Pod, run: Run): Promise<Examination> => prepareTemplate(`pod/${pod.existing?.name}`, pod, run);

/** @param extend makes the steps of the finding from those about the pod */
async function prepareTemplate(
  subject: string,
  given: Pod,
  { reader, flags, io }: Run,
  extend: (steps: Step[]) => Step[] = (steps) => steps,
): Promise<Examination> {
  const { namespace, account, pullSecrets, existing } = given;
  const ref = { namespace, account, pullSecrets, ...(existing && { pod: existing.name }) };
  const surroundings = await observeSurroundings(reader, ref, io.now());
  const pod = existing ? given : { ...given, pullSecrets: namesAfterAdmission(given, surroundings) };
  return async () => {
    const pullTests = flags.pull
      ? await testPulls(pod, surroundings, { proxy: proxySettings(io.env) })
      : new Map<string, readonly PullTest[]>();
    return { subject, namespace, steps: extend(examine({ pod, surroundings, pullTests, fingerprint })) };
  };
}

/** The value of a read that the whole command depends on. Throws a CommandError if there is none. */
async function required<T>(read: Promise<ReadResult<T>>, what: string): Promise<T> {
  const result = await read;
  if (result.state === 'found') return result.value;
  throw new CommandError(
    result.state === 'missing' ? `There is no ${what}.` : `The ${what} cannot be read. Missing right: ${result.right}.`,
  );
}
