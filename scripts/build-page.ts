/** Bundles the code of the page for browsers. It becomes a part of the program, so nothing is built or loaded when the page is opened. */
import { build } from 'esbuild';
import type { PageCode } from '../src/page/document.ts';

export async function buildPage(): Promise<PageCode> {
  const { outputFiles } = await build({
    entryPoints: { page: 'src/page/client/main.tsx', style: 'src/page/client/page.css' },
    outdir: 'dist',
    bundle: true,
    write: false,
    minify: true,
    platform: 'browser',
    target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
    format: 'iife',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
  });
  const [script = '', style = ''] = ['.js', '.css'].map((ending) => outputFiles.find(({ path }) => path.endsWith(ending))?.text.trim());
  // Otherwise the browser would end the element there.
  if (/<\/(script|style)/i.test(script + style)) throw new Error('The code of the page contains the end of its own element.');
  return { script, style };
}
