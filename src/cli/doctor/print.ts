/** The doctor's findings as text, and as an exit code. */
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { PLAIN, type Style, type Tone } from '../terminal/style.ts';
import { printable } from '../terminal/text.ts';
import type { Finding, Step } from './observed.ts';

const MARKS: Readonly<Record<Step['mark'], { readonly sign: string; readonly tone: Tone }>> = {
  ok: { sign: '✔', tone: 'good' },
  wrong: { sign: '✘', tone: 'bad' },
  unseen: { sign: '?', tone: 'unknown' },
  note: { sign: '·', tone: 'quiet' },
};

export interface TextOptions {
  readonly style: Style;
  /** Print the fix of every step, and not only of the first one: later ones usually follow from it. */
  readonly withAllFixes: boolean;
}

/** One line for each step. The fix is printed below the first wrong step, or else below the first unseen one. */
export const formatFindings = (findings: readonly Finding[], options: TextOptions = { style: PLAIN, withAllFixes: false }): string =>
  findings.map((finding) => formatFinding(finding, options)).join('\n');

function formatFinding({ subject, namespace, steps }: Finding, { style, withAllFixes }: TextOptions): string {
  const first = steps.find(({ mark }) => mark === 'wrong') ?? steps.find(({ mark }) => mark === 'unseen');
  const lines = steps.flatMap((step) => {
    const { sign, tone } = MARKS[step.mark];
    const fix = (withAllFixes || step === first) && step.fix;
    return [`${style.paint(tone, sign)} ${printable(step.message)}`, ...(fix ? [`  → ${printable(fix)}`] : [])];
  });
  const isInNamespace = namespace !== '' && subject !== `namespace ${namespace}`;
  return [printable(isInNamespace ? `${subject} in namespace ${namespace}` : subject), ...lines, ''].join('\n');
}

/** The subjects with something wrong or unknown, as `-o name` prints them. */
export const formatNames = (findings: readonly Finding[]): string =>
  findings
    .filter(({ steps }) => steps.some(({ mark }) => mark === 'wrong' || mark === 'unseen'))
    .map(({ subject }) => `${printable(subject)}\n`)
    .join('');

/** failed: nothing is known to be wrong, but something could not be checked. */
export function exitCodeOf(findings: readonly Finding[]): ExitCode {
  const marks = new Set(findings.flatMap(({ steps }) => steps.map(({ mark }) => mark)));
  if (marks.has('wrong')) return EXIT.found;
  return marks.has('unseen') ? EXIT.failed : EXIT.ok;
}
