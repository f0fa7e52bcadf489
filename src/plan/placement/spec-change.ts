/** What a person changed, in the words of an Event. */
import type { RegistryCredentialSpec } from '../../api/types.ts';
import type { Content } from '../content/content.ts';
import { formatServer } from '../content/format-server.ts';

type Group = 'targets' | 'content' | 'policy';

/** What each field of the spec decides: where something is placed, what, or how. */
const GROUPS: Readonly<Record<keyof RegistryCredentialSpec, Group>> = {
  namespaces: 'targets',
  serviceAccounts: 'targets',
  registries: 'content',
  dockerConfigs: 'content',
  secretName: 'content',
  secretMetadata: 'content',
  podInjection: 'policy',
  conflictPolicy: 'policy',
  deletionPolicy: 'policy',
  podRecovery: 'policy',
  suspend: 'policy',
  verification: 'policy',
};

/** `targets (spec.namespaces), policy (spec.conflictPolicy)`; undefined if both are equal. */
export function formatSpecChange(before: RegistryCredentialSpec, after: RegistryCredentialSpec): string | undefined {
  const fields = Object.keys(GROUPS) as (keyof RegistryCredentialSpec)[];
  const changed = fields.filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
  const groups = [...new Set(changed.map((field) => GROUPS[field]))];
  const parts = groups.map((group) => {
    const own = changed.filter((field) => GROUPS[field] === group).map((field) => `spec.${field}`);
    return `${group} (${own.join(', ')})`;
  });
  return parts.length > 0 ? parts.join(', ') : undefined;
}

/** More servers than a person reads in one message. */
const MAX_SERVERS = 10;

/** The servers whose entries differ: added, removed or with another login. Never a part of an entry. */
export function formatChangedServers(before: Content, after: Content): string {
  const [old, fresh] = [entriesOf(before), entriesOf(after)];
  const servers = [...new Set([...old.keys(), ...fresh.keys()])].filter((server) => old.get(server) !== fresh.get(server)).sort();
  const more = servers.length > MAX_SERVERS ? ` and ${servers.length - MAX_SERVERS} more` : '';
  return servers.slice(0, MAX_SERVERS).map(formatServer).join(', ') + more;
}

/** By name of the server: its entry as text, to compare. */
function entriesOf({ data }: Content): ReadonlyMap<string, string> {
  const { auths } = JSON.parse(Buffer.from(data, 'base64').toString()) as { auths: Record<string, unknown> };
  return new Map(Object.entries(auths).map(([server, entry]) => [server, JSON.stringify(entry)]));
}
