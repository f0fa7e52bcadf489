/** One namespace that is opened on the page: its cells and why, its ServiceAccounts, the pods that wait for an image, and the doctor's findings. */
import { qualifiedName } from '../api/credential-ref.ts';
import { LABEL } from '../api/names.ts';
import type { AccountRecord } from '../api/records.ts';
import { explainCell } from '../plan/coverage/cell.ts';
import type { Coverage } from './coverage.ts';
import type { Details, FindingView, Read } from './messages.ts';
import type { Observed } from './observed.ts';

/** Examines with the rights of the person who runs the page. It shows no password. */
export interface Doctor {
  /** Undefined if there is no such pod. */
  readonly pod: (namespace: string, name: string) => Promise<FindingView | undefined>;
  readonly namespace: (name: string) => Promise<readonly FindingView[]>;
}

/** Undefined if there is no such namespace. */
export async function detailsOf(name: string, coverage: Coverage, observed: Observed, doctor: Doctor): Promise<Details | undefined> {
  const namespace = observed.namespaces.get('', name);
  if (namespace === undefined) return undefined;
  const findings = await findingsOf(name, doctor);
  const cells = coverage.columns.map((column) => {
    const cell = coverage.cell(column, namespace);
    return { title: qualifiedName(column.credential), state: cell.state, why: explainCell(cell, column.credential) };
  });
  const accounts = observed.accountsIn(name);
  const pods = observed.podsIn(name);
  return {
    name,
    acceptFrom: namespace.acceptFrom,
    cells,
    accounts: accounts.known
      ? { known: true, value: Array.from(accounts.value, accountView).sort((a, b) => (a.name < b.name ? -1 : 1)) }
      : accounts,
    pods: pods.known
      ? {
          known: true,
          value: pods.value.map(({ name, images, reason, owner }) => ({
            name,
            images,
            reason,
            owner: owner && `${owner.kind} ${owner.name}`,
          })),
        }
      : pods,
    findings,
  };
}

const findingsOf = (name: string, doctor: Doctor): Promise<Read<readonly FindingView[]>> =>
  doctor.namespace(name).then(
    (value) => ({ known: true as const, value }),
    (error: Error) => ({ known: false as const, why: `The doctor could not examine it: ${error.message}` }),
  );

const accountView = ({ name, labels, pullSecrets, recorded }: AccountRecord) => ({
  name,
  isOptedOut: labels[LABEL.exclude] === 'true',
  pullSecrets: pullSecrets.flatMap((entry) => (entry.name ? [{ name: entry.name, isOurs: recorded.includes(entry.name) }] : [])),
});
