import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { CONDITION, REASON } from '../../src/api/reasons.ts';
import { type Cluster, SOURCES, theCluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { anchorsOf } from '../support/markdown.ts';

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

/** By metric and label: the values that were seen. */
type Shown = Map<string, Map<string, Set<string>>>;

/** Labels that Prometheus adds to all that it scrapes. */
const OF_THE_SCRAPE = ['instance'];

/** What the operator shows at /metrics, of its own and of its process; the series of a histogram under the name of each. */
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

  before(async () => {
    cluster = await theCluster();
    // So that there is something of everything: a credential that is placed, one whose write is refused, a watch that breaks.
    const scene = cluster.scene();
    await scene.placed(1);
    const refused = cluster.scene();
    await refused.basicAuth();
    const namespace = await refused.namespace();
    await refused.credential();
    await refused.ready();
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/regcred';
    const { rules } = await scene.api.call<{ rules: { resources: string[] }[] }>('GET', role);
    try {
      await scene.patch(role, { rules: rules.filter(({ resources }) => !resources.includes('secrets')) });
      await refused.deleteSecret(SOURCES);
      const late = cluster.scene();
      await late.credential();
      await late.ready('False', 'Forbidden');
      await refused.deleteSecret(namespace);
      await eventually('it is counted', async () => {
        metrics = await shown(await cluster.operator.url());
        expect(metrics.get('regcred_reconcile_errors_total')?.get('reason')).to.include('refused');
        expect(metrics.get('regcred_watch_restarts_total')?.get('resource')).to.include('secrets');
      });
    } finally {
      await scene.patch(role, { rules });
    }
    metrics = await shown(await cluster.operator.url());
  });

  it('shows the metrics that docs/operations.md names, with the labels that it names, and no others', () => {
    const rows = text('docs/operations.md').matchAll(/^\| `(regcred_\w+)` \| (\w+) \|(.*?)\| /gm);
    const documented = Array.from(rows, ([, name = '', type = '', labels = '']) => {
      const named = Array.from(labels.matchAll(/`(\w+)`/g), ([, label]) => label as string).sort();
      // Of pods that hang there are none here: test/cluster/recovery.test.ts has those.
      const shown = name.startsWith('regcred_pods_') ? [] : named;
      return { name: type === 'histogram' ? `${name}_count` : name, named: shown };
    });
    const there = [...metrics].filter(
      ([name, labels]) =>
        name.startsWith('regcred_') && !/_(bucket|sum)$/.test(name) && !(metrics.has(`${name}_count`) && labels.size === 0),
    );
    expect(there.map(([name, labels]) => ({ name, named: [...labels.keys()].sort() }))).to.have.deep.members(documented);
  });

  it('names metrics as Prometheus would have them named', () => {
    for (const [name] of metrics) expect(name).to.match(/^(regcred|process)_[a-z_]+$/);
    for (const line of text('docs/operations.md').matchAll(/^\| `(regcred_\w+)` \| (\w+)/gm)) {
      const [, name = '', type] = line;
      expect(name.endsWith('_total'), name).to.equal(type === 'counter');
      if (/duration|age|timestamp/.test(name)) expect(name).to.match(/_seconds$/);
    }
  });

  it('counts what is wanted as the status does, and knows when a source was written', async () => {
    const body = await (await fetch(`${await cluster.operator.url()}/metrics`)).text();
    const scene = cluster.scene();
    await scene.placed(3);
    const lines = await eventually('it is shown', async () => {
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

  it('has no label with the name of a namespace that is placed into', () => {
    for (const [name, labels] of metrics) expect([...labels.keys()], name).to.not.include.members(['namespace']);
    const sources = [...(metrics.get('regcred_source_last_change_timestamp_seconds')?.get('source') ?? [])];
    for (const source of sources) expect(source).to.match(new RegExp(`^${SOURCES}/`));
  });

  describe('has an alert', () => {
    for (const { alert, expr, labels, annotations } of rules) {
      it(`${alert}, over metrics, labels and values that there are`, () => {
        const known = mustAsk(expr);
        for (const [, label] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) expect(known).to.include(label);
      });

      it(`${alert}, with a severity, a sentence and a page that says what to do`, () => {
        expect(labels.severity).to.be.oneOf(['critical', 'warning', 'info']);
        expect(annotations.summary).to.match(/\.$/);
        const [page, anchor] = annotations.runbook_url.split('#');
        expect(page).to.match(/\/docs\/troubleshooting\.md$/);
        expect(anchorsOf(text('docs/troubleshooting.md'))).to.include(anchor);
      });
    }

    it('for each reason that needs a person, through SourcesReady or through what is placed', () => {
      const exprs = rules.map(({ expr }) => expr).join('\n');
      for (const needed of [
        'type="SourcesReady",status="False"',
        'type=~"SecretsSynced|ServiceAccountsSynced",status="False"',
        'Contested',
      ])
        expect(exprs).to.contain(needed);
    });
  });

  describe('has a dashboard', () => {
    for (const { title, description, gridPos, targets } of dashboard.panels) {
      it(`with a panel «${title}» over metrics, labels and values that there are, and words on how to read it`, () => {
        expect(description).to.match(/\.$/);
        expect(gridPos.x + gridPos.w).to.be.at.most(24);
        expect(targets).to.not.deep.equal([]);
        for (const { expr, legendFormat = '' } of targets) {
          const known = mustAsk(expr.replaceAll('$__rate_interval', '5m'));
          for (const [, label] of legendFormat.matchAll(/{{(\w+)}}/g)) expect([...known, ...OF_THE_SCRAPE]).to.include(label);
        }
      });
    }

    it('whose panels do not lie over one another', () => {
      const taken = new Map<string, string>();
      for (const { title, gridPos } of dashboard.panels)
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            expect(taken.get(`${x},${y}`), title).to.equal(undefined);
            taken.set(`${x},${y}`, title);
          }
    });

    it('whose variables are those that are asked for', () => {
      const asked = JSON.stringify(dashboard.panels).matchAll(/\$\{?([a-z]\w*)/g);
      const names = dashboard.templating.list.map(({ name }) => name);
      expect(new Set(Array.from(asked, ([, name]) => name))).to.deep.equal(new Set(names));
      const [, metric = '', label = ''] = /label_values\((\w+), (\w+)\)/.exec(JSON.stringify(dashboard.templating.list)) ?? [];
      expect([...(metrics.get(metric)?.keys() ?? [])]).to.include(label);
    });
  });

  /** An expression of PromQL over what is shown at /metrics; returns the labels that there are of it. */
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

  /** What may stand there beside what was seen: the API's own vocabulary, and codes of HTTP. */
  function possible(label: string, seen: Set<string>): string[] {
    const vocabulary: Record<string, readonly string[]> = {
      reason: Object.values(REASON),
      type: Object.values(CONDITION),
      status: ['True', 'False', 'Unknown'],
      code: ['0', '5..'],
    };
    return [...seen, ...(vocabulary[label] ?? [])];
  }

  it('comes with kustomize, into the operator’s namespace', async () => {
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
