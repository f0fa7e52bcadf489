import type { Auth, Auths } from './auth.ts';
import { namesOf } from './server.ts';

/**
 * The `.dockerconfigjson` for the kubelet. Its keys are sorted, so that equal input gives equal bytes and the operator never writes
 * an unchanged credential again.
 */
export function writeDockerConfig(auths: Auths): string {
  // Not JSON.stringify of one object: an object moves a server named like a number to the front, and loses one named __proto__.
  const named = new Map([...auths].flatMap(([server, auth]) => namesOf(server, auths.keys()).map((name) => [name, auth])));
  const entries = [...named.keys()].sort().map((name) => {
    const { username, password, auth, email } = named.get(name) as Auth;
    return `${JSON.stringify(name)}:${JSON.stringify({ auth, email, password, username })}`;
  });
  return `{"auths":{${entries.join(',')}}}`;
}
