/**
 * `node scripts/release.ts [TAG [IMAGE]]`: whether package.json, image tags, documents and changelog tell of one version; with TAG whether they are ready to be released
 * under it. With IMAGE, the name and digest that was pushed, it writes what goes with a release: dist/regcred.yaml, to be installed as it is, and dist/notes.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parse } from 'yaml';

const [tag, image] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

/** Of the newest version first: its heading, and what is below it. */
const sections = readFileSync('CHANGELOG.md', 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((section) => ({ heading: section.slice(0, section.indexOf('\n')), text: section.slice(section.indexOf('\n')).trim() }));
const newest = sections[0] ?? { heading: '', text: '' };
const isReleased = new RegExp(`^\\[?${version.replaceAll('.', '\\.')}\\]? - \\d{4}-\\d\\d-\\d\\d$`).test(newest.heading);

/** Each with where it stands. */
const images = filesIn('manifests', 'kustomization.yaml').flatMap((file) =>
  ((parse(readFileSync(file, 'utf8')) as { images?: { newName: string; newTag: string }[] }).images ?? []).map((one) => ({ file, ...one })),
);
const named = ['README.md', ...filesIn('docs', '.md')].flatMap((file) =>
  Array.from(readFileSync(file, 'utf8').matchAll(/\bregcred:v?(\d+\.\d+\.\d+)|--version[ =]v?(\d+\.\d+\.\d+)/g), ([text, a, b]) => ({
    file,
    text,
    newTag: a ?? b,
  })),
);

const problems = [
  ...images
    .filter(({ newTag }) => newTag !== version)
    .map(({ file, newTag }) => `${file}: newTag is ${newTag}, and package.json says ${version}.`),
  ...named
    .filter(({ newTag }) => newTag !== version)
    .map(({ file, text }) => `${file}: it says ${text}, and package.json says ${version}.`),
  ...(tag === undefined || tag === `v${version}`
    ? []
    : [`The tag is ${tag}, and package.json says ${version}: the tag of that is v${version}.`]),
  ...(isReleased || (tag === undefined && newest.heading === 'Unreleased')
    ? []
    : [
        `CHANGELOG.md: its first section is "${newest.heading}". For a release it is "${version} - " and the date${tag === undefined ? '; before, Unreleased' : ''}.`,
      ]),
  ...images
    .filter(({ newName }) => image !== undefined && !image.startsWith(`${newName}@sha256:`))
    .map(({ file, newName }) => `${file}: newName is ${newName}, and what was pushed is ${image}. Name the registry of your own there.`),
];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

if (problems.length === 0 && image !== undefined) {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', '.'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`kubectl kustomize failed: ${stderr}`);
  mkdirSync('dist', { recursive: true });
  // By its digest: what was signed is what runs.
  const tagged = `${image.split('@')[0]}:${version}`;
  writeFileSync('dist/regcred.yaml', stdout.replaceAll(`image: ${tagged}\n`, `image: ${tagged}@${image.split('@')[1]}\n`));
  writeFileSync('dist/notes.md', `${newest.text}\n`);
  console.log('Wrote dist/regcred.yaml and dist/notes.md.');
}

function filesIn(directory: string, ending: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(directory, file));
}
