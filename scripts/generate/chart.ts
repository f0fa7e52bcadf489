/**
 * What of charts/regcred follows from other files: the templates that are manifests/ and crds/ once more, values and their
 * table from values.schema.json, and versions from package.json.
 */
import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';

const CHART = 'charts/regcred';
const text = (file: string) => readFileSync(file, 'utf8');
const edit = (file: string) => `Generated from ${file} by \`npm run generate\`: edit that file, not this one.`;

/** Throws where there is nothing to replace: a template would else silently lack what it is made for. */
function replaced(whole: string, part: string, by: string): string {
  if (whole.split(part).length !== 2) throw new Error(`The chart cannot be generated: this has to be there just once:\n${part}`);
  return whole.replace(part, () => by);
}

/** A file of ours as a template: in the namespace of the release, and there only when the values say so. */
function template(file: string, when?: string, content = text(file)): string {
  const body = content
    .replace(/^(#.*\n)+/, '')
    .replaceAll('{{', '{{ "{{" }}')
    .replaceAll('regcred-system', '{{ .Release.Namespace }}');
  return `{{- /* ${edit(file)} */}}\n${when === undefined ? body : `{{- if ${when} }}\n${body}{{- end }}\n`}`;
}

/** Helm upgrades nothing under a chart's crds/, so it is a template; and as deleting it deletes all RegistryCredentials, it is kept. */
function crd(): string {
  const file = 'crds/registrycredentials.yaml';
  const name = '  name: registrycredentials.regcred.dev\n';
  return replaced(template(file, '.Values.crds.install'), name, `${name}  annotations:\n    helm.sh/resource-policy: keep\n`);
}

/** With source namespaces it has, in place of all rights on all Secrets, those of manifests/components/source-namespaces. */
function rbac(): string {
  const wide = '    resources: [secrets]\n    verbs: [list, watch, create, patch, delete]\n';
  const narrow = `    resources: [secrets]
    resourceNames: {{ toJson .Values.secretNames }}
    verbs: [list, watch, patch, delete]
  - apiGroups: [""]
    resources: [secrets]
    verbs: [create]
`;
  return replaced(template('manifests/rbac.yaml'), wide, `{{- if .Values.sourceNamespaces }}\n${narrow}{{- else }}\n${wide}{{- end }}\n`);
}

/** An object for the Prometheus Operator, with the labels by which a Prometheus selects its own. */
function monitoring(file: string, content?: string): string {
  const label = '    app.kubernetes.io/name: regcred\nspec:\n';
  const more = '    {{- with .Values.monitoring.labels }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}\n';
  return replaced(
    template(file, '.Values.monitoring.enabled', content),
    label,
    label.replace('spec:', () => `${more}spec:`),
  );
}

/** In the version of the API that the cluster serves. */
function podInjection(): string {
  const version = 'include "regcred.podInjection" .';
  const policy = template('manifests/components/pod-injection/policy.yaml', version);
  return policy.replaceAll('apiVersion: admissionregistration.k8s.io/v1\n', `apiVersion: {{ ${version} }}\n`);
}

interface Value {
  readonly description: string;
  readonly default?: unknown;
  readonly properties?: Record<string, Value>;
}

const named = (properties: Record<string, Value>) =>
  Object.entries(properties).filter(([, value]) => value.properties || 'default' in value);

/** The values with their defaults, each under its description, as a person edits them. */
function values(properties: Record<string, Value>, between = ''): string {
  return named(properties)
    .map(([name, { description, default: fallback, properties: inner }]) => {
      const value = inner ? `${name}:\n${values(inner).replace(/^(?=.)/gm, '  ')}` : stringify({ [name]: fallback });
      return `${description.replace(/(.{1,110})(?: |$)/g, '# $1\n')}${value}`;
    })
    .join(between);
}

/** A row for each value that has a default. */
function rows(properties: Record<string, Value>, prefix = ''): string {
  return named(properties)
    .map(([name, { description, default: fallback, properties: inner }]) =>
      inner
        ? rows(inner, `${prefix}${name}.`)
        : `| \`${prefix}${name}\` | \`${JSON.stringify(fallback)}\` | ${description.replaceAll('|', '\\|')} |\n`,
    )
    .join('');
}

/** By path; `prometheusRule` is what generate.ts makes of the alerts. */
export function chart(prometheusRule: string): Record<string, string> {
  const { name, version, description, license } = JSON.parse(text('package.json'));
  const { properties } = JSON.parse(text(`${CHART}/values.schema.json`)) as { properties: Record<string, Value> };
  const versions = { apiVersion: 'v2', name, description, type: 'application', version, appVersion: version, kubeVersion: '>=1.29.0-0' };
  const more = {
    home: 'https://github.com/regcred/regcred',
    sources: ['https://github.com/regcred/regcred'],
    annotations: { 'artifacthub.io/license': license },
  };
  return {
    'manifests/kustomization.yaml': text('manifests/kustomization.yaml').replace(/^( +newTag: ).*$/m, `$1${version}`),
    [`${CHART}/Chart.yaml`]: `# ${edit('package.json')}\n${stringify({ ...versions, ...more }, { lineWidth: 0 })}`,
    [`${CHART}/values.yaml`]: `# ${edit('values.schema.json')}\n\n${values(properties, '\n')}`,
    [`${CHART}/README.md`]: readme(rows(properties)),
    [`${CHART}/files/dashboard.json`]: text('manifests/components/monitoring/dashboard.json'),
    [`${CHART}/templates/crd.yaml`]: crd(),
    [`${CHART}/templates/rbac.yaml`]: rbac(),
    [`${CHART}/templates/pod-injection.yaml`]: podInjection(),
    [`${CHART}/templates/pod-recovery.yaml`]: template('manifests/components/pod-recovery/rbac.yaml', '.Values.podRecovery.enabled'),
    [`${CHART}/templates/podmonitor.yaml`]: monitoring('manifests/components/monitoring/podmonitor.yaml'),
    [`${CHART}/templates/prometheusrule.yaml`]: monitoring('manifests/components/monitoring/prometheusrule.yaml', prometheusRule),
  };
}

function readme(table: string): string {
  return `<!-- ${edit('scripts/generate/chart.ts and values.schema.json')} -->
# The Helm chart of regcred

One registry credential, a pull secret in every namespace that needs it: [what it is](https://github.com/regcred/regcred#readme), and
[how to install, upgrade and uninstall it](https://github.com/regcred/regcred/blob/main/docs/install.md#helm).

Its objects are those of the manifests for kustomize, under the same names, so that there can be one of it in a cluster. A test renders both, and compares
object by object.

## Values

\`values.schema.json\` refuses everything else.

| value | default | what it does |
| --- | --- | --- |
${table}`;
}
