/** `npm run build`: bundles the program into dist/main.js, which needs nothing but Node. */
import { chmod } from 'node:fs/promises';
import { resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** The shell requires client-node and gaxios whole; src/shell/imports.ts says why it does not get them. */
const slimShell: Plugin = {
  name: 'slim-shell',
  setup({ onResolve }) {
    onResolve({ filter: /^(@kubernetes\/client-node|gaxios)$/ }, ({ importer }) =>
      importer.includes('@dot-i') ? { path: resolve('src/shell/imports.ts') } : undefined,
    );
  },
};

await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/main.js',
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minify: true,
  // Of an error that nobody caught Node prints the line: not all of the program.
  lineLimit: 200,
  legalComments: 'none',
  plugins: [slimShell],
  banner: {
    js: [
      '#!/usr/bin/env node',
      // An older one would end in the middle of the bundle.
      "if (Number(process.versions.node.split('.')[0]) < 24) { console.error('regcred needs Node.js 24 or newer; this is ' + process.version + '.'); process.exit(1); }",
      // The dependencies that are CommonJS call require for Node's own modules.
      "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    ].join('\n'),
  },
});

// So that a link to it is a plugin of kubectl's.
await chmod('dist/main.js', 0o755);
