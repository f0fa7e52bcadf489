/** `regcred version`: the version of this program, and of the operator that leads in the cluster. It writes nothing. */
import { ANNOTATION, MANAGER } from '../../api/names.ts';
import { path } from '../../cluster/paths.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { LeaseObject } from '../../kube/lease.ts';
import { CommandError, type CommandIo, type CommandResult } from '../command-io.ts';
import { EXIT } from '../exit-codes.ts';
import { type ClusterFlags, withCluster } from '../kubeconfig.ts';
import { formatObjects } from '../output.ts';
import { columns } from '../terminal/text.ts';

export interface VersionFlags extends ClusterFlags {
  /** Do not ask the cluster. */
  readonly client?: true;
  readonly namespace?: string;
  readonly output?: 'yaml' | 'json';
}

/** An operator, as its Lease shows it. */
export interface OperatorVersion {
  /** Undefined for an operator that does not write its version yet. */
  readonly version?: string;
  /** namespace/name */
  readonly lease: string;
  /** The replica that leads. */
  readonly leader: string;
}

const REQUIRED_RIGHT =
  'To find the operator, you need the right to list leases.coordination.k8s.io in all namespaces, or with --namespace in one. --client shows the version of this program alone.';

/** The versions of this program and of the operators in the cluster. If the cluster cannot be read, only its own version, and the reason. */
export async function version(flags: VersionFlags, io: Pick<CommandIo, 'env' | 'home' | 'version'>): Promise<CommandResult> {
  const clientVersion = { version: io.version };
  if (flags.client) return { output: await format({ clientVersion }, flags.output), notes: [], exitCode: EXIT.ok };
  try {
    const operators = await withCluster(flags, io, REQUIRED_RIGHT, (kube) => observeOperators(kube, flags.namespace));
    return { output: await format({ clientVersion, operators }, flags.output), notes: notesOn(operators, io.version), exitCode: EXIT.ok };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { output: await format({ clientVersion }, flags.output), notes: [error.message], exitCode: EXIT.failed };
  }
}

async function observeOperators(kube: KubeClient, namespace: string | undefined): Promise<OperatorVersion[]> {
  const query = { fieldSelector: `metadata.name=${MANAGER}` };
  const at = namespace === undefined ? path.allLeases : path.leases(encodeURIComponent(namespace));
  const { items } = await kube.call<{ items: LeaseObject[] }>('GET', at, { query });
  return items.flatMap(({ metadata: { namespace = '', name, annotations }, spec: { holderIdentity } }) => {
    const version = annotations?.[ANNOTATION.version];
    return holderIdentity ? [{ ...(version !== undefined && { version }), lease: `${namespace}/${name}`, leader: holderIdentity }] : [];
  });
}

function notesOn(operators: readonly OperatorVersion[], version: string): string[] {
  if (operators.length === 0) return ['No operator holds a Lease here. An operator that runs with --leader-elect=false has none.'];
  const differs = operators.some((operator) => operator.version !== undefined && operator.version !== version);
  return differs ? ['This program and the operator have different versions. Use the program of the version that runs in the cluster.'] : [];
}

interface Versions {
  readonly clientVersion: { readonly version: string };
  /** Undefined if the cluster was not asked, or did not answer. */
  readonly operators?: readonly OperatorVersion[];
}

async function format(versions: Versions, output: VersionFlags['output']): Promise<string> {
  if (output !== undefined) return formatObjects([versions], output);
  const operators = (versions.operators ?? []).map(({ version = 'unknown', lease, leader }): [string, string] => [
    'Operator version:',
    `${version} (Lease ${lease}, led by ${leader})`,
  ]);
  return columns([['Client version:', versions.clientVersion.version], ...operators]);
}
