import { readFile } from 'node:fs/promises';
import { CommandError, type CommandIo } from '../command-io.ts';
import type { Manifest } from './subject.ts';

/** The objects in a file, or on standard input if it is `-`. Throws a CommandError; it never quotes the file, which may hold secrets. */
export async function readManifests(file: string, { input }: Pick<CommandIo, 'input'>): Promise<Manifest[]> {
  const bytes = file === '-' ? await input() : await readFile(file).catch((error: NodeJS.ErrnoException) => error);
  if (bytes === undefined) throw new CommandError('-f - reads standard input, but standard input is a terminal. Pipe the manifests in.');
  if (bytes instanceof Error) throw new CommandError(`${file}: the file cannot be read (${bytes.code}).`);
  const { parseAllDocuments } = await import('yaml');
  return [parseAllDocuments(bytes.toString('utf8'))].flat().flatMap((document) => {
    // The parser's own messages quote the text around an error.
    if ('errors' in document && document.errors.length > 0) {
      throw new CommandError(`${file}, line ${document.errors[0]?.linePos?.[0].line ?? 1}: this is neither YAML nor JSON.`);
    }
    const object = 'toJS' in document ? toObject(document, file) : undefined;
    return typeof object === 'object' && object !== null ? [object as Manifest] : [];
  });
}

function toObject(document: { toJS: () => unknown }, file: string): unknown {
  try {
    return document.toJS();
  } catch {
    throw new CommandError(`${file}: its YAML has aliases without an anchor, or too many aliases.`);
  }
}
