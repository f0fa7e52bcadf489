/** One shape and one colour for each state and result, so that a colour alone never says anything. */
import type { CellState } from '../../plan/coverage/cell-state.ts';

const SHAPES = {
  check: 'M3 8.5l3.2 3.2L13 4.8',
  dots: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  cross: 'M4 4l8 8M12 4l-8 8',
  diamond: 'M8 1.8L14.2 8 8 14.2 1.8 8zM8 5.2v3.2M8 10.8h.01',
  barred: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM3.8 3.8l8.4 8.4',
  dash: 'M3.5 8h9',
  dot: 'M8 8h.01',
  ring: 'M8 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z',
  question: 'M5.4 5.6a2.6 2.6 0 1 1 3.9 2.2c-.9.5-1.3 1-1.3 2M8 12.6h.01',
  bang: 'M8 3v6.2M8 12.6h.01',
} as const;

export type Shape = keyof typeof SHAPES;

/** The shape, the word and the meaning of each state of a cell. */
export const STATE: Readonly<Record<CellState, { readonly shape: Shape; readonly word: string; readonly meaning: string }>> = {
  synced: { shape: 'check', word: 'synced', meaning: 'The Secret is there, and the ServiceAccounts refer to it.' },
  pending: { shape: 'dots', word: 'pending', meaning: 'The operator still has work here, or waits for a source.' },
  failed: { shape: 'cross', word: 'failed', meaning: 'The operator could not write here.' },
  conflict: { shape: 'diamond', word: 'conflict', meaning: 'An object of another owner is in the way.' },
  'not-accepted': { shape: 'barred', word: 'not accepted', meaning: 'The namespace does not accept this credential.' },
  'opted-out': { shape: 'dash', word: 'opted out', meaning: 'The namespace has the label regcred.dev/exclude.' },
  'not-selected': { shape: 'dot', word: 'not selected', meaning: 'The credential does not select the namespace.' },
  unknown: { shape: 'question', word: 'unknown', meaning: 'A right is missing, or it is still being read.' },
};

/** The shape, the colour and the word of what a registry answered. */
export const RESULT: Readonly<Record<string, { readonly shape: Shape; readonly tone: CellState; readonly word: string }>> = {
  Proven: { shape: 'check', tone: 'synced', word: 'proven' },
  NotRefused: { shape: 'dot', tone: 'synced', word: 'not refused' },
  Public: { shape: 'dash', tone: 'opted-out', word: 'public' },
  Refused: { shape: 'cross', tone: 'failed', word: 'refused' },
  Unreachable: { shape: 'question', tone: 'pending', word: 'unreachable' },
  Pending: { shape: 'dots', tone: 'pending', word: 'not asked yet' },
  NotAsked: { shape: 'dash', tone: 'opted-out', word: 'not asked' },
};

/** How the page shows a condition Ready. */
export const readyMark = (status: 'True' | 'False' | 'Unknown'): { readonly shape: Shape; readonly tone: CellState } =>
  ({ True: { shape: 'check', tone: 'synced' }, False: { shape: 'cross', tone: 'failed' }, Unknown: { shape: 'dots', tone: 'pending' } })[
    status
  ] as {
    shape: Shape;
    tone: CellState;
  };

/** The shapes, once in the document. Every icon refers to them. */
export function Shapes() {
  return (
    <svg width="0" height="0" class="shapes" aria-hidden="true">
      {Object.entries(SHAPES).map(([name, path]) => (
        <symbol key={name} id={`shape-${name}`} viewBox="0 0 16 16">
          <path d={path} />
        </symbol>
      ))}
    </svg>
  );
}

/** The text beside it says the same, so a screen reader skips it. */
export function Icon({ shape, tone }: { readonly shape: Shape; readonly tone: CellState | 'warning' | 'plain' }) {
  return (
    <svg class={`icon tone-${tone}`} aria-hidden="true">
      <use href={`#shape-${shape}`} />
    </svg>
  );
}
