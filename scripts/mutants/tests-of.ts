/** Which unit tests reach which source file, by their imports. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const IMPORT = /^(?:import|export)\s[^;'"]*'(\.[^']+\.ts)'|\bawait import\('(\.[^']+\.ts)'\)/gm;

/**
 * The unit tests that import `file`, directly or through others, those first that are most likely to notice a change: its own test, then those
 * with the shortest way to it.
 */
export function testsOf(file: string, tests: readonly string[], importsOf: (file: string) => readonly string[]): string[] {
  const own = file.replace(/^src\//, 'test/unit/').replace(/\.ts$/, '.test.ts');
  const ways = tests.map((test) => ({ test, steps: stepsBetween(test, file, importsOf) }));
  return ways
    .filter(({ steps }) => steps < Infinity)
    .sort((a, b) => Number(b.test === own) - Number(a.test === own) || a.steps - b.steps || a.test.localeCompare(b.test))
    .map(({ test }) => test);
}

function stepsBetween(from: string, to: string, importsOf: (file: string) => readonly string[]): number {
  const seen = new Set([from]);
  let reached = [from];
  for (let steps = 0; reached.length > 0; steps++) {
    if (reached.includes(to)) return steps;
    reached = reached.flatMap(importsOf).filter((file) => !seen.has(file) && seen.add(file));
  }
  return Infinity;
}

export const unitTests = (): string[] => globSync('test/unit/**/*.test.ts');

/** The files that a file of this repository imports, read once. Paths are relative to the repository. */
export function readImports(): (file: string) => readonly string[] {
  const known = new Map<string, readonly string[]>();
  return (file) => {
    const imports =
      known.get(file) ??
      Array.from(readFileSync(file, 'utf8').matchAll(IMPORT), ([, path, later = '']) => join(dirname(file), path ?? later));
    known.set(file, imports);
    return imports;
  };
}
