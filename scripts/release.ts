/**
 * `node scripts/release.ts [TAG [IMAGE]]` checks that package.json, image tags, documents and changelog have the same version. With TAG, it
 * also checks that they are ready for a release with this tag. With IMAGE, the name and digest of the pushed image, it writes the files
 * of the release: dist/regcred.yaml, ready to install, dist/krew.yaml from the checksums of the executables, and dist/notes.md.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parse } from 'yaml';
import { archiveOf, KREW_PLATFORMS, krewManifest } from './krew.ts';

const [tag, image] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

/** The heading and text of each version, the newest first. */
const sections = readFileSync('CHANGELOG.md', 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((section) => ({ heading: section.slice(0, section.indexOf('\n')), text: section.slice(section.indexOf('\n')).trim() }));
const newest = sections[0] ?? { heading: '', text: '' };
const isReleased = new RegExp(`^\\[?${version.replaceAll('.', '\\.')}\\]? - \\d{4}-\\d\\d-\\d\\d$`).test(newest.heading);

/** Each image with the file that names it. */
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
    .map(
      ({ file, newTag }) => `${file}: newTag is ${newTag}, but the version in package.json is ${version}. Set both to the same version.`,
    ),
  ...named
    .filter(({ newTag }) => newTag !== version)
    .map(({ file, text }) => `${file}: it has ${text}, but the version in package.json is ${version}. Set both to the same version.`),
  ...(tag === undefined || tag === `v${version}`
    ? []
    : [`The tag is ${tag}, but the version in package.json is ${version}. Use the tag v${version}.`]),
  ...(isReleased || (tag === undefined && newest.heading === 'Unreleased')
    ? []
    : [
        `CHANGELOG.md: the first section is "${newest.heading}". For a release it must be "${version} - " and the date${tag === undefined ? ', before a release Unreleased' : ''}.`,
      ]),
  ...images
    .filter(({ newName }) => image !== undefined && !image.startsWith(`${newName}@sha256:`))
    .map(({ file, newName }) => `${file}: newName is ${newName}, but the pushed image is ${image}. Set newName to your registry.`),
];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

if (problems.length === 0 && image !== undefined) {
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', '.'], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`kubectl kustomize failed: ${stderr}`);
  mkdirSync('dist', { recursive: true });
  // Use the digest, so that the signed image is the one that runs.
  const tagged = `${image.split('@')[0]}:${version}`;
  writeFileSync('dist/regcred.yaml', stdout.replaceAll(`image: ${tagged}\n`, `image: ${tagged}@${image.split('@')[1]}\n`));
  writeFileSync('dist/notes.md', `${newest.text}\n`);
  writeFileSync('dist/krew.yaml', krewManifest(version, sumsOfArchives()));
  console.log('Wrote dist/regcred.yaml, dist/krew.yaml and dist/notes.md.');
}

/** The SHA-256 of the executables that scripts/executables.ts has packed, by platform. */
function sumsOfArchives(): Record<string, string> {
  return Object.fromEntries(
    KREW_PLATFORMS.flatMap((platform) => {
      const file = join('dist', `${archiveOf(version, platform)}.sha256`);
      return existsSync(file) ? [[platform, readFileSync(file, 'utf8').split(' ')[0] ?? '']] : [];
    }),
  );
}

function filesIn(directory: string, ending: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(directory, file));
}
