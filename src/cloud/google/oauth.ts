/** What Google's token services have in common. */
import { ask, type Call, type CloudContext, codeIn, formCall, malformed, objectIn, parseObject, type Reply, textIn } from '../call.ts';

export interface AccessToken {
  readonly accessToken: string;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

/** Google limits access by IAM roles. Artifact Registry has no scope of its own: https://cloud.google.com/artifact-registry/docs/access-control */
export const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/** Sends a form to a token service of Google. `until` limits the token if the answer does not say how long it lives. */
export async function askForToken(
  context: CloudContext,
  action: string,
  url: URL,
  form: Readonly<Record<string, string>>,
  until?: number,
): Promise<AccessToken> {
  const call = formCall(action, url, form);
  return tokenIn(call, await ask(context, call, googleCode), context.now(), until);
}

/** Reads the answer `{access_token, expires_in}`. */
export function tokenIn(call: Call, reply: Reply, now: number, until?: number): AccessToken {
  const object = objectIn(call, reply);
  const lifetime = Number(object.expires_in);
  const expiresAt = lifetime > 0 ? now + lifetime * 1000 : until;
  if (expiresAt === undefined) throw malformed(call, reply, 'without expires_in');
  return { accessToken: textIn(call, reply, object, 'access_token'), expiresAt };
}

/** `{"error":"invalid_grant"}` (OAuth), or `{"error":{"status":"PERMISSION_DENIED"}}` (https://cloud.google.com/apis/design/errors). */
export function googleCode({ text }: Reply): string | undefined {
  const error = parseObject(text)?.error;
  return codeIn(typeof error === 'object' && error !== null ? (error as { status?: unknown }).status : error);
}
