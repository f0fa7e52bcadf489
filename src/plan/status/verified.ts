import { REASON } from '../../api/reasons.ts';
import type { Result } from '../checks/interpret.ts';
import { type ConditionVerdict, falseVerdict, formatCount, trueVerdict, unknownVerdict } from './condition.ts';

/** From the weakest to the strongest. NotAsked counts only if there is nothing else. */
const BY_STRENGTH: readonly Result[] = ['Refused', 'Pending', 'Unreachable', 'Public', 'NotRefused', 'Proven', 'NotAsked'];

export interface ServerResult {
  readonly result: Result;
  readonly message: string;
}

/** The condition Verified: what the registries say about the credentials. The weakest result counts. */
export function verified(servers: readonly ServerResult[], isEnabled: boolean): ConditionVerdict {
  if (!isEnabled) {
    return unknownVerdict(
      REASON.verificationDisabled,
      'No registry is asked: spec.verification.mode is None, or the operator runs with --verification=off.',
    );
  }
  const weakest = BY_STRENGTH.find((result) => servers.some((server) => server.result === result));
  const message = formatResults(servers.filter(({ result }) => result === weakest));
  switch (weakest) {
    case undefined:
      return unknownVerdict(REASON.verifying, 'The sources hold no entry yet, so no registry was asked.');
    case 'Refused':
      return falseVerdict(REASON.registryRefused, message);
    case 'Pending':
      return unknownVerdict(REASON.verifying, message);
    case 'Unreachable':
      return unknownVerdict(REASON.registryUnreachable, message);
    case 'Public':
      return unknownVerdict(REASON.public, message);
    case 'NotAsked':
      return unknownVerdict(REASON.notAsked, message);
    case 'NotRefused':
      return trueVerdict(REASON.notRefused, message);
    case 'Proven':
      return trueVerdict(REASON.proven, message);
    default:
      return weakest satisfies never;
  }
}

const MAX_SENTENCES = 3;

function formatResults(servers: readonly ServerResult[]): string {
  const more = servers.length - MAX_SENTENCES;
  const rest = more > 0 ? ` And ${formatCount(more, 'more server', 'more servers')}, see status.registries.` : '';
  return (
    servers
      .slice(0, MAX_SENTENCES)
      .map(({ message }) => message)
      .join(' ') + rest
  );
}
