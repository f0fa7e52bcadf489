import { type CredentialRef, isNamespaced } from '../api/credential-ref.ts';
import { GROUP } from '../api/names.ts';
import { CommandError } from './command-io.ts';

const RESOURCES = [
  ...['regcred', 'registrycredential', 'registrycredentials'],
  ...['nregcred', 'namespacedregistrycredential', 'namespacedregistrycredentials'],
];

/** How a person may write the kind, as for kubectl: `regcred`, `registrycredentials.regcred.dev`. */
const KINDS: ReadonlySet<string> = new Set(RESOURCES.flatMap((resource) => [resource, `${resource}.${GROUP}`]));

/** The name in `acme`, `regcred/acme` or `registrycredential.regcred.dev/acme`. Throws a CommandError for another kind. */
export function credentialName(argument: string): string {
  const slash = argument.indexOf('/');
  if (slash < 0) return argument;
  const kind = argument.slice(0, slash);
  if (KINDS.has(kind.toLowerCase())) return argument.slice(slash + 1);
  throw new CommandError(`${argument}: this command takes names of RegistryCredentials, not of ${kind}. Write NAME or regcred/NAME.`);
}

type NamedCredential = Pick<CredentialRef, 'kind' | 'namespace' | 'name'>;

/** A credential as an argument of a command: `acme`, or `acme -n team-a`. */
export const argumentsFor = (credential: NamedCredential): string =>
  isNamespaced(credential) ? `${credential.name} -n ${credential.namespace}` : credential.name;

/** Where a person finds everything about a credential. */
export const seeStatus = (credential: NamedCredential): string => `kubectl regcred status ${argumentsFor(credential)} shows its status.`;

/** The command that opens the credential in an editor. */
export const editCommand = (credential: NamedCredential): string =>
  `kubectl edit ${isNamespaced(credential) ? 'nregcred' : 'regcred'} ${argumentsFor(credential)}`;
