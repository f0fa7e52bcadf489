import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { CONDITION, REASON } from '../../src/api/reasons.ts';
import { type Cluster, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { anchorsOf } from '../support/markdown.ts';
import { Tenant } from '../support/tenants.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const text = (file: string) => readFileSync(join(ROOT, file), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}
const { groups } = parse(text('manifests/components/monitoring/alerts.yaml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap(({ rules }) => rules);

interface Panel {
  readonly title: string;
  readonly description: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat?: string }[];
}
const dashboard = JSON.parse(text('manifests/components/monitoring/dashboard.json')) as {
  panels: Panel[];
  templating: { list: { name: string; query: unknown }[] };
};

/** The values seen, by metric and label. */
type Shown = Map<string, Map<string, Set<string>>>;

/** Labels that Prometheus adds to every series that it scrapes. */
const OF_THE_SCRAPE = ['instance'];

/** The operator's own and process metrics at /metrics; each series of a histogram has its own name. */
async function shown(url: string): Promise<Shown> {
  const metrics: Shown = new Map();
  for (const line of (await (await fetch(`${url}/metrics`)).text()).split('\n')) {
    const [, typed] = /^# TYPE ((?:regcred|process)_\w+) /.exec(line) ?? [];
    if (typed && !metrics.has(typed)) metrics.set(typed, new Map());
    const [, name, labels = ''] = /^((?:regcred|process)_\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (!name) continue;
    const seen = metrics.get(name) ?? new Map<string, Set<string>>();
    metrics.set(name, seen);
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g))
      seen.set(label, (seen.get(label) ?? new Set()).add(value));
  }
  return metrics;
}

describe('Monitoring', () => {
  let cluster: Cluster;
  let metrics: Shown;
  let placedInto: string[];

  before(async () => {
    cluster = await theCluster();
    // Produces every kind of metric: a credential that is placed, one whose write is refused, and a watch that breaks.
    const scene = cluster.scene();
    placedInto = await scene.placed(1);
    await scene.patchSecret(SOURCES, { metadata: { annotations: { 'regcred.dev/expires-at': '2099-12-31T00:00:00Z' } } });
    // A credential of a namespace has one label more.
    const tenant = new Tenant(scene, await cluster.scene().namespace());
    await tenant.source();
    await scene.patchSecret(tenant.namespace, { metadata: { annotations: { 'regcred.dev/expires-at': '2099-12-31T00:00:00Z' } } }, 'robot');
    await tenant.create({}, `${scene.name}-own`);
    await tenant.ready('True', undefined, `${scene.name}-own`);
    const refused = cluster.scene();
    await refused.basicAuth();
    const namespace = await refused.namespace();
    await refused.credential();
    await refused.ready();
    placedInto.push(namespace);
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/regcred';
    const { rules } = await scene.api.call<{ rules: { resources: string[] }[] }>('GET', role);
    try {
      await scene.patch(role, { rules: rules.filter(({ resources }) => !resources.includes('secrets')) });
      await refused.deleteSecret(SOURCES);
      const late = cluster.scene();
      await late.credential();
      await late.ready('False', 'Forbidden');
      await refused.deleteSecret(namespace);
      await eventually('the metrics count it', async () => {
        metrics = await shown(await cluster.operator.url());
        expect(metrics.get('regcred_reconcile_errors_total')?.get('reason')).to.include('refused');
        expect(metrics.get('regcred_watch_restarts_total')?.get('resource')).to.include('secrets');
      });
    } finally {
      await scene.patch(role, { rules });
    }
    metrics = await shown(await cluster.operator.url());
  });

  it('serves exactly the metrics and labels that docs/operations.md documents', () => {
    const rows = text('docs/operations.md').matchAll(/^\| `(regcred_\w+)` \| (\w+) \|(.*?)\| /gm);
    const documented = Array.from(rows, ([, name = '', type = '', labels = '']) => {
      const named = Array.from(labels.matchAll(/`(\w+)`/g), ([, label]) => label as string).sort();
      // No pod waits for its image here, and no cloud is asked: recovery.test.ts and cloud-tokens.test.ts cover those labels.
      const shown = /^regcred_(pods|token)_/.test(name) ? [] : named;
      return { name: type === 'histogram' ? `${name}_count` : name, named: shown };
    });
    const there = [...metrics].filter(
      ([name, labels]) =>
        name.startsWith('regcred_') && !/_(bucket|sum)$/.test(name) && !(metrics.has(`${name}_count`) && labels.size === 0),
    );
    expect(there.map(([name, labels]) => ({ name, named: [...labels.keys()].sort() }))).to.have.deep.members(documented);
  });

  it('names its metrics by the conventions of Prometheus', () => {
    for (const [name] of metrics) expect(name).to.match(/^(regcred|process)_[a-z_]+$/);
    for (const line of text('docs/operations.md').matchAll(/^\| `(regcred_\w+)` \| (\w+)/gm)) {
      const [, name = '', type] = line;
      expect(name.endsWith('_total'), name).to.equal(type === 'counter');
      if (/duration|age|timestamp/.test(name)) expect(name).to.match(/_seconds$/);
    }
  });

  it('counts the desired placements as the status does, and reports when a source last changed', async () => {
    const body = await (await fetch(`${await cluster.operator.url()}/metrics`)).text();
    const scene = cluster.scene();
    await scene.placed(3);
    const lines = await eventually('/metrics has it', async () => {
      const all = (await (await fetch(`${await cluster.operator.url()}/metrics`)).text()).split('\n');
      const own = all.filter((line) => line.includes(`"${scene.name}"`) || line.includes(`"${SOURCES}/${scene.name}"`));
      expect(own.join('\n')).to.contain('type="Ready",status="True",reason="Synced"');
      return own;
    });
    expect(body).to.not.contain(scene.name);
    expect(lines).to.include.members([
      `regcred_placements{credential="${scene.name}",kind="Secret",state="synced"} 3`,
      `regcred_placements{credential="${scene.name}",kind="ServiceAccount",state="synced"} 3`,
      `regcred_placements{credential="${scene.name}",kind="Secret",state="pending"} 0`,
    ]);
    const [, changed] = /regcred_source_last_change_timestamp_seconds\{[^}]*\} (\S+)/.exec(lines.join('\n')) ?? [];
    expect(Number(changed)).to.be.closeTo(Date.now() / 1000, 60);
  });

  it('has no label with the name of a target namespace', () => {
    for (const [name, labels] of metrics) {
      for (const [label, values] of labels)
        for (const namespace of placedInto) expect([...values].join(), `${name}, label ${label}`).to.not.contain(namespace);
    }
    const sources = [...(metrics.get('regcred_source_last_change_timestamp_seconds')?.get('source') ?? [])];
    expect(sources.filter((source) => source.startsWith(`${SOURCES}/`))).to.not.deep.equal([]);
  });

  describe('has an alert', () => {
    for (const { alert, expr, labels, annotations } of rules) {
      it(`${alert}, which uses existing metrics, labels and values`, () => {
        const known = mustAsk(expr);
        for (const [, label] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) expect(known).to.include(label);
      });

      it(`${alert}, with a severity, a summary and a page that says what to do`, () => {
        expect(labels.severity).to.be.oneOf(['critical', 'warning', 'info']);
        expect(annotations.summary).to.match(/\.$/);
        const [page, anchor] = annotations.runbook_url.split('#');
        expect(page).to.match(/\/docs\/troubleshooting\.md$/);
        expect(anchorsOf(text('docs/troubleshooting.md'))).to.include(anchor);
      });
    }

    it('for each reason that needs a person: of the sources, of the placements, of registries, and before an expiry', () => {
      const exprs = rules.map(({ expr }) => expr).join('\n');
      for (const needed of [
        'type="SourcesReady",status="False"',
        'type=~"SecretsSynced|ServiceAccountsSynced",status="False"',
        'Contested',
        'result="Refused"',
        'type="Expiring",status="True"',
      ])
        expect(exprs).to.contain(needed);
    });
  });

  describe('has a dashboard', () => {
    for (const { title, description, gridPos, targets } of dashboard.panels) {
      it(`with a panel «${title}», which uses existing metrics, labels and values, and has a description`, () => {
        expect(description).to.match(/\.$/);
        expect(gridPos.x + gridPos.w).to.be.at.most(24);
        expect(targets).to.not.deep.equal([]);
        for (const { expr, legendFormat = '' } of targets) {
          const known = mustAsk(expr.replaceAll('$__rate_interval', '5m'));
          for (const [, label] of legendFormat.matchAll(/{{(\w+)}}/g)) expect([...known, ...OF_THE_SCRAPE]).to.include(label);
        }
      });
    }

    it('whose panels do not overlap', () => {
      const taken = new Map<string, string>();
      for (const { title, gridPos } of dashboard.panels)
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            expect(taken.get(`${x},${y}`), title).to.equal(undefined);
            taken.set(`${x},${y}`, title);
          }
    });

    it('whose panels use exactly the defined variables', () => {
      const asked = JSON.stringify(dashboard.panels).matchAll(/\$\{?([a-z]\w*)/g);
      const names = dashboard.templating.list.map(({ name }) => name);
      expect(new Set(Array.from(asked, ([, name]) => name))).to.deep.equal(new Set(names));
      for (const { name, query } of dashboard.templating.list.filter(({ query }) => typeof query === 'object')) {
        const [, metric = '', label = ''] = /label_values\((\w+), (\w+)\)/.exec(JSON.stringify(query)) ?? [];
        expect([...(metrics.get(metric)?.keys() ?? [])], name).to.include(label);
      }
    });
  });

  /** Checks a PromQL expression against the metrics at /metrics; returns the existing labels of its metrics. */
  function mustAsk(expr: string): string[] {
    parser.parse(expr).iterate({
      enter: ({ type, from }) => {
        expect(type.isError, `no PromQL: ${expr}, at ${from}`).to.equal(false);
      },
    });
    const selectors = [...expr.matchAll(/\b((?:regcred|process)_\w+)(?:\{([^}]*)\})?/g)];
    expect(selectors).to.not.deep.equal([]);
    const known = new Set<string>();
    for (const [, name = '', matchers = ''] of selectors) {
      const there = metrics.get(name);
      expect(there, name).to.not.equal(undefined);
      for (const label of there?.keys() ?? []) known.add(label);
      for (const [, label = '', , values = ''] of matchers.matchAll(/(\w+)(=~|!=|!~|=)"([^"]*)"/g)) {
        expect([...(there?.keys() ?? [])], name).to.include(label);
        for (const value of values.split('|').filter((value) => !value.startsWith('$')))
          expect(possible(label, there?.get(label) ?? new Set()), `${name} ${label}`).to.include(value);
      }
    }
    for (const [, names = ''] of expr.matchAll(/\b(?:by|on|without|ignoring) ?\(([^)]*)\)/g))
      expect([...known, ...OF_THE_SCRAPE]).to.include.members(names.split(',').map((name) => name.trim()));
    return [...known];
  }

  /** The values that a label may have: those seen, the API's own vocabulary, and HTTP codes. */
  function possible(label: string, seen: Set<string>): string[] {
    const vocabulary: Record<string, readonly string[]> = {
      reason: Object.values(REASON),
      type: Object.values(CONDITION),
      status: ['True', 'False', 'Unknown'],
      code: ['0', '5..'],
      result: ['Proven', 'NotRefused', 'Public', 'Refused', 'Unreachable', 'Pending', 'NotAsked'],
    };
    return [...seen, ...(vocabulary[label] ?? [])];
  }

  it('is a kustomize component that installs into the namespace of the operator', async () => {
    const directory = join(cluster.controlPlane.scratch, 'monitored');
    mkdirSync(directory);
    const to = (path: string) => relative(directory, join(ROOT, path));
    const kustomization = { resources: [to('manifests')], components: [to('manifests/components/monitoring')] };
    writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify(kustomization));
    const objects = parseAllDocuments(await cluster.kubectl('kustomize', directory)).map((one) => one.toJS());
    const monitor = objects.find(({ kind }) => kind === 'PodMonitor');
    const deployment = objects.find(({ kind }) => kind === 'Deployment');
    const rule = objects.find(({ kind }) => kind === 'PrometheusRule');
    const shown = objects.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.labels?.grafana_dashboard === '1');
    expect(rule.spec.groups).to.deep.equal(groups);
    expect(JSON.parse(shown.data['dashboard.json'])).to.deep.equal(dashboard);
    for (const { metadata } of [monitor, rule, shown]) expect(metadata.namespace).to.equal(deployment.metadata.namespace);
    expect(deployment.spec.template.metadata.labels).to.include(monitor.spec.selector.matchLabels);
    const [container] = deployment.spec.template.spec.containers;
    expect(container.ports.map(({ name }: { name: string }) => name)).to.include(monitor.spec.podMetricsEndpoints[0].port);
  });
});
