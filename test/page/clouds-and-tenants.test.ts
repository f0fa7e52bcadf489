/** Tokens of clouds and credentials of tenants on the page, in a real browser. The cluster is in memory. */
import { expect } from 'chai';
import type { Browser } from 'puppeteer-core';
import { browserOrSkip } from '../support/chromium.ts';
import type { PageKube } from '../support/page-kube.ts';
import { type ServedPage, servedPage } from '../support/page-server.ts';
import { acceptFrom, cloudsAndTenants, ECR } from '../support/page-tenants.ts';
import { PageView } from '../support/page-view.ts';

describe('The page with tokens and tenants', () => {
  let browser: Browser;
  let kube: PageKube;
  let served: ServedPage;
  let view: PageView;

  before(async function () {
    browser = await browserOrSkip(this);
    kube = cloudsAndTenants(Date.now());
    served = await servedPage(kube);
  });
  after(async () => {
    await browser?.close();
    await served?.stop();
  });
  afterEach(() => view?.close());

  async function open(hash = ''): Promise<void> {
    view = await PageView.open(browser, served.url + hash);
    await view.shows('.live', /^live$/);
  }

  it('shows when each token expires and when the next one is fetched', async () => {
    await open('#credential/fresh');
    const rows = await view.texts('.credentials tbody tr');
    const row = (name: string) => rows.find((text) => text.startsWith(`${name} `));
    expect(row('fresh')).to.match(/not refused token, next in 3 hours 0\/0$/);
    expect(row('late')).to.match(/token in 1 min, refresh overdue 0\/0$/);
    expect(row('none')).to.match(/TokenFetchFailed none not known 0\/0$/);
    await view.shows('.panel', new RegExp(`${ECR} not refused .*expires in 9 hours, the next one is fetched in 3 hours`));
    // A token that is refreshed in time needs nobody.
    expect(await view.text('.timeline'))
      .to.contain('acme.azurecr.io in 1 min')
      .and.not.contain(ECR);
  });

  it('has room for the name of a registry of Amazon beside an open panel, and at 400 px', async () => {
    await open('#credential/fresh');
    await view.shows('.panel', /Conditions/);
    const right = (selector: string) => view.read<number>(`document.querySelector('${selector}').getBoundingClientRect().right`);
    expect(await right('.credentials')).to.be.below(
      await view.read<number>("document.querySelector('.panel').getBoundingClientRect().left"),
    );
    await view.page.setViewport({ width: 400, height: 800 });
    expect(await view.read<number>('document.documentElement.scrollWidth')).to.equal(400);
    expect(await right('.credentials')).to.be.below(401);
  });

  it('shows why a token cannot be fetched or refreshed, and what to do', async () => {
    await open('#credential/late');
    await view.shows('.panel', /Token of the operator: expires in 1 min, the next one was due 2 hours ago/);
    const needs = await view.texts('.need');
    expect(needs.find((text) => text.includes(' none '))).to.match(
      /AWS gives no token .*AccessDenied.* kubectl regcred check none copy fix$/,
    );
    expect(needs.find((text) => text.includes(' late '))).to.match(
      /cannot refresh the token.*AADSTS7000222.* kubectl edit secret azure-keys -n regcred-system copy fix$/,
    );
  });

  it('shows the credential of a tenant: its kind, its commands, and the namespaces that do not accept it', async () => {
    await open('#credential/oil/robot');
    await view.shows('.panel', /credential oil\/robot .*Kind NamespacedRegistryCredential of namespace oil Secret robot/);
    const panel = await view.text('.panel');
    expect(panel).to.contain('kubectl regcred status robot -n oil').and.contain('kubectl regcred check robot -n oil');
    expect(panel).to.match(
      /Not accepted \(1\) .*annotate such a namespace with regcred\.dev\/accept-from: oil\. If it has .* add oil to its comma-separated list\. gas-b/,
    );
    expect(await view.cell('gas-a', 'oil/robot')).to.equal('synced');
    expect(await view.cell('gas-b', 'oil/robot')).to.equal('not accepted');
    expect(await view.violations()).to.deep.equal([]);
  });

  it('shows which namespaces a namespace accepts, and why a credential is not accepted', async () => {
    await open('#namespace/gas-a');
    await view.shows('.panel', /It accepts credentials from oil, coal \(regcred\.dev\/accept-from\)\./);
    await view.page.click('.close');
    await view.read("location.hash = '#namespace/gas-b'");
    await view.shows('.panel', /oil\/robot not accepted The namespace does not accept credentials from namespace oil\./);
    expect(await view.text('.panel')).to.not.contain('It accepts');
  });

  it('shows who has the Secret that a credential lost', async () => {
    await open('#namespace/gas-a');
    await view.shows(
      '.panel',
      /gas-a\/acme-own conflict The Secret acme belongs to RegistryCredential acme\. Set another spec\.secretName/,
    );
    expect(await view.cell('gas-a', 'acme')).to.equal('synced');
    expect((await view.texts('.need')).find((text) => text.includes('gas-a/acme-own'))).to.match(
      /is managed by a RegistryCredential.* kubectl describe secret acme -n gas-a copy fix$/,
    );
  });

  it('shows that a namespace accepts a credential from now on', async () => {
    await open('#credential/oil/robot');
    await view.cellIs('gas-b', 'oil/robot', 'not accepted');
    acceptFrom(kube, 'gas-b', 'oil');
    await view.cellIs('gas-b', 'oil/robot', 'pending');
    await view.shows('.panel', /^(?!.*Not accepted)/);
  });
});
