/** What the server sends to the page, over the stream and in a report. No part of it is ever a secret value. */
import type { CredentialKind } from '../api/credential-ref.ts';
import type { RegistryCredentialStatus } from '../api/types.ts';
import type { CellState } from '../plan/coverage/cell-state.ts';
import type { Need } from '../plan/coverage/needs.ts';
import type { Mark } from '../plan/coverage/timeline.ts';

/** One character for each state, so that a row of 50 cells is a text of 50 characters. */
export const CODE_OF: Readonly<Record<CellState, string>> = {
  synced: 's',
  pending: 'p',
  failed: 'f',
  conflict: 'c',
  'not-accepted': 'n',
  'opted-out': 'o',
  'not-selected': '.',
  unknown: 'u',
};

type Counters = RegistryCredentialStatus['namespaces'];

export interface ConditionView {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  readonly since?: string | undefined;
}

export interface CredentialView {
  readonly kind: CredentialKind;
  readonly namespace: string;
  readonly name: string;
  /** As `qualifiedName` writes it. */
  readonly title: string;
  readonly secretName: string;
  /** The command that shows everything about it. */
  readonly statusCommand: string;
  /** The command by which the operator asks its registries at once; undefined if it does not ask them. */
  readonly checkCommand?: string | undefined;
  readonly isDeleting: boolean;
  readonly isSuspended: boolean;
  readonly ready: ConditionView;
  readonly conditions: readonly ConditionView[];
  readonly registries: NonNullable<RegistryCredentialStatus['registries']>;
  readonly expiresAt?: string | undefined;
  readonly namespaces?: Counters;
  readonly serviceAccounts?: Counters;
  readonly failures: NonNullable<RegistryCredentialStatus['failures']>;
  readonly failuresTotal: number;
}

/** One namespace: a character of CODE_OF for each credential, in the order of the credentials. */
export interface Row {
  readonly name: string;
  readonly cells: string;
  /** How many of its pods wait for an image. */
  readonly waiting: number;
}

/** Why a part of the page may be missing or old. */
export interface Notice {
  readonly kind: 'right' | 'reading' | 'lost';
  readonly message: string;
  /** Since when, in milliseconds since 1970. */
  readonly since: number;
}

/** Everything that the page shows, except the namespaces that are opened. */
export interface Snapshot {
  readonly cluster: { readonly context: string; readonly server: string };
  /** When it was made, in milliseconds since 1970. */
  readonly at: number;
  readonly credentials: readonly CredentialView[];
  readonly rows: readonly Row[];
  readonly needs: readonly Need[];
  readonly marks: readonly Mark[];
  readonly notices: readonly Notice[];
}

/** What changed since the last snapshot or change. A missing member has not changed. */
export interface Change {
  readonly at: number;
  /** All of them, and none was added or removed: that needs a snapshot. */
  readonly credentials?: readonly CredentialView[];
  /** The rows that are new or that something has changed in. */
  readonly rows?: readonly Row[];
  /** The namespaces that are gone. */
  readonly gone?: readonly string[];
  readonly needs?: readonly Need[];
  readonly marks?: readonly Mark[];
  readonly notices?: readonly Notice[];
}

/** A step of the doctor. */
export interface StepView {
  readonly mark: 'ok' | 'wrong' | 'unseen' | 'note';
  readonly message: string;
  readonly fix?: string;
}

export interface FindingView {
  readonly subject: string;
  readonly steps: readonly StepView[];
}

/** What was read, or why it was not. */
export type Read<T> = { readonly known: true; readonly value: T } | { readonly known: false; readonly why: string };

/** One namespace that is opened. */
export interface Details {
  readonly name: string;
  /** The namespaces whose credentials it accepts, by its annotation. */
  readonly acceptFrom: readonly string[];
  readonly cells: readonly { readonly title: string; readonly state: CellState; readonly why: string }[];
  readonly accounts: Read<
    readonly {
      readonly name: string;
      readonly isOptedOut: boolean;
      readonly pullSecrets: readonly { readonly name: string; readonly isOurs: boolean }[];
    }[]
  >;
  readonly pods: Read<
    readonly { readonly name: string; readonly images: readonly string[]; readonly reason: string; readonly owner?: string | undefined }[]
  >;
  readonly findings: Read<readonly FindingView[]>;
}

/** A page without a server: the data of a report. */
export interface Report {
  readonly snapshot: Snapshot;
  /** The namespaces that are opened in it, by name. */
  readonly details: Readonly<Record<string, Details>>;
}
