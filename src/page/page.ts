/** The page of one cluster: it watches, works out what has changed, and sends it to the browser. It decides nothing that `status` and `doctor` do not. */
import { randomBytes } from 'node:crypto';
import type { KubeClient } from '../kube/client.ts';
import { Coverage } from './coverage.ts';
import { type Doctor, detailsOf } from './details.ts';
import { Diagnoses } from './diagnoses.ts';
import { type PageCode, pageHtml } from './document.ts';
import type { Details, Snapshot } from './messages.ts';
import { Observed } from './observed.ts';
import { servePage } from './server.ts';

export { builtPage } from './document.ts';

export interface PageOptions {
  readonly kube: KubeClient;
  readonly code: PageCode;
  readonly doctor: Doctor;
  readonly cluster: Snapshot['cluster'];
  readonly now: () => number;
}

/** Changes of this time are sent together. A change shows within a second. */
const FLUSH_MS = 200;

/** Also without a change: a diagnosis gets old, and an expiry may pass. */
const REFRESH_MS = 15_000;

/** The doctor's findings about more namespaces would make a report slow and large. */
const MAX_EXAMINED = 100;

/** With more cells than this, only the namespaces with problems can be opened in a report: the others would make it too large. */
const MAX_CELLS = 20_000;

/** Serves the page until the signal is aborted. `opened` gets its address. Rejects if the port cannot be used. */
export async function runPage(options: PageOptions, port: number, opened: (url: string) => void, signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  try {
    await serve(options, port, opened, AbortSignal.any([signal, stop.signal]));
  } finally {
    stop.abort(); // Otherwise the watches would retry for ever.
  }
}

async function serve(options: PageOptions, port: number, opened: (url: string) => void, signal: AbortSignal): Promise<void> {
  const { coverage, observed, onChange } = observe(options, signal);
  const details = (name: string) => detailsOf(name, coverage, observed, options.doctor);
  const token = randomBytes(24).toString('base64url');
  const server = await servePage({ code: options.code, token, snapshot: () => coverage.snapshot(), details }, port);
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    timer = undefined;
    server.send(coverage.update());
  };
  onChange(() => {
    timer ??= setTimeout(flush, FLUSH_MS);
  });
  flush();
  const refresh = setInterval(() => coverage.changed(), REFRESH_MS);
  opened(server.url);
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  clearInterval(refresh);
  clearTimeout(timer);
  await server.close();
}

/** The page as one file, of the present state. */
export async function reportHtml(options: PageOptions, signal: AbortSignal): Promise<string> {
  const stop = new AbortController();
  try {
    const { coverage, observed, diagnoses } = observe(options, AbortSignal.any([signal, stop.signal]));
    await observed.read(signal);
    coverage.update();
    await diagnoses.done();
    coverage.update();
    const snapshot = coverage.snapshot();
    return pageHtml(options.code, { snapshot, details: await allDetails(snapshot, coverage, observed, options.doctor) });
  } finally {
    stop.abort();
  }
}

function observe(options: PageOptions, signal: AbortSignal) {
  let onChange = () => {};
  const diagnoses: Diagnoses = new Diagnoses(options.doctor, options.now, () => coverage.changed());
  const coverage: Coverage = new Coverage({ ...options, diagnosisOf: diagnoses.of, onChange: () => onChange() });
  const observed = new Observed(options.kube, coverage.listener, options.now);
  coverage.observe(observed);
  observed.start(signal);
  coverage.update();
  return {
    coverage,
    observed,
    diagnoses,
    onChange: (listener: () => void) => {
      onChange = listener;
    },
  };
}

/** With the doctor's findings for the namespaces in which something is wrong, up to a limit. */
async function allDetails(snapshot: Snapshot, coverage: Coverage, observed: Observed, doctor: Doctor): Promise<Record<string, Details>> {
  const { rows, credentials } = snapshot;
  const wrong = rows.filter(({ cells, waiting }) => waiting > 0 || /[pfcu]/.test(cells));
  const examined = new Set(wrong.slice(0, MAX_EXAMINED).map(({ name }) => name));
  const details: Record<string, Details> = {};
  for (const { name } of rows.length * credentials.length > MAX_CELLS ? wrong : rows) {
    const found = await detailsOf(name, coverage, observed, examined.has(name) ? doctor : NO_DOCTOR);
    if (found) details[name] = found;
  }
  return details;
}

const NO_DOCTOR: Doctor = {
  pod: async () => undefined,
  namespace: async (name) => {
    throw new Error(
      `a report examines namespaces with problems only, at most ${MAX_EXAMINED}. Run kubectl regcred doctor namespace ${name}`,
    );
  },
};
