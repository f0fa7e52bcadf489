/** What all steps of the quickstart share. */
import type { KubeClient } from '../../src/kube/client.ts';
import type { Eyes } from './eyes.ts';
import type { Screen } from './screen.ts';
import type { Stage } from './stage.ts';

/** The docker config that the credentials come from. */
export interface Source {
  readonly text: string;
  /** The entry to use; undefined for all entries. */
  readonly server: string | undefined;
  readonly origin: string;
}

export interface Telling {
  readonly stage: Stage;
  readonly eyes: Eyes;
  readonly screen: Screen;
  readonly source: Source;
  /** Omit the deletion at the end. */
  readonly keep: boolean;
}

export const CREDENTIALS = '/apis/regcred.dev/v1alpha1/registrycredentials';

/** The docker config in a copy. */
export async function dockerConfig(
  api: KubeClient,
  namespace: string,
  name: string,
): Promise<{ auths: Record<string, { password?: string; auth: string }> }> {
  const { data } = await api.call<{ data: Record<string, string> }>('GET', `/api/v1/namespaces/${namespace}/secrets/${name}`);
  return JSON.parse(Buffer.from(data['.dockerconfigjson'] as string, 'base64').toString());
}

export function hold(held: boolean, otherwise: string): void {
  if (!held) throw new Error(otherwise);
}
