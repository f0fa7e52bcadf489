/** `npm run sbom`: writes the packages of the program, from the lockfile, to a CycloneDX document in dist. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';

const FILE = 'dist/sbom.cdx.json';

interface Sbom {
  readonly metadata: { readonly component: { name: string; readonly 'bom-ref': string } };
  components: { readonly 'bom-ref': string }[];
  dependencies: { readonly ref: string; readonly dependsOn: string[] }[];
}

const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--package-lock-only'];
const { status, stdout, stderr, error } = spawnSync('npm', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
if (error || status !== 0) {
  console.error(`npm could not write the SBOM: ${error?.message ?? stderr.trim()}`);
  process.exit(1);
}
const all = JSON.parse(stdout) as Sbom;

// Do not use npm's --omit=dev: it omits packages that both a development tool and the program need.
const locked = Object.entries(
  JSON.parse(readFileSync('package-lock.json', 'utf8')).packages as Record<string, { dev?: true; version: string }>,
);
const shipped = new Set(
  locked.filter(([, { dev }]) => !dev).map(([path, { version }]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`),
);
const isShipped = (ref: string) => shipped.has(ref) || ref === all.metadata.component['bom-ref'];

const sbom: Sbom = {
  ...all,
  components: all.components.filter((component) => isShipped(component['bom-ref'])),
  dependencies: all.dependencies
    .filter(({ ref }) => isShipped(ref))
    .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter(isShipped) })),
};
// npm uses the name of the directory as the name of the program.
sbom.metadata.component.name = 'regcred';
mkdirSync('dist', { recursive: true });
writeFileSync(FILE, `${JSON.stringify(sbom, null, 2)}\n`);
console.log(`Wrote ${FILE}: ${sbom.components.length} packages.`);
