import type { AccountRecord, CredentialRecord, NamespaceRecord } from '../api/records.ts';
import type { OnChange } from '../kube/store.ts';
import type { Triggers } from '../triggers/triggers.ts';

/** The wait after a fault of the program itself. */
const FAULT_RETRY_MS = 30_000;

/** A fault that does not go away must not fill the memory or the log. */
const MAX_FAILED = 1000;

/**
 * Passes the changes of the stores on to the triggers of the current leader term. The watches outlive the terms. Without a term the
 * dispatcher drops the changes, because a new term begins with everything in the stores.
 *
 * This closes the one loop of the program: watch → store → triggers → queue → write → answer → store. The loop ends because the answer
 * to a write is the desired state, for which there is nothing to do.
 */
export class Dispatcher {
  readonly #onFault: (fault: unknown) => void;
  readonly #retryMs: number;
  /** The changes whose trigger failed. No other event may come for their objects, so they are passed on again. */
  readonly #failed = new Set<(triggers: Triggers) => void>();
  #retry: NodeJS.Timeout | undefined;
  #triggers: Triggers | undefined;

  /** `onFault` is called with an error of a trigger. The error does not end the watch that delivered the change. */
  constructor(onFault: (fault: unknown) => void, retryMs = FAULT_RETRY_MS) {
    this.#onFault = onFault;
    this.#retryMs = retryMs;
  }

  readonly credential: OnChange<CredentialRecord> = (before, after) => this.#pass((triggers) => triggers.credential(before, after));
  readonly namespace: OnChange<NamespaceRecord> = (before, after) => this.#pass((triggers) => triggers.namespace(before, after));
  readonly account: OnChange<AccountRecord> = (before, after) => this.#pass((triggers) => triggers.account(before, after));
  readonly secret: Triggers['secret'] = (before, after) => this.#pass((triggers) => triggers.secret(before, after));
  readonly source: Triggers['source'] = (source) => this.#pass((triggers) => triggers.source(source));
  readonly stateSecret: Triggers['stateSecret'] = (before, after) => this.#pass((triggers) => triggers.stateSecret(before, after));
  readonly token: Triggers['token'] = (token) => this.#pass((triggers) => triggers.token(token));
  readonly pod: Triggers['pod'] = (before, after) => this.#pass((triggers) => triggers.pod(before, after));
  readonly rules = (): void => this.#pass((triggers) => triggers.rules());
  readonly allCredentials = (): void => this.#pass((triggers) => triggers.allCredentials());
  readonly watchState: Triggers['watchState'] = (owners) => {
    const all = [...owners]; // An iterator is empty when the change is passed on again.
    this.#pass((triggers) => triggers.watchState(all));
  };

  #pass(change: (triggers: Triggers) => void): void {
    try {
      if (this.#triggers) change(this.#triggers);
    } catch (fault) {
      this.#onFault(fault);
      this.#retryLater(change);
    }
  }

  #retryLater(change: (triggers: Triggers) => void): void {
    const [oldest] = this.#failed;
    if (oldest && this.#failed.size >= MAX_FAILED) this.#failed.delete(oldest);
    this.#failed.add(change);
    this.#retry ??= setTimeout(() => {
      const changes = [...this.#failed];
      this.#forgetFailed();
      for (const failed of changes) this.#pass(failed);
    }, this.#retryMs);
  }

  #forgetFailed(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#failed.clear();
  }

  /** Undefined while this replica does not lead. */
  connect(triggers: Triggers | undefined): void {
    this.#forgetFailed();
    this.#triggers = triggers;
  }
}
