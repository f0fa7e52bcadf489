import { hash } from 'node:crypto';

/**
 * The fingerprint of a docker config in its base64 form, by which a placed Secret is known to hold the right content
 * without its content being kept. Both the plan and the stores compute it, so it is part of their common vocabulary.
 */
export const contentHash = (data: string): string => hash('sha256', data, 'base64url');
