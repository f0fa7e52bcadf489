/** `regcred doctor`: why can it not pull? Gathers what the person may see, decides, and prints. Nothing is written anywhere. */
import { readFile } from 'node:fs/promises';
import { parseImage } from '../../plan/image.ts';
import { asking, type ClusterFlags, configOf } from '../kubeconfig.ts';
import { type Format, printed } from '../output.ts';
import { type Answer, Unusable, type World } from '../world.ts';
import { wouldHave } from './cover.ts';
import { fingerprint } from './fingerprint.ts';
import { Cluster, lookAtAccounts, lookAtPod, lookAtPods, surroundings, waiting } from './gather.ts';
import { triedFor, whoIs } from './image.ts';
import { examineNamespace } from './namespace.ts';
import type { Asked, Finding, Looked, Pod, Surroundings } from './observed.ts';
import { examine } from './pod.ts';
import { exitCodeOf, text } from './print.ts';
import { askRegistry } from './pull.ts';
import { type Manifest, podOf, podsIn, templateOf } from './subject.ts';

/** As the flags have it. */
export interface DoctorFlags extends ClusterFlags {
  readonly namespace?: string;
  readonly serviceaccount?: string;
  readonly filename?: string;
  readonly pull?: boolean;
  readonly output?: Format;
}

type DoctorsWorld = Pick<World, 'input' | 'now' | 'program'>;

/** More pods than that of one namespace fail for the same reasons, as a rule. */
const MOST_PODS = 10;

const RIGHT = 'To look at a pod takes the right to get it.';

export async function doctor(about: readonly string[], flags: DoctorFlags, world: DoctorsWorld): Promise<Answer> {
  const question = questionOf(about, flags, world);
  const config = configOf(flags);
  const namespace = flags.namespace ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  const cases = await asking(flags, RIGHT, (kube) => casesOf(question, namespace, { cluster: new Cluster(kube), flags, world }));
  const findings = await Promise.all(cases.map((decide) => decide()));
  const exitCode = exitCodeOf(findings);
  const output = flags.output === undefined ? text(findings) : await printed([{ exitCode, findings }], flags.output);
  return { output, notes: [], exitCode };
}

type Question =
  | { readonly kind: 'pod'; readonly name: string }
  | { readonly kind: 'image'; readonly image: string }
  | { readonly kind: 'namespace'; readonly name: string }
  | { readonly kind: 'file'; readonly name: string };

interface Practice {
  readonly cluster: Cluster;
  readonly flags: DoctorFlags;
  readonly world: DoctorsWorld;
}

/** `pod/NAME`, `pod NAME`, `image IMAGE`, `namespace NAME`, or a file. */
function questionOf(about: readonly string[], { filename }: DoctorFlags, { program }: DoctorsWorld): Question {
  const help = `Say what it is about: pod/NAME, image IMAGE, namespace NAME, or -f FILE. ${program} doctor --help has examples.`;
  if (filename !== undefined) {
    if (about.length > 0) throw new Unusable(`-f ${filename} is what it is about, so ${about.join(' ')} is too much. ${help}`);
    return { kind: 'file', name: filename };
  }
  const [first = '', ...rest] = about;
  const slash = first.indexOf('/');
  const [kind, ...names] = rest.length === 0 && slash > 0 ? [first.slice(0, slash), first.slice(slash + 1)] : [first, ...rest];
  const [name = ''] = names;
  if (name === '' || names.length > 1) throw new Unusable(help);
  switch (kind) {
    case 'pod':
    case 'pods':
    case 'po':
      return { kind: 'pod', name };
    case 'image':
      return { kind: 'image', image: name };
    case 'namespace':
    case 'namespaces':
    case 'ns':
      return { kind: 'namespace', name };
    default:
      throw new Unusable(`${first}: it knows nothing of that kind. ${help}`);
  }
}

/** What is to be decided of all that was looked at: the cluster has no part in that any more. */
type Case = () => Finding | Promise<Finding>;

async function casesOf(question: Question, namespace: string, practice: Practice): Promise<Case[]> {
  switch (question.kind) {
    case 'pod': {
      const pod = await theOne(lookAtPod(practice.cluster, namespace, question.name), `pod ${namespace}/${question.name}`);
      return [await caseOf(`pod/${question.name}`, podOf(pod, namespace), practice)];
    }
    case 'image': {
      const { serviceaccount } = practice.flags;
      const spec = {
        containers: [{ name: '', image: question.image }],
        ...(serviceaccount !== undefined && { serviceAccountName: serviceaccount }),
      };
      return [await caseOf(`image ${question.image}`, templateOf({ spec }, namespace), practice)];
    }
    case 'namespace':
      return ofNamespace(question.name, practice);
    case 'file': {
      const pods = podsIn(await manifestsIn(question.name, practice.world), namespace);
      if (pods.length === 0)
        throw new Unusable(
          `${question.name}: there is nothing in it that pods are made of (Pod, Deployment, StatefulSet, DaemonSet, Job, CronJob).`,
        );
      return Promise.all(pods.map(({ name, pod }) => caseOf(name, pod, practice)));
    }
    default:
      return question satisfies never;
  }
}

