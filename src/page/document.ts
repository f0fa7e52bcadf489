/** The one page as HTML, with its Content-Security-Policy. */
import { createHash } from 'node:crypto';
import type { Report } from './messages.ts';

/** The page's own code, bundled by scripts/build.ts. */
export interface PageCode {
  readonly script: string;
  readonly style: string;
}

declare const REGCRED_PAGE_SCRIPT: string | undefined;
declare const REGCRED_PAGE_STYLE: string | undefined;

/** The code that the build put into the program. Throws if this is not the built program. */
export function builtPage(): PageCode {
  if (typeof REGCRED_PAGE_SCRIPT !== 'string' || typeof REGCRED_PAGE_STYLE !== 'string')
    throw new Error('The page is part of the built program only: npm run build.');
  return { script: REGCRED_PAGE_SCRIPT, style: REGCRED_PAGE_STYLE };
}

/** A mark in the tab of the browser, without a request. */
const ICON = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#1f6feb"/><path d="M4 8.5l2.8 2.8L12 5.5" fill="none" stroke="#fff" stroke-width="2"/></svg>')}`;

/**
 * What the page may do: run its own script, use its own style, and read from its own server. Nothing else is ever loaded. A report has no
 * server, so it may not even do that. https://www.w3.org/TR/CSP3/
 */
export function policyOf({ script, style }: PageCode, connect: "'self'" | "'none'"): string {
  return [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    'img-src data:',
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}

const hashOf = (code: string) => `sha256-${createHash('sha256').update(code).digest('base64')}`;

/** The page. With a report it needs no server, and a `meta` element has its policy. */
export function pageHtml(code: PageCode, report?: Report): string {
  const policy = report && `<meta http-equiv="Content-Security-Policy" content="${policyOf(code, "'none'")}">\n`;
  const data = report && `<script type="application/json" id="report">${jsonForHtml(report)}</script>\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${policy ?? ''}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>regcred</title>
<link rel="icon" href="${ICON}">
<style>${code.style}</style>
</head>
<body>
<div id="page"></div>
<noscript>This page needs JavaScript. In a terminal, kubectl regcred status shows the same.</noscript>
${data ?? ''}<script>${code.script}</script>
</body>
</html>
`;
}

/** JSON in which no text can end the script element. */
const jsonForHtml = (value: unknown) =>
  JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029');
