/**
 * `npm run build`: bundles the program into dist/main.js, which needs only Node.js, and each cloud into a file beside it, which the operator
 * loads when a credential asks for that cloud (ADR 17). dist/main.js works without these files as long as none does.
 */
import { chmod } from 'node:fs/promises';
import { resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { buildPage } from './build-page.ts';

/** The shell imports all of client-node and gaxios. This replaces them; src/operator/shell-imports.ts explains why. */
const slimShell: Plugin = {
  name: 'slim-shell',
  setup({ onResolve }) {
    onResolve({ filter: /^(@kubernetes\/client-node|gaxios)$/ }, ({ importer }) =>
      importer.includes('@dot-i') ? { path: resolve('src/operator/shell-imports.ts') } : undefined,
    );
  },
};

const CLOUDS = ['aws', 'google', 'azure'];

/** Leaves the clouds out of the program. */
const cloudFiles: Plugin = {
  name: 'cloud-files',
  setup({ onResolve }) {
    for (const cloud of CLOUDS)
      onResolve({ filter: new RegExp(`^\\./${cloud}/${cloud}\\.ts$`) }, () => ({ path: `./cloud-${cloud}.js`, external: true }));
  },
};

// CommonJS dependencies call require for Node's built-in modules.
const REQUIRE = "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

const common = {
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  // For an uncaught error Node prints the source line. Keep lines short, so that it does not print the whole program.
  lineLimit: 200,
  legalComments: 'none',
} as const;

const page = await buildPage();

await build({
  ...common,
  entryPoints: ['src/main.ts'],
  outfile: 'dist/main.js',
  plugins: [slimShell, cloudFiles],
  define: { REGCRED_PAGE_SCRIPT: JSON.stringify(page.script), REGCRED_PAGE_STYLE: JSON.stringify(page.style) },
  banner: {
    js: [
      '#!/usr/bin/env node',
      // An older Node.js would fail somewhere inside the bundle.
      "if (Number(process.versions.node.split('.')[0]) < 24) { console.error('regcred needs Node.js 24 or newer; this is ' + process.version + '.'); process.exit(1); }",
      REQUIRE,
    ].join('\n'),
  },
});

await build({
  ...common,
  entryPoints: Object.fromEntries(CLOUDS.map((cloud) => [`cloud-${cloud}`, `src/cloud/${cloud}/${cloud}.ts`])),
  outdir: 'dist',
  banner: { js: REQUIRE },
});

// Executable, so that a link to it works as a kubectl plugin.
await chmod('dist/main.js', 0o755);
