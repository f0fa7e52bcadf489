/** A page of the docs as a script: what a reader runs and saves, in the order of the page. The page is the only place that has it. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Step =
  /** A block of `sh`. */
  | { readonly kind: 'run'; readonly line: number; readonly text: string }
  /** A block of `yaml`, whose first line says under which name it is saved: `# acme.yaml`. */
  | { readonly kind: 'save'; readonly line: number; readonly file: string; readonly text: string };

/** Under this heading is what the reader has to begin with. */
const START = 'Where you start';

/** The steps of a page: those that lead to where the reader starts, and those from there. Other blocks (`console`, `text`) are only to be read. */
export function stepsOf(page: string): { readonly start: readonly Step[]; readonly move: readonly Step[] } {
  const start: Step[] = [];
  const move: Step[] = [];
  let heading = '';
  let fence: { language: string; indent: string; line: number; text: string } | undefined;
  for (const [at, line] of page.split('\n').entries()) {
    const [, indent = '', language] = /^( *)```(\w*)/.exec(line) ?? [];
    if (fence && language !== undefined) {
      const step = stepOf(fence);
      if (step) (heading === START ? start : move).push(step);
      fence = undefined;
    } else if (fence) fence.text += `${line.slice(fence.indent.length)}\n`;
    else if (language !== undefined) fence = { language, indent, line: at + 1, text: '' };
    else if (line.startsWith('## ')) heading = line.slice(3);
  }
  return { start, move };
}

function stepOf({ language, line, text }: { language: string; line: number; text: string }): Step | undefined {
  if (language === 'sh') return { kind: 'run', line, text };
  if (language !== 'yaml') return undefined;
  const [, file] = /^# (\S+\.yaml)\n/.exec(text) ?? [];
  if (file === undefined) throw new Error(`Line ${line}: the first line of a block of yaml says where it is saved: # NAME.yaml`);
  return { kind: 'save', line, file, text };
}

/** Does what the reader would do, and returns what it prints. A command that fails ends it, as it would end the reader's confidence. */
export async function carryOut(step: Step, directory: string, env: NodeJS.ProcessEnv): Promise<string> {
  if (step.kind === 'save') {
    writeFileSync(join(directory, step.file), step.text);
    return '';
  }
  const child = spawn('sh', ['-eu', '-c', step.text], { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said.stdout += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said.stderr += chunk));
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(`It ended with ${code}:\n${step.text}${said.stdout}${said.stderr}`);
  return said.stdout;
}
