import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { buildSync, transformSync } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * What each part of src may import of the others: a folder, or a file beside the folders. Under `types` is what it may
 * name, but not call: erased at run time, so nothing of that part is reached through it.
 */
const ALLOWED: Record<string, { values: string[]; types?: string[] }> = {
  main: { values: ['cli', 'config', 'log', 'operator'] },
  // What a person runs. It decides with the operator's own functions, so that what it prints is accepted.
  cli: { values: ['api', 'kube', 'plan'] },
  operator: { values: ['http', 'kube', 'metrics', 'queue', 'reconcile', 'shell'], types: ['api', 'config', 'log'] },
  reconcile: { values: ['api', 'kube', 'plan', 'queue', 'triggers'], types: ['log'] },
  // Reads the stores, and does not know what feeds them.
  triggers: { values: ['api', 'plan', 'queue'], types: ['kube'] },
  plan: { values: ['api'] },
  kube: { values: ['api'] },
  queue: { values: [] },
  shell: { values: [] },
  api: { values: [] },
  config: { values: [], types: ['http', 'log'] },
  metrics: { values: [], types: ['reconcile'] },
  http: { values: [] },
  log: { values: [] },
};

interface Import {
  readonly of: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const source = (file: string) => readFileSync(join(ROOT, 'src', file), 'utf8');
/** The program without types and comments: what it does, and not what it says. */
const code = (file: string) => transformSync(source(file), { loader: 'ts', minifyWhitespace: true, legalComments: 'none' }).code;
const partOf = (file: string) => file.split('/')[0]?.replace(/\.ts$/, '') ?? '';

/** The imports of a file, and its re-exports; those of files of ours as their path in src. */
function importsOf(file: string): Import[] {
  const statements = source(file).matchAll(/^(?:import|export)\s+(type\s+)?(?:[\w*{][^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]/gm);
  const later = source(file).matchAll(/\bawait import\((type)?'([^']+)'\)/g);
  return [...statements, ...later].map(([, type, path = '']) => ({
    of: path.startsWith('.') ? join(dirname(file), path) : path,
    typeOnly: type !== undefined,
  }));
}
const imports = new Map(files.map((file) => [file, importsOf(file)]));
const within = (file: string) => (imports.get(file) ?? []).filter(({ of }) => files.includes(of));

describe('The sources', () => {
  it('are read here as a compiler reads them: every import that is left at run time', () => {
    const entryPoints = files.map((file) => join(ROOT, 'src', file));
    const how = { bundle: true, packages: 'external', platform: 'node', format: 'esm' } as const;
    const { metafile } = buildSync({ ...how, entryPoints, absWorkingDir: ROOT, outdir: 'unused', write: false, metafile: true });
    for (const file of files) {
      const built = metafile.inputs[`src/${file}`]?.imports.map(({ path, external }) => (external ? path : relative('src', path))) ?? [];
      const read = (imports.get(file) ?? []).filter(({ typeOnly }) => !typeOnly).map(({ of }) => of);
      expect(read.sort(), file).to.deep.equal(built.sort());
    }
  });

  for (const [part, { values, types = [] }] of Object.entries(ALLOWED)) {
    it(`of ${part} import ${values.join(', ') || 'no values of another part'}${types.length > 0 ? `, and types of ${types.join(', ')}` : ''}`, () => {
      const own = files.filter((file) => partOf(file) === part);
      expect(own).to.not.deep.equal([]);
      const used = (typeOnly: boolean) =>
        own.flatMap((file) =>
          within(file)
            .filter((one) => one.typeOnly === typeOnly)
            .map(({ of }) => partOf(of)),
        );
      expect([...values, part]).to.include.members(used(false));
      expect([...values, ...types, part]).to.include.members(used(true));
      // What is allowed and not used any more is not allowed any more.
      expect(used(false)).to.include.members(values);
      expect(used(true)).to.include.members(types);
    });
  }

  it('have no part that is not named here', () =>
    expect([...new Set(files.map(partOf))].sort()).to.deep.equal(Object.keys(ALLOWED).sort()));

  it('do not import each other in circles, nor by their types', () => {
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      expect(path, [...path, file].join(' → ')).to.not.include(file);
      if (done.has(file)) return;
      for (const { of } of within(file)) visit(of, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
  });

  it('reach the cluster in kube, and have client-node for its configuration in the operator, its shell and what a person runs', () => {
    const users = files.filter((file) => imports.get(file)?.some(({ of, typeOnly }) => of === '@kubernetes/client-node' && !typeOnly));
    expect(users.map(partOf)).to.have.members(['cli', 'kube', 'operator', 'shell']);
    expect(files.filter((file) => imports.get(file)?.some(({ of }) => of === 'undici')).map(partOf)).to.deep.equal(['kube']);
  });

  it('of plan and api do no I/O: they import nothing of Node.js but a hash, and no package', () => {
    const pure = files.filter((file) => ['plan', 'api'].includes(partOf(file)));
    const foreign = pure.flatMap((file) =>
      (imports.get(file) ?? []).filter(({ of }) => !files.includes(of)).map(({ of }) => `${file}: ${of}`),
    );
    expect(foreign).to.deep.equal(['api/hash.ts: node:crypto']);
  });

  it('of plan have no clock, no chance, no log and no world', () => {
    const impure = /\b(Date\.now|Math\.random|performance|process|console|globalThis|fetch|setTimeout|setInterval|crypto)\b|\bnew Date\(\)/;
    for (const file of files.filter((file) => partOf(file) === 'plan')) expect(code(file), file).to.not.match(impure);
  });

  it('mention the process in main.ts only', () => {
    expect(files.filter((file) => /\bprocess\b/.test(code(file).replaceAll(/"[^"\n]*"/g, '')))).to.deep.equal(['main.ts']);
  });

  it('have no file of more than 300 lines but the one that is generated', () => {
    expect(files.filter((file) => source(file).trimEnd().split('\n').length > 300)).to.deep.equal(['api/types.ts']);
  });
});
