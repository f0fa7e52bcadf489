/** The files of an image, as the OCI image specification defines them. */
import { createHash } from 'node:crypto';

/** What an image consists of. */
export interface ImageContent {
  /** JSON. */
  readonly config: Buffer;
  /** Archives in the format of tar. */
  readonly layers: readonly Buffer[];
}

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar';

export const digestOf = (blob: Buffer) => `sha256:${createHash('sha256').update(blob).digest('hex')}`;

/** The manifest of an image, as JSON. */
export function manifestOf({ config, layers }: ImageContent): string {
  const blob = (mediaType: string, content: Buffer) => ({ mediaType, digest: digestOf(content), size: content.length });
  return JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: blob(CONFIG, config),
    layers: layers.map((layer) => blob(LAYER, layer)),
  });
}

/** The configuration of an image that runs on this machine. `settings`: Entrypoint, Cmd, User and so on. */
export function configOf(layers: readonly Buffer[], settings: object): Buffer {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const rootfs = { type: 'layers', diff_ids: layers.map(digestOf) };
  return Buffer.from(JSON.stringify({ architecture, os: 'linux', config: settings, rootfs }));
}
