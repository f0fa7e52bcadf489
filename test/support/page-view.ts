/** What a person sees on the page in a real browser, and does there. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, KeyInput, Page } from 'puppeteer-core';
import { eventually } from './eventually.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

export interface ViewOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: 'light' | 'dark';
}

export class PageView {
  readonly page: Page;
  /** The errors that the browser reported: of scripts, of the policy, and requests that failed. */
  readonly errors: string[] = [];
  /** The address of every request. */
  readonly requests: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
    page.on('request', (request) => this.requests.push(request.url()));
  }

  static async open(browser: Browser, url: string, { width = 1360, height = 900, scheme = 'light' }: ViewOptions = {}): Promise<PageView> {
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
    const view = new PageView(page);
    await page.goto(url, { waitUntil: 'domcontentloaded' });
    return view;
  }

  /** The result of an expression in the browser. */
  read<T>(expression: string): Promise<T> {
    return this.page.evaluate(expression) as Promise<T>;
  }

  /** The texts of all elements of a selector, without line breaks. */
  texts(selector: string): Promise<string[]> {
    return this.read(`Array.from(document.querySelectorAll(${JSON.stringify(selector)}), (e) => e.innerText.replace(/\\s+/g, ' ').trim())`);
  }

  async text(selector: string): Promise<string> {
    return (await this.texts(selector)).join(' ');
  }

  /** Waits until the text of a selector matches. */
  shows(selector: string, pattern: RegExp, deadlineMs?: number): Promise<string> {
    return eventually(
      `${selector} shows ${pattern}`,
      async () => {
        const text = await this.text(selector);
        if (!pattern.test(text)) throw new Error(text);
        return text;
      },
      deadlineMs,
    );
  }

  /** The names of the namespaces that are drawn. */
  rows(): Promise<string[]> {
    return this.texts('.matrix-row .matrix-name-text');
  }

  /** The word of a cell that is drawn, as a screen reader says it. */
  cell(namespace: string, credential: string): Promise<string> {
    return this.read(`(() => {
      const row = [...document.querySelectorAll('.matrix-row')].find((e) => e.querySelector('.matrix-name-text')?.textContent === ${JSON.stringify(namespace)});
      const cell = [...(row?.querySelectorAll('.matrix-cell') ?? [])].find((e) => e.title.startsWith(${JSON.stringify(`${credential}: `)}));
      return cell?.textContent ?? 'not drawn';
    })()`);
  }

  cellIs(namespace: string, credential: string, word: string, deadlineMs?: number): Promise<void> {
    return eventually(
      `${credential} in ${namespace} is ${word}`,
      async () => {
        const seen = await this.cell(namespace, credential);
        if (seen !== word) throw new Error(seen);
      },
      deadlineMs,
    );
  }

  hash(): Promise<string> {
    return this.read('location.hash');
  }

  /** What has the focus: its label, else its text. */
  focused(): Promise<string> {
    return this.read("(document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText ?? '').trim()");
  }

  async press(...keys: KeyInput[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  async type(text: string): Promise<void> {
    await this.page.keyboard.type(text);
  }

  /** What axe finds, as text: the rule, and the elements that break it. */
  async violations(): Promise<string[]> {
    await this.read(`${AXE};0`);
    const found = await this.read<Violation[]>('axe.run().then(({ violations }) => violations)');
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`);
  }

  async close(): Promise<void> {
    await this.page.browserContext().close();
  }
}
