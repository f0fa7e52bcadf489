/** The connection to the program: one stream, which reconnects by itself and says when it is lost. */
import type { Change, Snapshot } from '../messages.ts';

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  /** `since`: in milliseconds since 1970. `isRefused`: the program runs no more, or was started again with another address. */
  | { readonly state: 'lost'; readonly since: number; readonly isRefused: boolean };

export interface Listener {
  readonly snapshot: (snapshot: Snapshot) => void;
  readonly change: (change: Change) => void;
  readonly connection: (connection: Connection) => void;
}

/** The program says every four seconds that it is alive. */
const SILENCE_MS = 10_000;
const RETRY_MS = 1_000;

/** Connects, and connects again for ever. */
export function connect({ snapshot, change, connection }: Listener): void {
  let source: EventSource | undefined;
  let silence = 0;
  let lostSince: number | undefined;
  const heard = () => {
    clearTimeout(silence);
    silence = window.setTimeout(lose, SILENCE_MS);
    if (lostSince === undefined) return;
    lostSince = undefined;
    connection({ state: 'live' });
  };
  const lose = () => {
    const isRefused = source?.readyState === EventSource.CLOSED;
    source?.close();
    clearTimeout(silence);
    lostSince ??= Date.now();
    connection({ state: 'lost', since: lostSince, isRefused });
    window.setTimeout(open, RETRY_MS);
  };
  const open = () => {
    const opened = new EventSource('stream');
    source = opened;
    silence = window.setTimeout(lose, SILENCE_MS);
    opened.addEventListener('snapshot', ({ data }) => {
      snapshot(JSON.parse(data));
      heard();
    });
    opened.addEventListener('change', ({ data }) => {
      change(JSON.parse(data));
      heard();
    });
    opened.addEventListener('alive', heard);
    opened.addEventListener('error', () => {
      if (source === opened) lose();
    });
  };
  lostSince = Date.now();
  open();
}
