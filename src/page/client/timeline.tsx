/** The next 90 days: one mark for each server whose credentials expire. */
import type { Mark } from '../../plan/coverage/timeline.ts';
import type { Address } from './address.ts';
import { Icon, type Shape } from './icons.tsx';
import type { Model } from './model.ts';
import { OpenLink } from './parts.tsx';
import { formatDay, formatDistance } from './time.ts';

const DAY_MS = 86_400_000;
const DAYS = 90;
const TICKS = [0, 30, 60, 90];

const LOOK: Readonly<Record<Mark['kind'], { readonly shape: Shape; readonly tone: 'failed' | 'warning' | 'plain' }>> = {
  expired: { shape: 'cross', tone: 'failed' },
  soon: { shape: 'bang', tone: 'warning' },
  later: { shape: 'ring', tone: 'plain' },
};

/** The room that a name needs, in percent of the line. A mark without room for its name goes a line lower. */
const NAME = 17;
/** The marks below the last line have no visible name, only a title: there are too many. */
const MAX_LINES = 4;
const TO_LEFT = 75;

export function Timeline({ model, address, now }: { readonly model: Model; readonly address: Address; readonly now: number }) {
  const { marks } = model;
  if (marks.length === 0) return null;
  const placed = placeMarks(marks, now);
  const lines = 1 + Math.max(0, ...placed.map(({ line }) => line));
  return (
    <section aria-labelledby="timeline-title" class="timeline">
      <h2 id="timeline-title">Next {DAYS} days</h2>
      <div class="axis" aria-hidden="true">
        {TICKS.map((day) => (
          <span key={day} class="tick" style={{ left: `${(day / DAYS) * 100}%` }}>
            {day === 0 ? 'today' : formatDay(now + day * DAY_MS)}
          </span>
        ))}
      </div>
      <ol style={{ '--lines': lines }}>
        {placed.map(({ mark, left, line, hasName }) => (
          <li
            key={`${mark.server} ${mark.at}`}
            class={left > TO_LEFT ? 'mark to-left' : 'mark'}
            title={`${mark.server} (${mark.credentials.join(', ')})`}
            style={{ '--at': `${left}%`, '--line': line }}
          >
            <OpenLink address={address} open={{ kind: 'credential', name: mark.credentials[0] ?? '' }}>
              <Icon {...LOOK[mark.kind]} />
              <span class={hasName ? 'mark-text' : 'sr'}>
                {mark.server}{' '}
                <span class="muted">{mark.at <= now ? `expired ${formatDistance(mark.at, now)}` : formatDistance(mark.at, now)}</span>
                <span class="sr"> ({mark.credentials.join(', ')})</span>
              </span>
            </OpenLink>
          </li>
        ))}
      </ol>
    </section>
  );
}

interface Placed {
  readonly mark: Mark;
  /** In percent of the line. */
  readonly left: number;
  readonly line: number;
  readonly hasName: boolean;
}

function placeMarks(marks: readonly Mark[], now: number): Placed[] {
  const ends: number[] = [];
  return marks.map((mark) => {
    const left = Math.min(100, Math.max(0, ((mark.at - now) / (DAYS * DAY_MS)) * 100));
    // Near the end of the line a name is on the left of its mark.
    const start = left > TO_LEFT ? left - NAME : left;
    const free = Array.from({ length: MAX_LINES }, (_, at) => at).find((at) => start >= (ends[at] ?? Number.NEGATIVE_INFINITY));
    if (free === undefined) return { mark, left, line: MAX_LINES, hasName: false };
    ends[free] = start + NAME;
    return { mark, left, line: free, hasName: true };
  });
}
