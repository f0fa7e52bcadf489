import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { type KubeconfigFile, mergeKubeconfigs } from './kubeconfig-files.ts';

/** Where a kubeconfig is looked for. */
export interface KubeconfigSource {
  /** The one file to read, for example from a flag; undefined: KUBECONFIG, else ~/.kube/config, else the ServiceAccount of the pod. */
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
}

/** A kubeconfig cannot be read. The message never contains a part of it: it holds secrets. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

/** There is no kubeconfig, and this is not a pod. */
export class NoKubeconfigError extends KubeconfigError {}

/** The token of a pod's ServiceAccount. */
const POD_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

type Parser = typeof import('yaml');

/**
 * Prepares to load the kubeconfig as kubectl does (ClientConfigLoadingRules in k8s.io/client-go/tools/clientcmd/loader.go). The result
 * reads the files again in each call. It throws a KubeconfigError.
 */
export async function kubeconfigLoader(source: KubeconfigSource): Promise<() => KubeConfig> {
  // An operator in a pod does not need the parser, which takes memory.
  const parser = filesOf(source).some((file) => existsSync(file)) ? await import('yaml') : undefined;
  return () => load(source, parser);
}

function load(source: KubeconfigSource, parser: Parser | undefined): KubeConfig {
  const files = filesOf(source).flatMap((file) => readOne(file, source.file === file, parser) ?? []);
  const config = new KubeConfig();
  const merged = mergeKubeconfigs(files);
  if (merged.clusters.length > 0 || merged.contexts.length > 0) {
    config.loadFromOptions(merged);
  } else if (existsSync(POD_TOKEN)) {
    config.loadFromCluster();
  } else {
    throw new NoKubeconfigError('There is no kubeconfig');
  }
  return config;
}

/** The files in their order. Of equal entries in several files, the first counts. */
function filesOf({ file, env, home }: KubeconfigSource): readonly string[] {
  if (file) return [file];
  if (env.KUBECONFIG) return [...new Set(env.KUBECONFIG.split(delimiter).filter((one) => one !== ''))];
  return [join(home, '.kube', 'config')];
}

/** Undefined if there is no such file and it need not exist: kubectl skips missing files of KUBECONFIG. */
function readOne(file: string, isRequired: boolean, parser: Parser | undefined): KubeconfigFile | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && !isRequired) return undefined;
    throw new KubeconfigError(code === 'ENOENT' ? `the file ${file} does not exist` : `the file ${file} cannot be read (${code})`);
  }
  return { directory: dirname(file), content: parser && parse(decode(bytes), file, parser) };
}

/** Windows saves text in UTF-16. kubectl's YAML parser reads it, if it begins with a byte order mark. */
function decode(bytes: Buffer): string {
  const mark = bytes.subarray(0, 2).toString('hex');
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding).decode(bytes);
}

function parse(text: string, file: string, { parseAllDocuments }: Parser): unknown {
  const [document] = [parseAllDocuments(text, { uniqueKeys: false })].flat();
  if (document === undefined || !('errors' in document)) return undefined;
  const [error] = document.errors;
  // The parser's own messages quote the text around an error.
  if (error) throw new KubeconfigError(`${file}, line ${error.linePos?.[0].line ?? 1}: this is neither YAML nor JSON`);
  try {
    return document.toJS();
  } catch {
    throw new KubeconfigError(`${file}: its YAML has aliases without an anchor, or too many aliases`);
  }
}
