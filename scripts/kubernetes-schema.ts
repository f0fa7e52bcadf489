/**
 * `node scripts/kubernetes-schema.ts` writes the types of Kubernetes that the values of the chart use into its values.schema.json, so that
 * Helm refuses unknown keys at any depth. It asks the API server of the tests for its OpenAPI. Run it after an update of test/controlplane.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from '../test/support/api.ts';
import { startControlPlane } from '../test/support/controlplane.ts';
import { definitionsFrom, type OpenApi, withDefinitions } from './generate/definitions.ts';

const FILE = 'charts/regcred/values.schema.json';

const controlPlane = await startControlPlane((line) => console.error(line));
const api = connect(controlPlane.kubeconfig);
try {
  const openApi = await api.call<OpenApi>('GET', '/openapi/v2');
  const schema = readFileSync(FILE, 'utf8');
  writeFileSync(FILE, withDefinitions(schema, definitionsFrom(openApi)));
} finally {
  await api.close();
  await controlPlane.stop();
}
