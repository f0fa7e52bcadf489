import { CommandError } from '../command-io.ts';
import { type WorkloadKind, workloadKind } from './workloads.ts';

/** What a person asks the doctor about. */
export type Question =
  | { readonly kind: 'pod'; readonly name: string }
  | { readonly kind: 'workload'; readonly workload: WorkloadKind; readonly name: string }
  | { readonly kind: 'account'; readonly name: string }
  | { readonly kind: 'image'; readonly image: string }
  /** Without a name: the namespace of the flag or of the context. */
  | { readonly kind: 'namespace'; readonly name: string | undefined }
  | { readonly kind: 'cluster' }
  | { readonly kind: 'file'; readonly name: string };

export interface QuestionFlags {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly filename?: string;
}

const NOUNS: Readonly<Record<string, 'pod' | 'account' | 'image' | 'namespace'>> = {
  pod: 'pod',
  pods: 'pod',
  po: 'pod',
  serviceaccount: 'account',
  serviceaccounts: 'account',
  sa: 'account',
  image: 'image',
  namespace: 'namespace',
  namespaces: 'namespace',
  ns: 'namespace',
};

/**
 * Reads `KIND/NAME` or `KIND NAME`, `image IMAGE`, the file of `-f`, or without a subject the namespace of `-n` or all of `-A`. Throws a
 * CommandError.
 */
export function parseQuestion(subject: readonly string[], flags: QuestionFlags, program: string): Question {
  const { filename, namespace, allNamespaces } = flags;
  const help = `Name the subject: pod/NAME, deployment/NAME or another workload, serviceaccount/NAME, image IMAGE, namespace NAME, -f FILE, or -A. Examples: ${program} doctor --help`;
  if (filename !== undefined) {
    if (subject.length > 0) throw new CommandError(`-f ${filename} and ${subject.join(' ')} are two subjects. Leave one out. ${help}`);
    return { kind: 'file', name: filename };
  }
  if (allNamespaces) {
    if (subject.length > 0) throw new CommandError(`-A looks at the pods of all namespaces, so leave ${subject.join(' ')} out. ${help}`);
    return { kind: 'cluster' };
  }
  if (subject.length === 0 && namespace !== undefined) return { kind: 'namespace', name: namespace };
  const { kind, name } = split(subject, help);
  const workload = workloadKind(kind);
  const noun = NOUNS[kind.toLowerCase()];
  if (noun === 'namespace') return { kind: 'namespace', name: name === '' ? undefined : name };
  if (!noun && !workload) throw new CommandError(`${kind}: doctor does not know this kind. ${help}`);
  if (name === '') throw new CommandError(help);
  if (workload) return { kind: 'workload', workload, name };
  return noun === 'image' ? { kind: 'image', image: name } : { kind: noun as 'pod' | 'account', name };
}

function split(subject: readonly string[], help: string): { readonly kind: string; readonly name: string } {
  const [first = '', name = '', ...more] = subject;
  if (first === '' || more.length > 0) throw new CommandError(help);
  const slash = first.indexOf('/');
  if (subject.length === 1 && slash > 0) return { kind: first.slice(0, slash), name: first.slice(slash + 1) };
  return { kind: first, name };
}
