/** The table about ServiceAccounts in Git in docs/gitops.md: what a tool does with each list, in the words of the page. */
import { expect } from 'chai';
import { auditedSince, endOf, isWrite } from '../support/audit.ts';
import type { Scene } from '../support/cluster.ts';

/** What a tool applies from Git: the fields of the account `default`, without its name. */
export type Commit = (fields: object) => Promise<void>;

export const list = (...names: string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) });

export const accountIn = (namespace: string, fields: object, commit: number) => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  // Each commit changes the account, so that no tool skips it.
  metadata: { name: 'default', namespace, labels: { commit: `commit-${commit}` } },
  ...fields,
});

/** How often the operator has written to accounts of the scene since that position of the audit log. */
export const repairsSince = (scene: Scene, from: number): number =>
  auditedSince(scene.cluster.controlPlane.auditLog, from).filter(
    (one) => isWrite(one) && one.resource === 'serviceaccounts' && one.namespace.startsWith(scene.name) && one.code < 300,
  ).length;

/** How often the operator wrote to accounts of the scene while `work` was done. */
export async function repairs(scene: Scene, work: () => Promise<unknown>): Promise<number> {
  // The API server writes the line a moment after the answer. Another credential takes longer than that.
  await scene.cluster.scene().placed(1);
  const from = endOf(scene.cluster.controlPlane.auditLog);
  await work();
  await scene.cluster.scene().placed(1);
  return repairsSince(scene, from);
}

/** `entries`: the list in the cluster, in which `acme` stands for our Secret. */
export interface Row {
  readonly inGit: (ours: string) => object;
  readonly entries: readonly string[];
  readonly isReverted: boolean;
}

/** The rows that are the same for every way to apply. */
export const ROWS: Readonly<Record<string, Row>> = {
  'not set': { inGit: () => ({}), entries: ['acme'], isReverted: false },
  '[own, acme]': { inGit: (ours) => list('own', ours), entries: ['own', 'acme'], isReverted: false },
  '[own]': { inGit: () => list('own'), entries: ['own', 'acme'], isReverted: true },
  '[]': { inGit: () => list(), entries: ['acme'], isReverted: true },
};

/** Applies a row three times. Every time the operator's entry is there in the end; only where the page says so the operator had to repair it. */
export async function provesRow(scene: Scene, namespace: string, row: Row, commit: Commit): Promise<void> {
  const entries = row.entries.map((name) => (name === 'acme' ? scene.name : name));
  for (let at = 0; at < 3; at++) {
    const repaired = await repairs(scene, async () => {
      await commit(row.inGit(scene.name));
      await scene.pullSecretsAre(namespace, entries);
    });
    expect(repaired > 0, `the operator repaired the account ${repaired} times after commit ${at + 1}`).to.equal(row.isReverted);
  }
  await scene.ready();
}
