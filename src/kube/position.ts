import { newer } from './resource-version.ts';
import type { Timeline } from './timeline.ts';

/** The position of a watch in the history of the cluster: where the watch may resume, or that it must list again. */
export class Position {
  readonly #timeline: Timeline;
  readonly #maxSilenceMs: number;
  /** After this many milliseconds, a streaming list that has not ended counts as broken. */
  readonly maxStreamedListMs: number;
  /** The timeline that #latest belongs to. */
  #era: AbortSignal;
  /** The latest seen resourceVersion. */
  #latest: string | undefined;
  #resumeAt: string | undefined;
  #silentMs = 0;
  #hasHeard = false;
  #hasListed = false;
  #hasBrokenStream = false;

  constructor(timeline: Timeline, limits: { readonly maxSilenceMs: number; readonly maxStreamedListMs: number }) {
    this.#timeline = timeline;
    this.#maxSilenceMs = limits.maxSilenceMs;
    this.maxStreamedListMs = limits.maxStreamedListMs;
    this.#era = timeline.current;
  }

  /** Aborted when the timeline ends. */
  get era(): AbortSignal {
    return this.#era;
  }

  /** The resourceVersion to resume at; undefined: list first. */
  get resumeAt(): string | undefined {
    return this.#era.aborted ? undefined : this.#resumeAt;
  }

  /** Whether the collection has ever been listed, in this timeline or in an earlier one. */
  get hasListed(): boolean {
    return this.#hasListed;
  }

  /**
   * Whether the list that begins now may be a stream. After a stream that broke before its end, one list comes in pages, because a proxy may
   * not pass streams on. Then it is a stream's turn again: the pages may have failed as well.
   */
  mayStream(): boolean {
    const may = !this.#hasBrokenStream;
    this.#hasBrokenStream = false;
    return may;
  }

  /** Call before the collection is listed. */
  listing(): void {
    this.#resumeAt = undefined;
    // Versions of different timelines cannot be compared.
    if (this.#era.aborted) this.#latest = undefined;
    this.#era = this.#timeline.current;
  }

  /** Call when a streaming list has begun, or when its answer never came. */
  streaming(): void {
    this.#hasBrokenStream = true;
  }

  /** Call after the collection was listed in its latest state. If that state is older than a seen one, the timeline has ended. */
  listed(resourceVersion: string): void {
    if (this.#latest !== undefined && newer(this.#latest, resourceVersion)) {
      this.#timeline.rewound(this.#era);
      this.#era = this.#timeline.current;
    }
    this.#latest = resourceVersion;
    this.#resumeAt = resourceVersion;
    this.#silentMs = 0;
    this.#hasListed = true;
    this.#hasBrokenStream = false;
  }

  /** Call for each line that the watch delivers. */
  heard(resourceVersion: string): void {
    this.#latest = resourceVersion;
    this.#resumeAt = resourceVersion;
    this.#hasHeard = true;
  }

  /**
   * Call when a watch has ended after `ms` milliseconds. The API server sends at least a bookmark each minute, unless the resourceVersion
   * lies in its future. A proxy may cut silent connections earlier, so this adds up the silence of consecutive watches.
   */
  ended(ms: number): void {
    this.#silentMs = this.#hasHeard ? 0 : this.#silentMs + ms;
    this.#hasHeard = false;
    if (this.#silentMs >= this.#maxSilenceMs) this.lost();
  }

  /** Call when the watch cannot resume, so that it lists again. */
  lost(): void {
    this.#resumeAt = undefined;
  }
}
