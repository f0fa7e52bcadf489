/** Assembles images without Docker: from files of this machine, as archives that `ctr images import` reads. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { configOf, digestOf, type ImageContent, MANIFEST, manifestOf } from '../support/image.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** One program and nothing else. `label` makes the image differ from others of the same program. */
export function imageOfProgram(program: string, label = ''): ImageContent {
  const path = `/${basename(program)}`;
  const layers = [layerOf({ [path]: program })];
  return { config: configOf(layers, { Entrypoint: [path], Labels: { sample: label } }), layers };
}

/**
 * The operator's image: what the Dockerfile puts together, from the Node.js of node_modules, the libraries of this machine that it needs,
 * and dist/. The user, the entry point and the command are those of the Dockerfile.
 */
export function imageOfOperator(): ImageContent {
  const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const line = (name: string) => new RegExp(`^${name} (.+)$`, 'm').exec(dockerfile)?.[1] ?? '';
  const Entrypoint = JSON.parse(line('ENTRYPOINT')) as string[];
  const node = join(ROOT, 'node_modules/node/bin/node');
  const libraries = execFileSync('ldd', [node], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g);
  const runtime = Object.fromEntries(Array.from(libraries, ([, file = '']) => [file, file]));
  const program = globSync('dist/{main,cloud-*}.js', { cwd: ROOT }).map((file) => [`/app/${basename(file)}`, join(ROOT, file)]);
  const layers = [layerOf({ ...runtime, [Entrypoint[0] as string]: node }), layerOf(Object.fromEntries(program))];
  const settings = { Entrypoint, Cmd: JSON.parse(line('CMD')), User: line('USER'), WorkingDir: '/' };
  return { config: configOf(layers, settings), layers };
}

/** An archive of files that root owns. `files`: the path in the image, and the file of this machine. */
function layerOf(files: Readonly<Record<string, string>>): Buffer {
  return inDirectory((directory) => {
    for (const [path, from] of Object.entries(files)) {
      mkdirSync(join(directory, dirname(path)), { recursive: true });
      copyFileSync(from, join(directory, path));
    }
    return archiveOf(directory);
  });
}

/** Writes an image as an archive with the layout of OCI, under its full name. */
export function writeArchive(file: string, name: string, image: ImageContent): void {
  const archive = inDirectory((directory) => {
    const blobs = join(directory, 'blobs/sha256');
    mkdirSync(blobs, { recursive: true });
    const manifest = Buffer.from(manifestOf(image));
    for (const blob of [manifest, image.config, ...image.layers]) writeFileSync(join(blobs, digestOf(blob).slice('sha256:'.length)), blob);
    const annotations = { 'io.containerd.image.name': name };
    const entry = { mediaType: MANIFEST, digest: digestOf(manifest), size: manifest.length, annotations };
    writeFileSync(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
    return archiveOf(directory);
  });
  writeFileSync(file, archive);
}

function archiveOf(directory: string): Buffer {
  const sameOnEveryMachine = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
  return execFileSync('tar', ['-C', directory, ...sameOnEveryMachine, '-cf', '-', '.'], { maxBuffer: 2 ** 30 });
}

function inDirectory<T>(work: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'regcred-image-'));
  try {
    return work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
