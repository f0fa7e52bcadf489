/** `regcred doctor`: why can an image not be pulled? It reads what the person may see, decides, and prints. It writes nothing. */
import type { CommandIo, CommandResult } from '../command-io.ts';
import { loadKubeconfig, withCluster } from '../kubeconfig.ts';
import { formatObjects } from '../output.ts';
import { type ColourFlags, styleOf } from '../terminal/flags.ts';
import { ClusterReader } from './observe.ts';
import type { Finding } from './observed.ts';
import { type PrepareFlags, prepare } from './prepare.ts';
import { exitCodeOf, formatFindings, formatNames } from './print.ts';
import { parseQuestion } from './question.ts';

export interface DoctorFlags extends PrepareFlags, ColourFlags {
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
  readonly filename?: string;
  readonly output?: 'name' | 'wide' | 'yaml' | 'json';
}

type DoctorIo = Pick<CommandIo, 'env' | 'home' | 'input' | 'isTerminal' | 'now' | 'program'>;

const REQUIRED_RIGHT = 'To read a pod, you need the right to get it.';

/** Throws a CommandError if the subject does not exist, or the arguments do not name one. */
export async function doctor(subject: readonly string[], flags: DoctorFlags, io: DoctorIo): Promise<CommandResult> {
  const question = parseQuestion(subject, flags, io.program);
  const config = await loadKubeconfig(flags, io);
  const namespace = flags.namespace ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default';
  const examinations = await withCluster(flags, io, REQUIRED_RIGHT, (kube) =>
    prepare(question, namespace, { reader: new ClusterReader(kube), flags, io }),
  );
  const findings = await Promise.all(examinations.map((examination) => examination()));
  return { output: await format(findings, flags, io), notes: [], exitCode: exitCodeOf(findings) };
}

async function format(findings: readonly Finding[], flags: DoctorFlags, io: DoctorIo): Promise<string> {
  const { output } = flags;
  switch (output) {
    case undefined:
    case 'wide':
      return formatFindings(findings, { style: styleOf(flags, io), withAllFixes: output === 'wide' });
    case 'name':
      return formatNames(findings);
    case 'yaml':
    case 'json':
      return formatObjects([{ exitCode: exitCodeOf(findings), findings }], output);
    default:
      return output satisfies never;
  }
}
