/** Reads a page of the docs as a reader does, and runs its blocks: the commands and files, in the order of the page. No test repeats them. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  /** The line of the fence. */
  readonly line: number;
  readonly text: string;
  /** The heading of the second level above it. */
  readonly heading: string;
  /** The text of an HTML comment on the line before: `<!-- not run: … -->`. */
  readonly mark: string | undefined;
}

/** The blocks of a page, in its order. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  let mark: string | undefined;
  let open: { language: string; indent: string; line: number; text: string } | undefined;
  for (const [at, line] of page.split('\n').entries()) {
    const [, indent = '', language] = /^( *)```(\w*)/.exec(line) ?? [];
    if (open && language !== undefined) {
      blocks.push({ language: open.language, line: open.line, text: open.text, heading, mark });
      open = undefined;
      mark = undefined;
    } else if (open) open.text += `${line.slice(open.indent.length)}\n`;
    else if (language !== undefined) open = { language, indent, line: at + 1, text: '' };
    else {
      if (line.startsWith('## ')) heading = line.slice(3);
      mark = /^ *<!-- (.*) -->$/.exec(line)?.[1];
    }
  }
  return blocks;
}

export type Step =
  /** A block of `sh`. */
  | { readonly kind: 'run'; readonly line: number; readonly text: string }
  /** A block of `yaml`. Its first line names the file to save it in: `# acme.yaml`. */
  | { readonly kind: 'save'; readonly line: number; readonly file: string; readonly text: string };

/** The blocks under this heading create the initial state of the reader. */
const START = 'Where you start';

/** The steps of a page: those that create the initial state, and those that migrate from it. The other blocks (`console`, `text`) are only to be read. */
export function stepsOf(page: string): { readonly start: readonly Step[]; readonly move: readonly Step[] } {
  const steps = blocksOf(page).flatMap((block) => {
    const step = stepOf(block);
    return step ? [{ isStart: block.heading === START, step }] : [];
  });
  const those = (isStart: boolean) => steps.filter((one) => one.isStart === isStart).map(({ step }) => step);
  return { start: those(true), move: those(false) };
}

function stepOf({ language, line, text }: Block): Step | undefined {
  if (language === 'sh') return { kind: 'run', line, text };
  if (language !== 'yaml') return undefined;
  const [, file] = /^# (\S+\.yaml)\n/.exec(text) ?? [];
  if (file === undefined) throw new Error(`Line ${line}: the first line of a yaml block must name the file to save it in: # NAME.yaml`);
  return { kind: 'save', line, file, text };
}

/** Runs a step as a reader would, and returns its output. Throws if a command fails. */
export async function carryOut(step: Step, directory: string, env: NodeJS.ProcessEnv): Promise<string> {
  if (step.kind === 'save') {
    writeFileSync(join(directory, step.file), step.text);
    return '';
  }
  return shell(step.text, directory, env);
}

const LONGEST_MS = 100_000;

/** Runs commands, and returns what they print to standard output. Throws, with all output, if a command fails. */
export async function shell(text: string, directory: string, env: NodeJS.ProcessEnv): Promise<string> {
  // A process group of its own, so that a command which does not end can be stopped with all that it started.
  const child = spawn('sh', ['-eu', '-c', text], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const deadline = setTimeout(() => child.pid && process.kill(-child.pid, 'SIGKILL'), LONGEST_MS);
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said.stderr += chunk));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  clearTimeout(deadline);
  if (code !== 0)
    throw new Error(
      `It ${code === null ? `did not end within ${LONGEST_MS / 1000} s` : `ended with ${code}`}:\n${text}${said.stdout}${said.stderr}`,
    );
  return said.stdout;
}
