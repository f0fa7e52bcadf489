import {
  afterRejection,
  afterRepair,
  contestedForMs,
  type DriftHistory,
  isOver,
  type Rejection,
  repairDelayMs,
} from '../plan/placement/drift-backoff.ts';
import { forgetOldest } from './forget-oldest.ts';

/** The drift history of each recently repaired object. */
export class DriftMemory {
  readonly #histories = new Map<string, DriftHistory>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Milliseconds to wait before the operator writes this desired state again. */
  repairDelayMs(id: string, desiredState: string): number {
    return repairDelayMs(this.#histories.get(id), desiredState, this.#now());
  }

  /** For how many more milliseconds to report the conflict with another writer. */
  contestedForMs(id: string, desiredState: string): number {
    return contestedForMs(this.#histories.get(id), desiredState, this.#now());
  }

  has(id: string): boolean {
    return this.#histories.has(id);
  }

  /** Drops a history that is over, or that is about another desired state. No writer has reverted the current one so far. */
  dropFinished(id: string, desiredState: string): void {
    const history = this.#histories.get(id);
    if (history && (history.desiredState !== desiredState || isOver(history, this.#now()))) this.#histories.delete(id);
  }

  drop(id: string): void {
    this.#histories.delete(id);
  }

  recordRepair(id: string, desiredState: string): void {
    this.#remember(id, afterRepair(this.#histories.get(id), desiredState, this.#now()));
  }

  /** The API server stored the object differently from what the operator sent. */
  recordRejection(id: string, desiredState: string, rejection: Rejection): void {
    this.#remember(id, afterRejection(this.#histories.get(id), desiredState, this.#now(), rejection));
  }

  /** What the API server did not store when the operator last wrote this desired state. */
  rejectionOf(id: string, desiredState: string): Rejection | undefined {
    const history = this.#histories.get(id);
    return history?.desiredState === desiredState ? history.rejected : undefined;
  }

  /** The names of the last rejected write of a ServiceAccount, for any desired state. */
  rejectedNamesOf(id: string): readonly string[] {
    return this.#histories.get(id)?.rejected?.names ?? [];
  }

  /** Call when a write was stored as sent. Returns true if the previous write had been rejected; this write is then not a repair. */
  dropRejection(id: string): boolean {
    return this.#histories.get(id)?.rejected !== undefined && this.#histories.delete(id);
  }

  /** The latest entry goes to the end, so that `forgetOldest` drops the objects without recent repairs. */
  #remember(id: string, history: DriftHistory): void {
    this.#histories.delete(id);
    this.#histories.set(id, history);
    forgetOldest(this.#histories);
  }
}
