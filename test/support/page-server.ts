/** Serves the page of a cluster in memory, with the doctor and the code of the program. */
import { buildPage } from '../../scripts/build-page.ts';
import { doctorFor } from '../../src/cli/web/examine.ts';
import type { PageCode } from '../../src/page/document.ts';
import { type PageOptions, reportHtml, runPage } from '../../src/page/page.ts';
import type { PageKube } from './page-kube.ts';

let built: Promise<PageCode> | undefined;

async function optionsFor(kube: PageKube): Promise<PageOptions> {
  built ??= buildPage();
  return {
    kube: kube.client,
    code: await built,
    cluster: { context: 'prod-eu', server: 'https://prod-eu.example.com:6443' },
    now: Date.now,
    doctor: doctorFor(kube.client, { env: {}, input: async () => undefined, now: () => new Date() }),
  };
}

export interface ServedPage {
  /** With the token. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export async function servedPage(kube: PageKube, port = 0): Promise<ServedPage> {
  const stop = new AbortController();
  const options = await optionsFor(kube);
  let done: Promise<void> = Promise.resolve();
  const url = await new Promise<string>((resolve, reject) => {
    done = runPage(options, port, resolve, stop.signal);
    done.catch(reject);
  });
  return {
    url,
    stop: () => {
      stop.abort();
      return done;
    },
  };
}

export const reportOf = async (kube: PageKube): Promise<string> => reportHtml(await optionsFor(kube), AbortSignal.timeout(30_000));
