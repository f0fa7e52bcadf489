/** A doctor's finding as text. */
import { safe } from '../view.ts';
import type { Finding, Step } from './observed.ts';

const MARKS: Record<Step['mark'], string> = { ok: '✔', wrong: '✘', unseen: '?', note: '·' };

/** A line for each step; and under the first that fails, or else the first that could not be seen, what to do: the others follow from it, as a rule. */
export function text(findings: readonly Finding[]): string {
  return findings.map(one).join('\n');
}

function one({ subject, namespace, steps }: Finding): string {
  const first = steps.find(({ mark }) => mark === 'wrong') ?? steps.find(({ mark }) => mark === 'unseen');
  const lines = steps.flatMap((step) => [
    `${MARKS[step.mark]} ${safe(step.message)}`,
    ...(step === first && step.mend ? [`  → ${safe(step.mend)}`] : []),
  ]);
  return [safe(subject === `namespace ${namespace}` ? subject : `${subject} in namespace ${namespace}`), ...lines, ''].join('\n');
}

/** 0 fine; 1 something was found; 2 nothing was found, but not all could be seen. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  const marks = new Set(findings.flatMap(({ steps }) => steps.map(({ mark }) => mark)));
  if (marks.has('wrong')) return 1;
  return marks.has('unseen') ? 2 : 0;
}
