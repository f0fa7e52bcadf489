/**
 * - synced: the Secret is there, and every selected ServiceAccount refers to it
 * - pending: the operator still has to create, change or remove something
 * - failed: the operator could not write it
 * - conflict: an object of another user or credential is in the way
 * - not-accepted: the namespace does not accept a credential of another namespace
 * - opted-out: the namespace carries the label `regcred.dev/exclude: "true"`
 * - not-selected: the credential does not select the namespace
 * - unknown: a right is missing, or the objects have not been read yet
 */
export const CELL_STATES = ['synced', 'pending', 'failed', 'conflict', 'not-accepted', 'opted-out', 'not-selected', 'unknown'] as const;
export type CellState = (typeof CELL_STATES)[number];
