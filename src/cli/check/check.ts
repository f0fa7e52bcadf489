/** `regcred check`: asks the operator to ask the registries of one credential, and waits for the answers in its status. */
import { setTimeout as delay } from 'node:timers/promises';
import { ANNOTATION, GROUP, MANAGER } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client.ts';
import { CommandError, type CommandIo, type CommandResult } from '../command-io.ts';
import { credentialName } from '../credential-name.ts';
import { EXIT } from '../exit-codes.ts';
import { type ClusterFlags, withCluster } from '../kubeconfig.ts';
import { formatObjects } from '../output.ts';
import { credentialPath, readCredential } from '../read-credentials.ts';
import { type RegistryRow, registriesTable, wideRegistriesTable } from '../registries-view.ts';
import type { Credential } from '../status-view.ts';
import { type ColourFlags, styleOf } from '../terminal/flags.ts';
import { exitCodeOf, explainPause, explainTimeout, formatWaiting, progressOf } from './progress.ts';

/** As commander parses them. */
export interface CheckFlags extends ClusterFlags, ColourFlags {
  readonly output?: 'wide' | 'yaml' | 'json';
  /** Of a NamespacedRegistryCredential. */
  readonly namespace?: string;
  /** In seconds. */
  readonly timeout: number;
}

type CheckIo = Pick<CommandIo, 'env' | 'home' | 'isTerminal' | 'now' | 'say' | 'progress'>;

const POLL_MS = 500;

const requiredRights = (namespace: string | undefined) =>
  `To let the operator ask the registries, you need the right to get and patch ${namespace === undefined ? `registrycredentials.${GROUP}` : `namespacedregistrycredentials.${GROUP} in namespace ${namespace}`}.`;

/** @param argument `acme` or `regcred/acme` */
export async function check(argument: string, flags: CheckFlags, io: CheckIo): Promise<CommandResult> {
  const name = credentialName(argument);
  return withCluster(flags, io, requiredRights(flags.namespace), async (kube) => {
    const before = await readCredential(kube, name, flags.namespace);
    const known = progressOf(before, before);
    // Before anything is written.
    if (known.state === 'impossible') throw new CommandError(known.message);
    return waitForAnswers(kube, await request(kube, before, io.now()), flags, io);
  });
}

/** Sets the annotation to a value that it does not have yet. Returns the object with the status that it had at that time. */
function request(kube: KubeClient, { metadata }: Credential, now: Date): Promise<Credential> {
  const time = now.toISOString();
  const value = metadata.annotations?.[ANNOTATION.checkNow] === time ? `${time} again` : time;
  const body = { metadata: { annotations: { [ANNOTATION.checkNow]: value } } };
  return kube.call<Credential>('PATCH', credentialPath(metadata.name, metadata.namespace), { body, query: { fieldManager: MANAGER } });
}

async function waitForAnswers(kube: KubeClient, before: Credential, flags: CheckFlags, io: CheckIo): Promise<CommandResult> {
  const { now, say, progress: show } = io;
  const { timeout: timeoutSeconds } = flags;
  const startedAt = performance.now();
  let isPauseSaid = false;
  for (let credential = before; ; credential = await readCredential(kube, before.metadata.name, before.metadata.namespace)) {
    const progress = progressOf(before, credential);
    if (progress.state === 'impossible') throw new CommandError(progress.message);
    const { rows } = progress;
    if (progress.state === 'answered') {
      const exitCode = exitCodeOf(rows);
      return { output: await format(rows, exitCode, flags, io), notes: [], exitCode };
    }
    const { outstanding } = progress;
    const pause = explainPause(before.metadata, outstanding, now());
    const waitedMs = performance.now() - startedAt;
    if (waitedMs >= timeoutSeconds * 1000) {
      const notes = [explainTimeout(credential, outstanding, { timeoutSeconds, at: now() })];
      return { output: await format(rows, EXIT.failed, flags, io), notes, exitCode: EXIT.failed };
    }
    if (pause !== undefined && !isPauseSaid) say(pause);
    isPauseSaid ||= pause !== undefined;
    show(formatWaiting(outstanding, waitedMs));
    await delay(POLL_MS);
  }
}

async function format(rows: readonly RegistryRow[], exitCode: number, flags: CheckFlags, io: CheckIo): Promise<string> {
  const { output } = flags;
  if (output === 'yaml' || output === 'json') return formatObjects([{ exitCode, registries: rows }], output);
  if (rows.length === 0) return '';
  const style = styleOf(flags, io);
  return output === 'wide' ? wideRegistriesTable(rows, io.now(), style) : registriesTable(rows, io.now(), style);
}
