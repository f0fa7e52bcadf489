import { codeIn, type Json, parseObject, type Reply } from '../call.ts';

/**
 * The code of Entra (`AADSTS700016`, which stands at the start of a description), of OAuth (`invalid_client`), or of the registry
 * (`{"errors":[{"code":"UNAUTHORIZED"}]}`).
 */
export function azureCode({ text }: Reply): string | undefined {
  const json = parseObject(text);
  const [, entra] = /^(AADSTS\d{4,9})\b/.exec(String(json?.error_description ?? '')) ?? [];
  const first = Array.isArray(json?.errors) ? (json.errors[0] as Json | undefined)?.code : json?.error;
  return entra ?? codeIn(first);
}
