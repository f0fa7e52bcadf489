import type { Problem, Reason } from '../../api/reasons.ts';

/** What was read, or why it cannot be used. */
export type Parsed<T> = { readonly ok: T } | { readonly problem: Problem };

/** The result of a read that failed. */
export const invalid = (reason: Reason, message: string): { readonly problem: Problem } => ({ problem: { reason, message } });
