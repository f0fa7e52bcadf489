/**
 * Generates the parts of charts/regcred that repeat other files: templates from manifests/ and crds/, the values and their table
 * from values.schema.json, and versions from package.json.
 */
import { readFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { SETTINGS } from '../../src/config.ts';

const CHART = 'charts/regcred';
const text = (file: string) => readFileSync(file, 'utf8');
const edit = (file: string) => `Generated from ${file} by \`npm run generate\`: edit that file, not this one.`;

/** Throws if `part` does not occur exactly once. Otherwise a template would silently lack its change. */
function replaced(whole: string, part: string, by: string): string {
  if (whole.split(part).length !== 2)
    throw new Error(`Cannot generate the chart: a source file must contain this text exactly once:\n${part}`);
  return whole.replace(part, () => by);
}

/** Turns one of our files into a template for the release. With `when`, the template renders only if that value is set. */
function template(file: string, when?: string, content = text(file)): string {
  const account = '{{ .Values.serviceAccount.name }}';
  const body = content
    .replace(/^(#.*\n)+/, '')
    .replaceAll('{{', '{{ "{{" }}')
    .replaceAll('system:serviceaccount:regcred-system:regcred', `system:serviceaccount:regcred-system:${account}`)
    .replaceAll('- kind: ServiceAccount\n    name: regcred\n', `- kind: ServiceAccount\n    name: ${account}\n`)
    .replaceAll('regcred-system', '{{ .Release.Namespace }}')
    .replaceAll('  labels:\n    app.kubernetes.io/name: regcred\n', '  labels:\n    {{- include "regcred.labels" . | nindent 4 }}\n');
  const note = `{{- /* ${edit(file)} */}}\n`;
  return when === undefined ? `${note}${body}` : `${note}${onlyIf(when, body)}`;
}

const onlyIf = (when: string, body: string) => `{{- if ${when} }}\n${body}{{- end }}\n`;

/** Between the objects of a file. */
const SEPARATOR = '\n---\n';

/** A template, because Helm does not upgrade the files in crds/. `keep`, because deleting a CRD deletes all its objects. */
function crd(plural: string, content?: string): string {
  const name = `  name: ${plural}.regcred.dev\n`;
  const rendered = template(`crds/${plural}.yaml`, '.Values.crds.install', content);
  return replaced(rendered, name, `${name}  annotations:\n    helm.sh/resource-policy: keep\n`);
}

/** The ServiceAccount: the first object of manifests/rbac.yaml. The account of the pods has another name if the values say so. */
function serviceAccount(): string {
  const file = 'manifests/rbac.yaml';
  const [first = ''] = text(file).split(SEPARATOR);
  const name = 'metadata:\n  name: regcred\n';
  const annotations = '  {{- with .Values.serviceAccount.annotations }}\n  annotations:\n    {{- toYaml . | nindent 4 }}\n  {{- end }}\n';
  const account = replaced(
    template(file, undefined, `${first}\n`),
    name,
    `metadata:\n  name: {{ .Values.serviceAccount.name }}\n${annotations}`,
  );
  return onlyIf('.Values.serviceAccount.create', account);
}

/** With source namespaces, the permissions of manifests/components/source-namespaces replace those on all Secrets. */
function rbac(): string {
  const wide = '    resources: [secrets]\n    verbs: [list, watch, create, patch, delete]\n';
  const narrow = `    resources: [secrets]
    resourceNames: {{ toJson .Values.secretNames }}
    verbs: [list, watch, patch, delete]
  - apiGroups: [""]
    resources: [secrets]
    verbs: [create]
`;
  const file = 'manifests/rbac.yaml';
  const [, ...roles] = text(file).split(SEPARATOR);
  const all = template(file, '.Values.rbac.create', roles.join(SEPARATOR));
  return replaced(all, wide, `{{- if .Values.sourceNamespaces }}\n${narrow}{{- else }}\n${wide}{{- end }}\n`);
}

/** The roles for people. Without rbac.aggregate they have no label by which Kubernetes adds them to its own roles. */
function roles(): string {
  const aggregate = /^( {4}rbac\.authorization\.k8s\.io\/aggregate-to-.*\n)+/gm;
  return template('manifests/roles.yaml', '.Values.rbac.create').replace(
    aggregate,
    (labels) => `    {{- if .Values.rbac.aggregate }}\n${labels}    {{- end }}\n`,
  );
}

/** The alerts, with the labels that a Prometheus selects them by. */
function rules(content: string): string {
  const condition = 'and .Values.monitoring.enabled .Values.monitoring.rules.enabled';
  const labels = 'include "regcred.labels" .';
  const own = 'include "regcred.monitoringLabels" (dict "root" . "of" .Values.monitoring.rules)';
  const namespace = '  namespace: {{ .Release.Namespace }}\n';
  return replaced(
    replaced(template('manifests/components/monitoring/prometheusrule.yaml', condition, content), labels, own),
    namespace,
    '  namespace: {{ .Values.monitoring.rules.namespace | default .Release.Namespace }}\n',
  );
}

/** The policy in the API version that the cluster serves. */
function podInjection(): string {
  const version = 'include "regcred.podInjection" .';
  const policy = template('manifests/components/pod-injection/policy.yaml', version);
  return policy.replaceAll('apiVersion: admissionregistration.k8s.io/v1\n', `apiVersion: {{ ${version} }}\n`);
}

/** The policy about tenants, with the label of the values, and the role of those whom it lets through. */
function tenantGuard(): string {
  const file = 'manifests/components/tenant-guard/policy.yaml';
  const [policy = '', binding = '', role = ''] = text(file).split(SEPARATOR);
  const enabled = '.Values.tenants.guard.enabled';
  const label = '{{ if .Values.tenants.guard.label }}{{ .Values.tenants.label }}{{ end }}';
  return [
    replaced(template(file, enabled, `${policy}${SEPARATOR}${binding}\n`), `expression: "''"`, `expression: "'${label}'"`),
    onlyIf(`and .Values.rbac.create ${enabled}`, `---\n${template(file, undefined, role).replace(/^.*\n/, '')}`),
  ].join('');
}

interface Value {
  readonly description: string;
  readonly default?: unknown;
  readonly properties?: Record<string, Value>;
}

/** The values to write: those with a default, and groups of them. */
const named = (properties: Record<string, Value>): [string, Value][] =>
  Object.entries(properties).filter(([, value]) => 'default' in value || named(value.properties ?? {}).length > 0);

/** The values in a group; undefined for a value of its own, although it may be an object. */
const group = (value: Value) => ('default' in value ? undefined : value.properties);

/** values.yaml: each value with its default, below a comment with its description. */
function values(properties: Record<string, Value>, between = ''): string {
  return named(properties)
    .map(([name, one]) => {
      const { description, default: fallback } = one;
      const inner = group(one);
      const value = inner ? `${name}:\n${values(inner).replace(/^(?=.)/gm, '  ')}` : stringify({ [name]: fallback });
      return `${description.replace(/(.{1,110})(?: |$)/g, '# $1\n')}${value}`;
    })
    .join(between);
}

/** One table row for each value that has a default. */
function rows(properties: Record<string, Value>, prefix = ''): string {
  return named(properties)
    .map(([name, one]) => {
      const inner = group(one);
      if (inner) return rows(inner, `${prefix}${name}.`);
      return `| \`${prefix}${name}\` | \`${JSON.stringify(one.default)}\` | ${one.description.replaceAll('|', '\\|')} |\n`;
    })
    .join('');
}

/** values.schema.json with the flags that the program knows. */
function schema(): string {
  const flags = Object.values(SETTINGS).map(({ flag }) => flag.replace('--', ''));
  return text(`${CHART}/values.schema.json`).replace(/"\^--\([^)]*\)="/, () => JSON.stringify(`^--(${flags.join('|')})=`));
}

const REPOSITORY = 'https://github.com/regcred/regcred';

/** What Artifact Hub shows beside the chart. https://artifacthub.io/docs/topics/annotations/helm/ */
function artifactHub(version: string, license: string): Record<string, string> {
  const crds = ['registrycredentials', 'namespacedregistrycredentials'].map((plural) => {
    const { spec } = parse(text(`crds/${plural}.yaml`)) as { spec: { names: { kind: string }; versions: CrdVersion[] } };
    const [{ name, schema }] = spec.versions as [CrdVersion];
    const description = schema.openAPIV3Schema.description.trim();
    return { kind: spec.names.kind, version: name, name: `${plural}.regcred.dev`, displayName: spec.names.kind, description };
  });
  const links = [
    { name: 'Documentation', url: `${REPOSITORY}/blob/main/docs/README.md` },
    { name: 'Support', url: `${REPOSITORY}/issues` },
  ];
  const screenshots = [
    {
      title: 'kubectl regcred web: the whole cluster on one live page',
      url: `https://raw.githubusercontent.com/regcred/regcred/v${version}/docs/images/web-light.png`,
    },
  ];
  const list = (value: object) => stringify(value, { lineWidth: 0 });
  return {
    'artifacthub.io/license': license,
    'artifacthub.io/category': 'security',
    'artifacthub.io/operator': 'true',
    'artifacthub.io/crds': list(crds),
    'artifacthub.io/crdsExamples': list([parse(text('manifests/samples/several-registries.yaml'))]),
    'artifacthub.io/links': list(links),
    'artifacthub.io/screenshots': list(screenshots),
  };
}

interface CrdVersion {
  readonly name: string;
  readonly schema: { readonly openAPIV3Schema: { readonly description: string } };
}

/** Returns the content of each generated file by its path. `prometheusRule` and `tenantCrd` are the manifests that generate.ts builds. */
export function chart(prometheusRule: string, tenantCrd: string): Record<string, string> {
  const { name, version, description, license } = JSON.parse(text('package.json'));
  const { properties } = JSON.parse(text(`${CHART}/values.schema.json`)) as { properties: Record<string, Value> };
  const versions = { apiVersion: 'v2', name, description, type: 'application', version, appVersion: version, kubeVersion: '>=1.30.0-0' };
  const more = {
    home: 'https://github.com/regcred/regcred',
    sources: ['https://github.com/regcred/regcred'],
    annotations: artifactHub(version, license),
  };
  return {
    'manifests/kustomization.yaml': text('manifests/kustomization.yaml').replace(/^( +newTag: ).*$/m, `$1${version}`),
    [`${CHART}/Chart.yaml`]: `# ${edit('package.json')}\n${stringify({ ...versions, ...more }, { lineWidth: 0 })}`,
    [`${CHART}/values.yaml`]: `# ${edit('values.schema.json')}\n\n${values(properties, '\n')}`,
    [`${CHART}/README.md`]: readme(rows(properties)),
    [`${CHART}/files/dashboard.json`]: text('manifests/components/monitoring/dashboard.json'),
    [`${CHART}/templates/crd.yaml`]: crd('registrycredentials'),
    [`${CHART}/templates/rules-crd.yaml`]: crd('pullsecretrules'),
    [`${CHART}/templates/crd-namespaced.yaml`]: crd('namespacedregistrycredentials', tenantCrd),
    [`${CHART}/values.schema.json`]: schema(),
    [`${CHART}/templates/serviceaccount.yaml`]: serviceAccount(),
    [`${CHART}/templates/rbac.yaml`]: rbac(),
    [`${CHART}/templates/roles.yaml`]: roles(),
    [`${CHART}/templates/pod-injection.yaml`]: podInjection(),
    [`${CHART}/templates/pod-recovery.yaml`]: template(
      'manifests/components/pod-recovery/rbac.yaml',
      'and .Values.rbac.create .Values.podRecovery.enabled',
    ),
    [`${CHART}/templates/tenant-guard.yaml`]: tenantGuard(),
    [`${CHART}/templates/cloud-identity-policy.yaml`]: template(
      'manifests/components/cloud-identities/policy.yaml',
      'and .Values.cloudIdentities.accounts .Values.cloudIdentities.policy',
    ),
    [`${CHART}/templates/cloud-metadata.yaml`]: template(
      'manifests/components/cloud-metadata/networkpolicy.yaml',
      'and .Values.networkPolicy.enabled .Values.cloudIdentities.metadataEgress',
    ),
    [`${CHART}/templates/prometheusrule.yaml`]: rules(prometheusRule),
  };
}

function readme(table: string): string {
  return `<!-- ${edit('scripts/generate/chart.ts and values.schema.json')} -->
# The Helm chart of regcred

regcred distributes one registry credential as a pull secret to every namespace that needs it. See [the overview](https://github.com/regcred/regcred#readme), and
[how to install, upgrade and uninstall it](https://github.com/regcred/regcred/blob/main/docs/install.md#helm).

The chart creates the same objects, with the same names, as the manifests for kustomize. So you can install regcred only once in a cluster. A test renders
both and compares each object. With kustomize, the same settings are components and patches: overlays/settings, overlays/other-settings and overlays/by-others have an example of each.

## Names

There is no \`nameOverride\` and no \`fullnameOverride\`, on purpose. There can be only one regcred in a cluster: the CustomResourceDefinition, the ClusterRoles and the admission policy are
cluster-scoped, and two operators would revert each other. Fixed names let the RBAC rules, the Lease, the sample policies, the alerts, \`kubectl regcred\` and all commands of the documentation rely on them. Only the
name of the ServiceAccount can change, because a cloud may prescribe it.

## Prometheus

The NetworkPolicy admits scrapes only from namespaces with the label \`regcred.dev/metrics: "true"\`. Set it on the namespace of your Prometheus:

\`\`\`sh
kubectl label namespace monitoring regcred.dev/metrics=true
\`\`\`

## Values

\`values.schema.json\` rejects all other values, also in nested objects: it contains the types of Kubernetes, so a typing error such as \`resources.limts\` fails before anything is installed.

| value | default | description |
| --- | --- | --- |
${table}`;
}
