import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect } from 'chai';
import { buildSync, transformSync } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');

/**
 * What each part of src may import from the others. A part is a folder, or a file beside the folders. `types` lists what it may name
 * but not call: types are erased, so nothing of that part is reached at run time.
 */
const ALLOWED: Record<string, { values: string[]; types?: string[] }> = {
  main: { values: ['cli', 'config', 'kube', 'log', 'log-level-file', 'operator'] },
  // Wires everything together: the only part that knows all others.
  operator: {
    values: ['api', 'cloud', 'cluster', 'http', 'kube', 'metrics', 'net', 'plan', 'queue', 'reconcile', 'registry', 'status', 'triggers'],
    types: ['config', 'log'],
  },
  // The commands that a person runs. They decide with the operator's own functions.
  cli: { values: ['api', 'cluster', 'kube', 'net', 'page', 'plan', 'registry'] },
  // The server of the page, and its code in the browser. It gets the doctor from the command line.
  page: { values: ['api', 'cluster', 'kube', 'plan'] },
  reconcile: { values: ['api', 'cluster', 'kube', 'net', 'plan', 'queue', 'status'], types: ['log'] },
  status: { values: ['api', 'cluster', 'kube', 'plan', 'queue'], types: ['log'] },
  triggers: { values: ['api', 'plan', 'queue'], types: ['cluster', 'kube'] },
  // What to keep of an object follows from what plan decides with it.
  cluster: { values: ['api', 'kube', 'plan'], types: ['queue'] },
  // HTTP to a registry. It reports facts in the words of plan, which decides what they mean.
  registry: { values: ['net'], types: ['plan'] },
  // An identity becomes a token of a registry. Each cloud in it is a file of its own in the bundle.
  cloud: { values: ['api', 'net'], types: ['plan'] },
  // One connection or request to a server outside of the cluster: proxies, addresses, trust, limits.
  net: { values: [], types: ['plan'] },
  plan: { values: ['api'] },
  queue: { values: ['api'] },
  kube: { values: [], types: ['api'] },
  api: { values: [] },
  config: { values: ['log'], types: ['http'] },
  metrics: { values: [], types: ['api', 'plan', 'status'] },
  http: { values: [] },
  log: { values: [] },
  'log-level-file': { values: ['log'] },
};

/** The folders of plan: each may import only those before it. */
const PLAN = ['targets', 'matching', 'content', 'tokens', 'placement', 'injection', 'pods', 'checks', 'status', 'coverage'];

interface Import {
  readonly of: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
const source = (file: string) => readFileSync(join(ROOT, 'src', file), 'utf8');
/** The program without types and comments. */
const code = (file: string) =>
  transformSync(source(file), {
    loader: file.endsWith('x') ? 'tsx' : 'ts',
    jsx: 'automatic',
    minifyWhitespace: true,
    legalComments: 'none',
  }).code;
const partOf = (file: string) => file.split('/')[0]?.replace(/\.tsx?$/, '') ?? '';

/** The imports and re-exports of a file. Imports of files in src are given as their path there. */
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
  it('have the imports that a bundler finds in them', () => {
    const entryPoints = files.map((file) => join(ROOT, 'src', file));
    const how = { bundle: true, packages: 'external', platform: 'node', format: 'esm', jsx: 'preserve' } as const;
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
      // An unused entry must be removed.
      expect(used(false)).to.include.members(values);
      expect(used(true)).to.include.members(types);
    });
  }

  it('have no part without a row in this table', () =>
    expect([...new Set(files.map(partOf))].sort()).to.deep.equal(Object.keys(ALLOWED).sort()));

  it('of each folder of plan import only the folders before it', () => {
    const folderOf = (file: string) => file.split('/')[1] ?? '';
    const folders = new Map(PLAN.map((folder) => [folder, files.filter((file) => file.startsWith(`plan/${folder}/`))]));
    expect([...folders.values()].flat().sort(), 'all of plan').to.deep.equal(files.filter((file) => partOf(file) === 'plan').sort());
    for (const [folder, own] of folders) {
      const used = own.flatMap((file) => within(file).filter(({ of }) => partOf(of) === 'plan'));
      expect(PLAN.slice(0, PLAN.indexOf(folder) + 1), folder).to.include.members(used.map(({ of }) => folderOf(of)));
    }
  });

  it('have no import cycle, not even of types', () => {
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      expect(path, [...path, file].join(' → ')).to.not.include(file);
      if (done.has(file)) return;
      for (const { of } of within(file)) visit(of, [...path, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
  });

  it('use client-node only for the configuration, in kube; and undici only for HTTP', () => {
    const users = files.filter((file) => imports.get(file)?.some(({ of, typeOnly }) => of === '@kubernetes/client-node' && !typeOnly));
    expect([...new Set(users.map(partOf))]).to.have.members(['kube']);
    const dialers = files.filter((file) => imports.get(file)?.some(({ of }) => of === 'undici'));
    expect([...new Set(dialers.map(partOf))]).to.have.members(['kube', 'net']);
  });

  it('of plan and api do no I/O: they import nothing of Node.js but a hash, and no package', () => {
    const pure = files.filter((file) => ['plan', 'api'].includes(partOf(file)));
    const foreign = pure.flatMap((file) =>
      (imports.get(file) ?? []).filter(({ of }) => !files.includes(of)).map(({ of }) => `${file}: ${of}`),
    );
    expect(foreign).to.deep.equal(['api/hash.ts: node:crypto']);
  });

  it('of the page in the browser import only preact, each other, the messages and the words of plan', () => {
    const client = files.filter((file) => file.startsWith('page/client/'));
    const used = client.flatMap((file) => (imports.get(file) ?? []).filter(({ typeOnly }) => !typeOnly).map(({ of }) => of));
    const foreign = [...new Set(used)].filter((of) => !of.startsWith('page/client/')).sort();
    expect(foreign).to.deep.equal(['page/messages.ts', 'plan/coverage/cell-state.ts', 'preact', 'preact/hooks']);
  });

  it('of plan use no clock, no random numbers and no I/O', () => {
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