async function ofNamespace(name: string, practice: Practice): Promise<Case[]> {
  const { cluster, world } = practice;
  const [around, accounts, pods] = await Promise.all([
    surroundings(cluster, { namespace: name, account: 'default', names: [] }, world.now()),
    lookAtAccounts(cluster, name),
    lookAtPods(cluster, name),
  ]);
  if (around.namespace.state === 'missing') throw new Unusable(`There is no namespace ${name}.`);
  const stuck = pods.state === 'there' ? waiting(pods.value, name) : [];
  const whole = () => ({
    subject: `namespace ${name}`,
    namespace: name,
    steps: examineNamespace(name, around, accounts, { pods, stuck: stuck.length, shown: MOST_PODS }),
  });
  const each = await Promise.all(stuck.slice(0, MOST_PODS).map(({ name: pod, pod: object }) => caseOf(`pod/${pod}`, object, practice)));
  return [whole, ...each];
}

async function caseOf(subject: string, given: Pod, { cluster, flags, world }: Practice): Promise<Case> {
  const { namespace, account, pullSecrets: names, made } = given;
  const around = await surroundings(cluster, { namespace, account, names, ...(made && { pod: made.name }) }, world.now());
  const pod = made ? given : { ...given, pullSecrets: wouldHave(given, around) };
  return async () => {
    const asked = flags.pull ? await askAll(pod, around) : new Map<string, readonly Asked[]>();
    return { subject, namespace, steps: examine({ pod, around, asked, fingerprint }) };
  };
}

/** Each image's registry, with one matching entry after the other until one is let in, as the kubelet does; without any where there is none. */
async function askAll(pod: Pod, around: Surroundings): Promise<Map<string, readonly Asked[]>> {
  const images = [...new Set(pod.containers.map(({ image }) => image))];
  const answers = images.map(async (written): Promise<[string, readonly Asked[]]> => {
    const image = parseImage(written);
    if (image === undefined) return [written, []];
    const { tried, refused, hidden } = triedFor(image, pod, around);
    // It would be asked as nobody whom the kubelet asks as.
    if (refused || (hidden && tried.length === 0)) return [written, []];
    if (tried.length === 0) return [written, [{ as: undefined, answer: await askRegistry(image, undefined) }]];
    const asked: Asked[] = [];
    for (const [server, { secret, auth }] of tried) {
      if (auth === undefined || asked.at(-1)?.answer.ok) continue;
      asked.push({ as: { username: whoIs(auth), secret: secret.name, server }, answer: await askRegistry(image, auth) });
    }
    return [written, asked];
  });
  return new Map(await Promise.all(answers));
}

/** What it is all about: without it there is nothing to say. */
async function theOne<T>(asked: Promise<Looked<T>>, what: string): Promise<T> {
  const looked = await asked;
  if (looked.state === 'there') return looked.value;
  throw new Unusable(looked.state === 'missing' ? `There is no ${what}.` : `The ${what} cannot be read. Missing right: ${looked.right}.`);
}

async function manifestsIn(file: string, world: DoctorsWorld): Promise<Manifest[]> {
  const bytes = file === '-' ? await world.input() : await readFile(file).catch((error: NodeJS.ErrnoException) => error);
  if (bytes === undefined) throw new Unusable('-f - reads standard input, and nothing is piped into it.');
  if (bytes instanceof Error) throw new Unusable(`${file}: it cannot be read (${bytes.code}).`);
  const { parseAllDocuments } = await import('yaml');
  return [parseAllDocuments(bytes.toString('utf8'))].flat().flatMap((document) => {
    // The parser quotes the text around a mistake, which may be a secret.
    if ('errors' in document && document.errors.length > 0)
      throw new Unusable(`${file}: it is neither YAML nor JSON, line ${document.errors[0]?.linePos?.[0].line ?? 1}.`);
    const object = 'toJS' in document ? plain(document, file) : undefined;
    return typeof object === 'object' && object !== null ? [object as Manifest] : [];
  });
}

function plain(document: { toJS: () => unknown }, file: string): unknown {
  try {
    return document.toJS();
  } catch {
    throw new Unusable(`${file}: its YAML has aliases that lead nowhere, or too many of them.`);
  }
}
