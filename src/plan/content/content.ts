import { contentHash } from '../../api/hash.ts';
import { MAX_SECRET_BYTES } from '../../api/names.ts';
import { REASON } from '../../api/reasons.ts';
import type { Auths } from './auth.ts';
import { invalid, type Parsed } from './parsed.ts';
import { namesOf } from './server.ts';
import { writeDockerConfig } from './write-docker-config.ts';

/** What the operator writes into every target namespace. */
export interface Content {
  /** The docker config in base64, as the API carries it. */
  readonly data: string;
  /** SHA-256 of `data`. The record of a placed Secret has the same hash. */
  readonly hash: string;
  readonly servers: number;
  /** The names of the servers in the docker config, by which the kubelet looks an image up. */
  readonly names: readonly string[];
}

/** Makes one docker config of all entries. A problem if it does not fit into a Secret. */
export function contentOf(auths: Auths): Parsed<Content> {
  const config = Buffer.from(writeDockerConfig(auths));
  if (config.length > MAX_SECRET_BYTES) {
    return invalid(
      REASON.tooLarge,
      `The docker config made from all sources has ${config.length} bytes. A Secret holds at most ${MAX_SECRET_BYTES} (1 MiB). Split the registries over two RegistryCredentials.`,
    );
  }
  const data = config.toString('base64');
  const names = [...auths.keys()].flatMap((server) => namesOf(server, auths.keys()));
  return { ok: { data, hash: contentHash(data), servers: auths.size, names } };
}
