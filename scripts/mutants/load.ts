/** Loaded before mocha: gives one source file another text, without a change on the disk. REGCRED_MUTANT names a file with both. */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import process from 'node:process';

/** A source file, by its URL, and the text that takes its place. */
export interface Mutant {
  readonly url: string;
  readonly source: string;
}

const mutant = JSON.parse(readFileSync(process.env.REGCRED_MUTANT ?? '', 'utf8')) as Mutant;

registerHooks({
  load: (url, context, next) =>
    url === mutant.url ? { format: 'module-typescript', source: mutant.source, shortCircuit: true } : next(url, context),
});
