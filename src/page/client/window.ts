/** Which part of a long list is drawn: what can be seen, and a little more on both sides, so that scrolling shows no gap. */

export interface Range {
  readonly from: number;
  /** Not included. */
  readonly to: number;
}

/** `size`: of one item; `view`: of what can be seen. In CSS pixels. */
export function visibleRange(scrolled: number, view: number, size: number, count: number, extra: number): Range {
  const from = Math.max(0, Math.floor(scrolled / size) - extra);
  return { from: Math.min(from, count), to: Math.min(count, Math.ceil((scrolled + view) / size) + extra) };
}

/** Where to scroll to, so that an item can be seen as a whole. The same position if it already can. */
export function scrollToShow(at: number, scrolled: number, view: number, size: number): number {
  if (at * size < scrolled) return at * size;
  return (at + 1) * size > scrolled + view ? (at + 1) * size - view : scrolled;
}
