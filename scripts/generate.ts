/**
 * `npm run generate` writes all generated files: the TypeScript types, the API reference and the namespaced kind from
 * crds/registrycredentials.yaml, the manifests that repeat another file, and most of the Helm chart.
 * With --check it writes nothing, and fails if one of the files is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse } from 'yaml';
import { chart } from './generate/chart.ts';
import { type Schema, tenantCrd, tenantCrdFile } from './generate/tenant-crd.ts';

const crd = parse(readFileSync('crds/registrycredentials.yaml', 'utf8'));
const { name: version, schema } = crd.spec.versions[0];
const root: Schema = schema.openAPIV3Schema;
const spec = root.properties?.spec as Schema;
const status = root.properties?.status as Schema;

/** The schema for the TypeScript types: objects have no additional properties, and a field with a default is required. */
function asRead(schema: Schema): JSONSchema {
  const properties = Object.entries(schema.properties ?? {});
  const { 'x-kubernetes-validations': _, ...plain } = schema;
  return {
    ...plain,
    ...(schema.properties && {
      properties: Object.fromEntries(properties.map(([name, property]) => [name, asRead(property)])),
      required: properties
        .map(([name]) => name)
        .filter((name) => schema.required?.includes(name) || schema.properties?.[name]?.default !== undefined),
      additionalProperties: false,
    }),
    ...(schema.items && { items: asRead(schema.items) }),
  } as JSONSchema;
}

async function types(): Promise<string> {
  const options = { bannerComment: '', ignoreMinAndMaxItems: true, style: { singleQuote: true, printWidth: 120 } };
  const banner = `/* Generated from crds/registrycredentials.yaml by \`npm run generate\`: edit that file, not this one. */\n`;
  const specTypes = await compile(asRead(spec), 'RegistryCredentialSpec', options);
  const statusTypes = await compile(asRead(status), 'RegistryCredentialStatus', options);
  return `${banner}\n${specTypes}\n${statusTypes}`;
}

/** One table row for each field, in the order of the schema. Nested fields follow their parent. */
function rows(path: string, schema: Schema, required: boolean): string[] {
  const kind = schema.type === 'array' ? `[]${schema.items?.enum ? 'string' : (schema.items?.type ?? '')}` : schema.type;
  const facts = [
    required ? 'Required.' : '',
    schema.enum ? `One of ${schema.enum.map((value) => `\`${value}\``).join(', ')}.` : '',
    schema.default !== undefined ? `Default \`${JSON.stringify(schema.default)}\`.` : '',
    schema.maxItems ? `At most ${schema.maxItems}.` : '',
    schema.maxLength ? `At most ${schema.maxLength} characters.` : '',
    ...[...(schema['x-kubernetes-validations'] ?? []), ...(schema.items?.['x-kubernetes-validations'] ?? [])].map(
      ({ message }) => `Validation error: “${message}”.`,
    ),
  ].filter(Boolean);
  const text = [schema.description ?? '', ...facts].join(' ').replaceAll('|', '\\|').replaceAll('\n', ' ');
  const inner = schema.type === 'array' ? schema.items : schema;
  const prefix = schema.type === 'array' ? `${path}[]` : path;
  return [
    `| \`${path}\` | ${kind} | ${text} |`,
    ...Object.entries(inner?.properties ?? {}).flatMap(([name, property]) =>
      rows(`${prefix}.${name}`, property, inner?.required?.includes(name) ?? false),
    ),
  ];
}

const header = '| field | type | meaning |\n| --- | --- | --- |';

function reference(): string {
  const columns = crd.spec.versions[0].additionalPrinterColumns as { name: string; description?: string; priority?: number }[];
  return `<!-- Generated from crds/registrycredentials.yaml by \`npm run generate\`: edit that file, not this one. -->
# API reference: RegistryCredential

\`apiVersion: ${crd.spec.group}/${version}\`, \`kind: ${crd.spec.names.kind}\`, cluster-scoped, short name \`${crd.spec.names.shortNames[0]}\`.
\`kubectl explain regcred.spec\` shows the same.

${root.description}

## spec

${header}
${rows('spec', spec, true).join('\n')}

## status

${header}
${rows('status', status, false).join('\n')}

## Columns of \`kubectl get regcred\`

| column | meaning |
| --- | --- |
${columns.map(({ name, description, priority }) => `| ${name}${priority ? ' (with `-o wide`)' : ''} | ${description ?? 'The time since it was created.'} |`).join('\n')}
`;
}

