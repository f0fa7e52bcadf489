/** `regcred status`: one request for each name, or one for all, with the rights of the person who runs it. It writes nothing. */
import { API_VERSION, GROUP } from '../api/names.ts';
import type { CommandIo, CommandResult } from './command-io.ts';
import { credentialName } from './credential-name.ts';
import { EXIT } from './exit-codes.ts';
import { type ClusterFlags, withCluster } from './kubeconfig.ts';
import { formatObjects } from './output.ts';
import { kindIn, readCredential, readCredentials } from './read-credentials.ts';
import { type Credential, details, readyOf, table, wideTable } from './status-view.ts';
import { type ColourFlags, styleOf } from './terminal/flags.ts';
import type { Style } from './terminal/style.ts';

export interface StatusFlags extends ClusterFlags, ColourFlags {
  readonly output?: 'name' | 'wide' | 'yaml' | 'json';
  /** Of NamespacedRegistryCredentials. */
  readonly namespace?: string;
}

const requiredRights = (namespace: string | undefined) =>
  namespace === undefined
    ? `To see RegistryCredentials, you need the right to get and list registrycredentials.${GROUP}.`
    : `To see them, you need the right to get and list namespacedregistrycredentials.${GROUP} in namespace ${namespace}.`;

/** @param names each as `acme` or `regcred/acme`; none for all RegistryCredentials */
export async function status(
  names: readonly string[],
  flags: StatusFlags,
  io: Pick<CommandIo, 'now' | 'env' | 'home' | 'isTerminal'>,
): Promise<CommandResult> {
  const wanted = names.map(credentialName);
  const { namespace } = flags;
  const credentials = await withCluster(flags, io, requiredRights(namespace), async (kube) =>
    wanted.length === 0 ? readCredentials(kube, namespace) : Promise.all(wanted.map((name) => readCredential(kube, name, namespace))),
  );
  const isReady = credentials.every((credential) => readyOf(credential).status === 'True');
  const output = await format(credentials, wanted.length === 1, flags.output, { now: io.now(), style: styleOf(flags, io) });
  return { output, notes: [], exitCode: isReady ? EXIT.ok : EXIT.found };
}

async function format(
  credentials: readonly Credential[],
  isOne: boolean,
  output: StatusFlags['output'],
  { now, style }: { readonly now: Date; readonly style: Style },
): Promise<string> {
  const [first] = credentials;
  switch (output) {
    case undefined:
      return isOne && first ? details(first, now, style) : table(credentials, now, style);
    case 'wide':
      return wideTable(credentials, now, style);
    case 'name':
      return credentials.map(({ metadata }) => `${kindIn(metadata.namespace).toLowerCase()}.${GROUP}/${metadata.name}\n`).join('');
    case 'yaml':
    case 'json':
      return formatObjects(credentials.map(withoutManagedFields), output);
    default:
      return output satisfies never;
  }
}

function withoutManagedFields(credential: Credential): object {
  const { managedFields: _, ...metadata } = credential.metadata as Credential['metadata'] & { managedFields?: unknown };
  return { apiVersion: API_VERSION, kind: kindIn(credential.metadata.namespace), ...credential, metadata };
}
