/** The page in a real browser, of a cluster in memory. test/cluster/web.test.ts has the command on a real cluster. */
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Browser } from 'puppeteer-core';
import { formsOf } from '../support/canary.ts';
import { browserOrSkip } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { fastest } from '../support/fastest.ts';
import { DEMO_PASSWORD, demoCluster, namespace, placed, waitingPod } from '../support/page-demo.ts';
import type { PageKube } from '../support/page-kube.ts';
import { reportOf, type ServedPage, servedPage } from '../support/page-server.ts';
import { PageView, type ViewOptions } from '../support/page-view.ts';

describe('The page in a browser', () => {
  let browser: Browser;
  let kube: PageKube;
  let served: ServedPage;
  let view: PageView;

  before(async function () {
    browser = await browserOrSkip(this);
  });
  after(() => browser?.close());
  beforeEach(async () => {
    kube = demoCluster(Date.now());
    served = await servedPage(kube);
  });
  afterEach(async () => {
    await view?.close();
    await served?.stop();
  });

  async function open(options?: ViewOptions, hash = ''): Promise<void> {
    view = await PageView.open(browser, served.url + hash, options);
    await view.shows('.live', /^live$/);
  }

  it('shows what needs a person first, then the credentials, the timeline and the matrix', async () => {
    await open();
    expect(await view.text('header')).to.match(/^regcred prod-eu 3 credentials · 412 namespaces live/);
    expect(await view.text('#needs-title')).to.equal('Needs you (4)');
    // The doctor has examined the pod.
    await view.shows('.need:nth-child(3)', /The pod was created before ServiceAccount default had the name/);
    const needs = await view.texts('.need');
    expect(needs[0]).to.match(/^Now: ghcr-robot ghcr\.io refuses the login of Secret regcred-system\/ghcr-robot .* since \S/);
    expect(needs[1]).to.match(/^Now: ghcr-robot .*SecretExists/);
    expect(needs[2]).to.match(/^Now: search-prod-eu\/indexer-0 2 pods of StatefulSet indexer wait for ghcr\.io\/acme\/indexer:42/);
    expect(needs[3]).to.match(/^Soon: acr acme\.azurecr\.io: the password .* expires on/);
    expect(await view.texts('.need-fix code')).to.deep.equal([
      'kubectl edit secret ghcr-robot -n regcred-system',
      'kubectl describe secret ghcr-robot -n checkout-prod-eu',
      'kubectl delete pod indexer-0 -n search-prod-eu',
      'kubectl edit secret acr-robot -n regcred-system',
    ]);
    const rows = await view.texts('.credentials tbody tr');
    expect(rows[0]).to.match(/^acme Synced registry\.acme\.example proven docker\.io not refused \d+ \w+( \d{4})? 410\/410$/);
    expect(rows[1]).to.match(/^acr Synced acme\.azurecr\.io not refused in 3 days 30\/30$/);
    expect(rows[2]).to.match(/^ghcr-robot SecretExists ghcr\.io refused not known 408\/410$/);
    expect(await view.texts('.mark-text')).to.deep.equal([
      'acme.azurecr.io in 3 days (acr)',
      'registry.acme.example in 50 days (acme)',
      'docker.io in 79 days (acme)',
    ]);
    expect(await view.cell('billing-load', 'acme')).to.equal('opted out');
    expect(await view.cell('checkout-prod-eu', 'ghcr-robot')).to.equal('conflict');
    expect(await view.cell('billing-dev', 'acr')).to.equal('not selected');
    expect(view.errors).to.deep.equal([]);
  });

  it('copies a fix', async () => {
    await open();
    const permissions = ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write'] as const;
    await view.page.browserContext().overridePermissions(new URL(served.url).origin, [...permissions]);
    await view.page.bringToFront();
    await view.page.click('.need:first-child .copy');
    await view.shows('.need:first-child .copy', /^copied$/);
    expect(await view.read('navigator.clipboard.readText()')).to.equal('kubectl edit secret ghcr-robot -n regcred-system');
  });

  it('filters by text and by state, and the address says so', async () => {
    await open();
    await view.page.type('input[type=search]', 'checkout-prod');
    await eventually('two rows are left', async () => expect(await view.rows()).to.deep.equal(['checkout-prod-eu', 'checkout-prod-us']));
    expect(await view.texts('.chip')).to.deep.equal(['synced 5', 'conflict 1']);
    await view.page.click('.chip:nth-of-type(2)');
    await eventually('one row is left', async () => expect(await view.rows()).to.deep.equal(['checkout-prod-eu']));
    expect(await view.hash()).to.equal('#?q=checkout-prod&state=conflict');

    // The address of a colleague shows the same.
    await view.page.reload();
    await eventually('one row is there', async () => expect(await view.rows()).to.deep.equal(['checkout-prod-eu']));
    expect(await view.read("document.querySelector('input').value")).to.equal('checkout-prod');

    await view.page.click('input[type=search]', { count: 3 });
    await view.type('azurecr');
    await eventually('one credential is left', async () => expect(await view.texts('.credentials tbody th')).to.deep.equal(['acr']));
    await view.page.click('.chip[aria-pressed=true]');
    expect(await view.texts('.matrix-title')).to.deep.equal(['acr']);
    await view.page.click('input[type=search]', { count: 3 });
    await view.type('no such thing');
    await view.shows('main', /The filter matches none\..*The filter matches no namespace\./);
  });

  it('opens a row beside the list: its accounts, the pods that wait, and what the doctor finds', async () => {
    await open({}, '#namespace/search-prod-eu');
    await view.shows('.panel', /Credentials acme synced/);
    const panel = await view.text('.panel');
    expect(panel).to.match(/ServiceAccounts default acme acr ghcr-robot/);
    expect(panel).to.match(/indexer-0 ImagePullBackOff of StatefulSet indexer/);
    expect(panel).to.match(/namespace search-prod-eu .*2 pods wait for an image\./);
    expect(panel).to.match(/pod\/indexer-0 .*→ Delete it, and StatefulSet indexer re-creates it/);
    expect(await view.text('.matrix')).to.include('billing-dev');

    await view.page.click('.panel a[href="#credential/ghcr-robot"]');
    await view.shows('.panel', /credential ghcr-robot .*408 of 410 synced, 1 in conflict/);
    expect(await view.hash()).to.equal('#credential/ghcr-robot');
    await view.page.goBack();
    await view.shows('.panel', /namespace search-prod-eu/);
  });

  it('works without a mouse', async () => {
    await open();
    await view.press('/');
    await view.type('search');
    await eventually('the filter is set', async () => expect(await view.rows()).to.have.length(8));
    for (let tabs = 0; !(await view.focused()).startsWith('8 namespaces') && tabs < 60; tabs++) await view.press('Tab');
    expect(await view.focused()).to.equal('8 namespaces and 3 credentials. Arrow keys move, Enter opens.');
    await view.press('ArrowDown', 'ArrowDown', 'ArrowRight');
    expect(
      await view.read("document.getElementById(document.querySelector('[role=grid]').getAttribute('aria-activedescendant')).title"),
    ).to.equal('acr: not selected');
    await view.press('End', 'Enter');
    await view.shows('.panel h2', /namespace search-test/);
    const focusIs = (pattern: RegExp) => eventually('the focus moves', async () => expect(await view.focused()).to.match(pattern));
    await focusIs(/^namespace search-test$/);
    await view.press('Tab');
    expect(await view.focused()).to.equal('Close namespace search-test');
    await view.press('Escape');
    await eventually('the panel is closed', async () => expect(await view.texts('.panel')).to.deep.equal([]));
    await focusIs(/^8 namespaces/);

    // A link gets the focus back.
    await view.page.focus('.credentials a[href^="#credential/acr"]');
    await view.press('Enter');
    await view.shows('.panel h2', /credential acr/);
    await focusIs(/^credential acr$/);
    await view.press('Escape');
    await focusIs(/^acr$/);
  });

  it('shows a change at once, also in what is open', async () => {
    await open({}, '#namespace/billing-dev?q=billing-dev');
    await view.cellIs('billing-dev', 'acme', 'synced');
    await view.shows('.panel', /acme synced The Secret acme is there/);
    const ms = await fastest('the page shows a change', 1000, async () => {
      const since = performance.now();
      kube.remove('/api/v1/secrets', { namespace: 'billing-dev', name: 'acme' });
      await view.cellIs('billing-dev', 'acme', 'pending');
      const tookMs = performance.now() - since;
      await view.shows('.panel', /acme pending The Secret acme is not there yet/);
      placed(kube, 'acme', 'billing-dev');
      await view.cellIs('billing-dev', 'acme', 'synced');
      await view.shows('.panel', /acme synced/);
      return tookMs;
    });
    expect(ms).to.be.below(5_000);

    namespace(kube, 'billing-dev-2', {}, []);
    await view.cellIs('billing-dev-2', 'ghcr-robot', 'pending');
    waitingPod(kube, 'billing-dev-2', 'web-0', 'ghcr.io/acme/web:1');
    await view.shows('.needs', /billing-dev-2\/web-0 It waits for ghcr\.io\/acme\/web:1/);
    kube.remove('/api/v1/namespaces', { name: 'billing-dev-2' });
    await eventually('the row is gone', async () => expect(await view.rows()).to.deep.equal(['billing-dev']));
  });

  it('says that the API server does not answer and since when, and recovers', async () => {
    await open();
    kube.isDown = true;
    kube.breakWatches();
    await view.shows(
      '.notices',
      /The watch of Secrets is interrupted: .* Since \d\d:\d\d; what you see may be older than that\. Trying again\./,
    );
    kube.isDown = false;
    await eventually('the notices are gone', async () => expect(await view.texts('.notices')).to.deep.equal([]));
    kube.remove('/api/v1/secrets', { namespace: 'billing-demo', name: 'acme' });
    await view.cellIs('billing-demo', 'acme', 'pending');
  });

  it('shows unknown cells without the right to read Secrets, names the right, and the rest works', async () => {
    await served.stop();
    kube.forbidden = /secrets/;
    served = await servedPage(kube);
    await open({}, '#namespace/billing-dev');
    await view.cellIs('billing-dev', 'acme', 'unknown');
    await view.cellIs('billing-dev', 'acr', 'not selected');
    await view.cellIs('billing-load', 'acme', 'opted out');
    expect(await view.text('.notices')).to.equal('Secrets cannot be read. Missing right: list and watch secrets in all namespaces.');
    await view.shows('.panel', /acme unknown Missing right: list and watch secrets in all namespaces\./);
    expect(await view.text('.needs')).to.contain('ghcr.io refuses the login');
    kube.forbidden = undefined;
    await view.cellIs('billing-dev', 'acme', 'synced');
  });

  for (const scheme of ['light', 'dark'] as const) {
    it(`has no accessibility violation in ${scheme} colours, also with something open, and at 400 px`, async () => {
      await open({ scheme });
      expect(await view.violations()).to.deep.equal([]);
      for (const hash of ['#namespace/search-prod-eu', '#credential/ghcr-robot']) {
        await view.read(`location.hash = '${hash}'`);
        await view.shows('.panel', /Conditions|What the doctor finds/);
        expect(await view.violations(), hash).to.deep.equal([]);
      }
      await view.page.setViewport({ width: 400, height: 800 });
      expect(await view.violations(), '400 px').to.deep.equal([]);
    });
  }

  it('is dark where the system is', async () => {
    const ground = () => view.read<string>('getComputedStyle(document.body).backgroundColor');
    await open({ scheme: 'dark' });
    expect(await ground()).to.equal('rgb(14, 18, 23)');
    await view.close();
    await open({ scheme: 'light' });
    expect(await ground()).to.equal('rgb(246, 247, 248)');
  });

  it('fits into 400 px: nothing is wider than the window, and a row opens over the list', async () => {
    await open({ width: 400, height: 800 });
    const width = () => view.read<number>('document.documentElement.scrollWidth');
    expect(await width()).to.equal(400);
    await view.page.click('.matrix-row:nth-child(3)');
    await view.shows('.panel', /What the doctor finds/);
    expect(await width()).to.equal(400);
    expect(
      await view.read("(({ left, right, bottom }) => [left, right, bottom])(document.querySelector('.panel').getBoundingClientRect())"),
    ).to.deep.equal([0, 400, 800]);
    await view.page.click('.close');
    await eventually('the panel is closed', async () => expect(await view.texts('.panel')).to.deep.equal([]));
  });

  it('loads nothing from elsewhere, and no answer holds a secret value', async () => {
    await open({}, '#namespace/search-prod-eu');
    await view.shows('.panel', /What the doctor finds/);
    for (const url of view.requests) expect(url).to.match(new RegExp(`^(${served.url.replaceAll('.', '\\.')}|data:)`));
    // The policy would report anything that it had to stop.
    expect(view.errors).to.deep.equal([]);
    const answers = await Promise.all(['', 'namespace?name=search-prod-eu'].map(async (path) => (await fetch(served.url + path)).text()));
    const sent = [await eventStream(`${served.url}stream`), ...answers, await view.page.content(), await reportOf(kube)];
    for (const text of sent) expect(text.length).to.be.above(500);
    for (const [as, form] of Object.entries(formsOf(DEMO_PASSWORD))) expect(sent.join('\n').includes(form), as).to.equal(false);
  });

  it('writes the same as one file, which needs no server', async () => {
    const file = join(tmpdir(), `regcred-report-${process.pid}.html`);
    writeFileSync(file, await reportOf(kube));
    view = await PageView.open(browser, `file://${file}#namespace/search-prod-eu`);
    expect(await view.text('header')).to.match(/^regcred prod-eu 3 credentials · 412 namespaces report of \d/);
    expect(await view.text('#needs-title')).to.equal('Needs you (4)');
    await view.shows('.panel', /pod\/indexer-0 .*→ Delete it, and StatefulSet indexer re-creates it/);
    expect(await view.cell('checkout-prod-eu', 'ghcr-robot')).to.equal('conflict');
    expect(view.requests.filter((url) => !/^(file|data):/.test(url))).to.deep.equal([]);
    expect(view.errors).to.deep.equal([]);
    expect(await view.violations()).to.deep.equal([]);
  });

  it('runs no other script and loads no foreign image: the policy stops them', async () => {
    await open();
    const inject = "const script = document.createElement('script'); script.text = 'window.ran = true'; document.body.append(script);";
    await view.read(`(() => { new Image().src = 'https://evil.example.com/x.png'; try { ${inject} } catch {} })()`);
    await eventually('the browser reports the image', () =>
      expect(view.errors.join()).to.match(/evil\.example\.com.*Content Security Policy/s),
    );
    expect(await view.read('window.ran')).to.equal(undefined);
  });
});

/** The first event of a stream. */
function eventStream(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(url, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (!text.includes('\n\n')) return;
        asked.destroy();
        resolve(text);
      });
    });
    asked.once('error', reject).end();
  });
}
