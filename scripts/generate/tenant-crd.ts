/**
 * Makes the CustomResourceDefinition of NamespacedRegistryCredential from that of RegistryCredential: the same spec, with the differences
 * that this file lists. So a new field of one kind is a field of both.
 */
import { stringify } from 'yaml';

export interface Schema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
  maxItems?: number;
  maxLength?: number;
  maxProperties?: number;
  'x-kubernetes-validations'?: { rule: string; message: string }[];
}

/** biome-ignore lint/suspicious/noExplicitAny: a CustomResourceDefinition, as YAML has it. */
type Definition = any;

const KIND = 'NamespacedRegistryCredential';
const PLURAL = 'namespacedregistrycredentials';

/** The parts of a spec that refer to an object in a namespace. */
const REFERENCES = ['secretRef', 'serviceAccountRef'];

const DESCRIPTION = `${KIND} is a RegistryCredential of one namespace: a tenant makes one pull secret from Secrets in its own namespace. The operator writes it to that namespace, and to other namespaces that accept credentials from it.`;

const NAMESPACES =
  'The namespaces that get the Secret: those that match a glob in names or the selector, and do not match exclude. The default is only the namespace of this object. If you set it, list that namespace too. Another namespace gets the Secret only if it accepts credentials from this one: its annotation regcred.dev/accept-from lists this namespace, or both have the same value of the label that the operator was started with (--tenant-label). Namespaces that are Terminating or have the label regcred.dev/exclude: "true" never get it.';

/** What is added to the description of a field. */
const ADDED: Readonly<Record<string, string>> = {
  conflictPolicy: 'Adopt applies only in the namespace of this object. In other namespaces Fail applies.',
  podRecovery: 'It applies only to pods in the namespace of this object.',
};

/** The operator's own identity at a cloud is never used for a tenant. */
const TOKEN_RULE = ['aws', 'gcp', 'azure'].map(
  (cloud) => `(!has(self.${cloud}) || has(self.${cloud}.secretRef) || has(self.${cloud}.serviceAccountRef))`,
);
const TOKEN_MESSAGE =
  "a token needs secretRef or serviceAccountRef: the operator's own identity is not used for credentials of a namespace";

export function tenantCrd(crd: Definition): Definition {
  const copy: Definition = structuredClone(crd);
  copy.metadata.name = `${PLURAL}.${copy.spec.group}`;
  copy.spec.scope = 'Namespaced';
  copy.spec.names = { kind: KIND, listKind: `${KIND}List`, plural: PLURAL, singular: KIND.toLowerCase(), shortNames: ['nregcred'] };
  const root: Schema = copy.spec.versions[0].schema.openAPIV3Schema;
  const spec = root.properties?.spec as Schema;
  localize(spec);
  rename(root);
  root.description = DESCRIPTION;
  const properties = spec.properties as Record<string, Schema>;
  const required = (spec.required ?? []).filter((name) => name !== 'namespaces');
  if (required.length > 0) spec.required = required;
  else delete spec.required;
  (properties.namespaces as Schema).description = NAMESPACES;
  for (const [name, text] of Object.entries(ADDED)) {
    const field = properties[name] as Schema;
    field.description = `${field.description} ${text}`;
  }
  const token = properties.registries?.items?.properties?.token;
  if (token) {
    const rule = { rule: TOKEN_RULE.join(' && '), message: TOKEN_MESSAGE };
    token['x-kubernetes-validations'] = [...(token['x-kubernetes-validations'] ?? []), rule];
  }
  return copy;
}

/** A reference means an object in the namespace of the credential: it has no field for another one. */
function localize(schema: Schema): void {
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (REFERENCES.includes(name)) {
      delete property.properties?.namespace;
      property.required = (property.required ?? []).filter((field) => field !== 'namespace');
      property.description = `${property.description} It is in the namespace of this object.`;
    }
    localize(property);
  }
  if (schema.items) localize(schema.items);
}

/** Descriptions and messages name this kind, and do not offer the operator's own identity. */
function rename(schema: Schema): void {
  if (schema.description) schema.description = ofTenant(schema.description);
  for (const rule of schema['x-kubernetes-validations'] ?? []) rule.message = ofTenant(rule.message);
  for (const one of Object.values(schema.properties ?? {})) rename(one);
  if (schema.items) rename(schema.items);
}

const ofTenant = (text: string) =>
  text
    .replace(/\b(?<!Namespaced)RegistryCredential\b/g, KIND)
    .replace(" ({} is enough to use the operator's own identity)", '')
    .replace(". {} uses the operator's own identity, for example aws: {}", '')
    .replace(/Without secretRef and serviceAccountRef, the operator uses its own identity: .*$/, 'Set secretRef or serviceAccountRef.');

export function tenantCrdFile(crd: Definition): string {
  const banner = '# Generated from registrycredentials.yaml by `npm run generate`: edit that file, or scripts/generate/tenant-crd.ts.\n';
  return banner + stringify(tenantCrd(crd), { lineWidth: 0, aliasDuplicateObjects: false });
}