/** The fields of the namespaced kind whose row differs from that of the cluster-scoped kind, and the fields that it has not. */
function tenantReference(): string {
  const tenant = tenantCrd(crd);
  const tenantRoot: Schema = tenant.spec.versions[0].schema.openAPIV3Schema;
  const both = rows('spec', spec, true);
  const own = rows('spec', tenantRoot.properties?.spec as Schema, true);
  const field = (row: string) => row.split('`')[1] as string;
  const fields = new Set(own.map(field));
  const lacking = both.map(field).filter((name) => !fields.has(name));
  return `
# API reference: NamespacedRegistryCredential

\`apiVersion: ${crd.spec.group}/${version}\`, \`kind: ${tenant.spec.names.kind}\`, namespaced, short name \`${tenant.spec.names.shortNames[0]}\`.
\`kubectl explain nregcred.spec\` shows all its fields. [tenants.md](tenants.md) describes who may do what with it.

${tenantRoot.description}

It has the fields and the status of a RegistryCredential, except for ${lacking.map((name) => `\`${name}\``).join(', ')}. These fields differ:

${header}
${own.filter((row) => !both.includes(row)).join('\n')}
`;
}

/** The alerts as a PrometheusRule for the Prometheus Operator. */
function prometheusRule(): string {
  const [comment = '', rules = ''] = readFileSync('manifests/components/monitoring/alerts.yaml', 'utf8').split(/^(?=groups:)/m);
  const indented = rules.replace(/^(?=.)/gm, '  ');
  return `# Generated from alerts.yaml by \`npm run generate\`: edit that file, not this one.
${comment.split('\n')[0]}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: regcred
  namespace: regcred-system
  labels:
    app.kubernetes.io/name: regcred
spec:
${indented}`;
}

/** The ConfigMap of Argo CD with the health checks. Their sources are separate files, which are easier to read and test. */
function argocdConfig(): string {
  const check = (kind: string, file: string) => {
    const script = readFileSync(`manifests/argocd/${file}`, 'utf8').replace(/^(?=.)/gm, '    ');
    return `  resource.customizations.health.${kind}: |\n${script}`;
  };
  return `# Generated from health.lua and application-health.lua by \`npm run generate\`: edit those files, not this one.
# This command adds the health checks to the existing ConfigMap, and removes nothing:
#
#   kubectl apply --server-side --field-manager=regcred -f manifests/argocd/argocd-cm.yaml
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels:
    app.kubernetes.io/name: argocd-cm
    app.kubernetes.io/part-of: argocd
data:
${check('regcred.dev_RegistryCredential', 'health.lua')}${check('regcred.dev_NamespacedRegistryCredential', 'health.lua')}${check('argoproj.io_Application', 'application-health.lua')}`;
}

const outputs = {
  'src/api/types.ts': await types(),
  'crds/namespacedregistrycredentials.yaml': tenantCrdFile(crd),
  'docs/api.md': reference() + tenantReference(),
  'manifests/components/monitoring/prometheusrule.yaml': prometheusRule(),
  'manifests/argocd/argocd-cm.yaml': argocdConfig(),
  ...chart(prometheusRule(), tenantCrdFile(crd)),
};
const stale = Object.entries(outputs).filter(([path, text]) => {
  try {
    return readFileSync(path, 'utf8') !== text;
  } catch {
    return true;
  }
});
if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is out of date: run \`npm run generate\`.`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const [path, text] of stale) writeFileSync(path, text);
  console.log(stale.length === 0 ? 'Everything is up to date.' : `Wrote ${stale.map(([path]) => path).join(', ')}.`);
}
