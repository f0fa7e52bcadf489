/** The types of Kubernetes in the schema of the chart's values, as strict as the API server with --validate=strict. */

interface Definition {
  readonly type?: string;
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, Definition>>;
  readonly additionalProperties?: Definition | boolean;
  readonly items?: Definition;
  readonly required?: readonly string[];
}

/** What the API server returns at /openapi/v2. */
export interface OpenApi {
  readonly definitions: Readonly<Record<string, Definition>>;
}

/** The types that values.schema.json refers to. */
const TYPES = [
  'io.k8s.api.apps.v1.DeploymentStrategy',
  'io.k8s.api.core.v1.Affinity',
  'io.k8s.api.core.v1.EnvVar',
  'io.k8s.api.core.v1.LocalObjectReference',
  'io.k8s.api.core.v1.PodSecurityContext',
  'io.k8s.api.core.v1.ResourceRequirements',
  'io.k8s.api.core.v1.SecurityContext',
  'io.k8s.api.core.v1.Toleration',
  'io.k8s.api.core.v1.TopologySpreadConstraint',
  'io.k8s.api.core.v1.Volume',
  'io.k8s.api.core.v1.VolumeMount',
];

const nameOf = (type: string) => type.slice(type.lastIndexOf('.') + 1);
const typeIn = (ref: string) => ref.replace('#/definitions/', '');

/** Types whose OpenAPI says less than the API server accepts: YAML may have 1 or 0.5 for a quantity. */
const LENIENT: Readonly<Record<string, object>> = {
  Quantity: { type: ['string', 'number'] },
  IntOrString: { type: ['string', 'integer'] },
  Time: { type: 'string' },
  FieldsV1: { type: 'object' },
};

/** A relabeling of the Prometheus Operator, which the API server of the tests does not know. */
const RELABELING = {
  type: 'object',
  additionalProperties: false,
  properties: {
    sourceLabels: { type: 'array', items: { type: 'string' } },
    separator: { type: 'string' },
    targetLabel: { type: 'string' },
    regex: { type: 'string' },
    modulus: { type: 'integer' },
    replacement: { type: 'string' },
    action: { type: 'string' },
  },
};

/** The types and everything in them, by their short names. An object has no keys but its own. */
export function definitionsFrom({ definitions }: OpenApi): Record<string, object> {
  const found: Record<string, object> = { relabeling: RELABELING };
  const waiting = [...TYPES];
  const refer = (ref: string) => {
    waiting.push(typeIn(ref));
    return { $ref: `#/$defs/${nameOf(ref)}` };
  };
  const strict = ({ type, $ref, properties, additionalProperties, items, required }: Definition): object => {
    if ($ref) return refer($ref);
    return {
      ...(type && { type }),
      ...(required && { required }),
      ...(properties && {
        additionalProperties: false,
        properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, strict(property)])),
      }),
      ...(typeof additionalProperties === 'object' && { additionalProperties: strict(additionalProperties) }),
      ...(items && { items: strict(items) }),
    };
  };
  for (let type = waiting.pop(); type !== undefined; type = waiting.pop()) {
    const name = nameOf(type);
    if (name in found) continue;
    const definition = definitions[type];
    if (!definition) throw new Error(`The API server has no type ${type}. Correct TYPES in scripts/generate/definitions.ts.`);
    found[name] = LENIENT[name] ?? strict(definition);
  }
  return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const START = '  "$defs": {\n';

/** The schema with these definitions at its end, one on each line. */
export function withDefinitions(schema: string, definitions: Readonly<Record<string, object>>): string {
  const [head, tail] = schema.split(START);
  if (head === undefined || tail === undefined) throw new Error(`The schema must end with the key "$defs"; add it as the last key.`);
  const lines = Object.entries(definitions).map(([name, definition]) => `    ${JSON.stringify(name)}: ${JSON.stringify(definition)}`);
  return `${head}${START}${lines.join(',\n')}\n  }\n}\n`;
}
