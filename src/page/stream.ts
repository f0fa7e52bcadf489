/** The stream of one browser tab: server-sent events. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import type { ServerResponse } from 'node:http';
import type { Change, Snapshot } from './messages.ts';

/** How often the page hears that the connection is alive. It reports a lost connection after more than twice this time. */
export const ALIVE_MS = 4_000;

/** One open page: server-sent events with a snapshot first, and then the changes. */
export class Stream {
  readonly #response: ServerResponse;
  readonly #timer: NodeJS.Timeout;
  /** The browser reads more slowly than the cluster changes: it gets a new snapshot when it has caught up. */
  #isBehind = false;

  constructor(response: ServerResponse, snapshot: () => Snapshot) {
    this.#response = response;
    response.on('drain', () => {
      if (!this.#isBehind) return;
      this.#isBehind = false;
      this.send('snapshot', snapshot());
    });
    this.#timer = setInterval(() => this.send('alive', {}), ALIVE_MS);
    this.send('snapshot', snapshot());
  }

  send(event: 'snapshot' | 'change' | 'alive', data: Snapshot | Change | object): void {
    if (this.#isBehind || this.#response.writableNeedDrain) {
      this.#isBehind ||= event !== 'alive';
      return;
    }
    this.#response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#response.end();
  }
}
