import type { KubeClient } from '../../kube/client.ts';
import type { CleanupChoice, CleanupStep } from '../../plan/placement/cleanup.ts';
import type { CommandIo } from '../command-io.ts';
import type { OperatorPresence } from './operator-presence.ts';

/** What one execution of the command works with. */
export interface Execution {
  readonly kube: KubeClient;
  readonly operator: OperatorPresence;
  readonly choice: CleanupChoice;
  readonly io: CommandIo;
  /** How to print a finished step. */
  readonly format: (step: CleanupStep) => string;
  readonly timeoutMs: number;
}
