/** `npm run sbom`: what the program is made of, by the lockfile, as a CycloneDX document beside it. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';

const FILE = 'dist/sbom.cdx.json';

const args = ['sbom', '--sbom-format=cyclonedx', '--sbom-type=application', '--omit=dev', '--package-lock-only'];
const { status, stdout, stderr, error } = spawnSync('npm', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
if (error || status !== 0) {
  console.error(`npm could not write the SBOM: ${error?.message ?? stderr.trim()}`);
  process.exit(1);
}
const sbom = JSON.parse(stdout) as { metadata: { component: { name: string } }; components: unknown[] };
// npm takes the name of the directory for that of the program.
sbom.metadata.component.name = 'regcred';
mkdirSync('dist', { recursive: true });
writeFileSync(FILE, `${JSON.stringify(sbom, null, 2)}\n`);
console.log(`Wrote ${FILE}: ${sbom.components.length} packages.`);
