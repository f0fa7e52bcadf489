/** What the doctor predicts for new pods among random tenants, to compare it with the policy and with src/plan. */
import { qualifiedName } from '../../src/api/credential-ref.ts';
import type { AccountRecord, CredentialRecord, NamespaceRecord } from '../../src/api/records.ts';
import { namesAfterAdmission } from '../../src/cli/doctor/pull-secret-origin.ts';
import { intentOf, secretNameOf } from '../../src/plan/placement/intent.ts';
import { outranks } from '../../src/plan/placement/precedence.ts';
import { selectsNamespace, type TargetRules } from '../../src/plan/targets/targets.ts';
import { around, found, INJECTING, pod, READY, secret } from './doctor.ts';

/** A credential, and the tenant of its namespace, which only the operator knows. */
export type OfTenant = CredentialRecord & TargetRules;

export const secretNames = (credentials: readonly CredentialRecord[]): string[] => [...new Set(credentials.map(secretNameOf))].sort();

/** The credentials whose copies are in the namespace: of several with one Secret name, the one that goes first. */
export function holdersIn(all: readonly OfTenant[], namespace: NamespaceRecord): ReadonlySet<CredentialRecord> {
  const claims = all.filter((each) => intentOf(each, undefined).mode === 'sync' && selectsNamespace(each, namespace));
  const isFirst = (one: OfTenant) =>
    claims
      .filter((other) => other !== one && secretNameOf(other) === secretNameOf(one))
      .every((other) => outranks(one, other, namespace.name, undefined));
  return new Set(claims.filter(isFirst));
}

/** What the doctor says that a new pod would name. It does not know the tenant label, but sees the copies. */
export function namesPredicted(
  all: readonly CredentialRecord[],
  holders: ReadonlySet<CredentialRecord>,
  inNamespace: NamespaceRecord,
  under: AccountRecord,
): string[] {
  const copies = Array.from(holders, (holder) =>
    secret({ name: secretNameOf(holder), credential: { name: qualifiedName(holder), uid: holder.uid } }),
  );
  const injecting = all.map((each) => {
    const { tenant: _, ...record } = each as OfTenant;
    return { ...record, status: { conditions: [READY, INJECTING] } } as CredentialRecord;
  });
  const world = around({ namespace: found(inNamespace), account: found(under), credentials: found(injecting) }, copies);
  const template = pod({ namespace: inNamespace.name, account: under.name, pullSecrets: [], existing: undefined });
  return [...namesAfterAdmission(template, world)].sort();
}
