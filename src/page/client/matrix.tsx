/** The namespaces × the credentials. Only what can be seen is in the document, so it stays fast with thousands of namespaces. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { CredentialView, Row } from '../messages.ts';
import type { Address } from './address.ts';
import { type Shown, STATE_OF } from './filter.ts';
import { Icon, STATE } from './icons.tsx';
import { plural } from './parts.tsx';
import { scrollToShow, visibleRange } from './window.ts';

const ROW_PX = 32;
/** With few credentials each cell has its word beside its shape. */
const WIDE = { cell: 136, head: 36 };
const NARROW = { cell: 40, head: 120 };
const MAX_WIDE = 6;
const EXTRA = 6;

interface Props {
  readonly shown: Shown;
  readonly credentials: readonly CredentialView[];
  readonly all: number;
  readonly address: Address;
  readonly open: (namespace: string) => void;
}

interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

export function Matrix({ shown: { rows, columns }, credentials, all, address, open }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const [box, setBox] = useState<Box>({ top: 0, left: 0, height: 600, width: 1200 });
  const [active, setActive] = useState({ row: 0, column: 0 });
  const [isFocused, setFocused] = useState(false);
  const { cell: cellPx, head: headPx } = columns.length <= MAX_WIDE ? WIDE : NARROW;
  const namePx = box.width < 560 ? 128 : 240;
  const measure = () => {
    const element = scroller.current;
    if (element) setBox({ top: element.scrollTop, left: element.scrollLeft, height: element.clientHeight, width: element.clientWidth });
  };
  useLayoutEffect(measure, [rows.length, columns.length]);
  useEffect(() => {
    const observer = new ResizeObserver(measure);
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);

  const at = { row: Math.min(active.row, Math.max(0, rows.length - 1)), column: Math.min(active.column, Math.max(0, columns.length - 1)) };
  const moveTo = (row: number, column: number) => {
    const next = { row: clamp(row, rows.length), column: clamp(column, columns.length) };
    setActive(next);
    const element = scroller.current;
    if (!element) return;
    element.scrollTop = scrollToShow(next.row, element.scrollTop, element.clientHeight - headPx, ROW_PX);
    element.scrollLeft = scrollToShow(next.column, element.scrollLeft, element.clientWidth - namePx, cellPx);
    measure();
  };
  const page = Math.max(1, Math.floor((box.height - headPx) / ROW_PX) - 1);
  const keys: Readonly<Record<string, () => void>> = {
    ArrowDown: () => moveTo(at.row + 1, at.column),
    ArrowUp: () => moveTo(at.row - 1, at.column),
    ArrowRight: () => moveTo(at.row, at.column + 1),
    ArrowLeft: () => moveTo(at.row, at.column - 1),
    PageDown: () => moveTo(at.row + page, at.column),
    PageUp: () => moveTo(at.row - page, at.column),
    Home: () => moveTo(0, at.column),
    End: () => moveTo(rows.length - 1, at.column),
    Enter: () => rows[at.row] && open((rows[at.row] as Row).name),
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  };

  const lines = visibleRange(box.top, box.height - headPx, ROW_PX, rows.length, EXTRA);
  const across = visibleRange(box.left, box.width - namePx, cellPx, columns.length, EXTRA);
  const shownColumns = columns.slice(across.from, across.to);
  const size = { width: `${namePx + columns.length * cellPx}px`, height: `${headPx + rows.length * ROW_PX}px` };
  if (rows.length === 0) return <p class="calm">{all === 0 ? 'No namespace has been read.' : 'The filter matches no namespace.'}</p>;
  return (
    // Roles instead of a table, which cannot leave out the rows that are not drawn.
    <div
      class={columns.length <= MAX_WIDE ? 'matrix wide' : 'matrix'}
      ref={scroller}
      role="grid"
      tabIndex={0}
      aria-label={`${plural(rows.length, 'namespace')} and ${plural(columns.length, 'credential')}. Arrow keys move, Enter opens.`}
      aria-rowcount={rows.length + 1}
      aria-colcount={columns.length + 1}
      aria-activedescendant={isFocused ? cellId(at.row, at.column) : undefined}
      style={{ '--cell': `${cellPx}px`, '--name': `${namePx}px`, '--head': `${headPx}px`, '--row': `${ROW_PX}px` }}
      onScroll={measure}
      onKeyDown={onKeyDown}
      onFocus={() => setFocused(true)}
      onBlur={() => setFocused(false)}
    >
      <div class="matrix-size" role="presentation" style={size}>
        <div class="matrix-head" role="row" aria-rowindex={1} tabIndex={-1}>
          <span class="matrix-name" role="columnheader" aria-colindex={1} tabIndex={-1}>
            namespace
          </span>
          {shownColumns.map((column, offset) => (
            <span
              key={credentials[column]?.title}
              class="matrix-title"
              role="columnheader"
              tabIndex={-1}
              aria-colindex={across.from + offset + 2}
              title={credentials[column]?.title}
              style={{ left: `${namePx + (across.from + offset) * cellPx}px` }}
            >
              <span>{credentials[column]?.title}</span>
            </span>
          ))}
        </div>
        {rows.slice(lines.from, lines.to).map((row, offset) => (
          <MatrixRow
            // A row that leaves the view becomes the next one that enters it: most of its cells look the same.
            key={(lines.from + offset) % (lines.to - lines.from)}
            row={row}
            index={lines.from + offset}
            columns={shownColumns}
            first={across.from}
            credentials={credentials}
            top={headPx + (lines.from + offset) * ROW_PX}
            cellPx={cellPx}
            namePx={namePx}
            isWide={columns.length <= MAX_WIDE}
            activeColumn={at.row === lines.from + offset && isFocused ? at.column : undefined}
            isOpen={address.open?.kind === 'namespace' && address.open.name === row.name}
            open={(column) => {
              setActive({ row: lines.from + offset, column: column ?? at.column });
              open(row.name);
            }}
          />
        ))}
      </div>
    </div>
  );
}

const clamp = (at: number, count: number) => Math.max(0, Math.min(count - 1, at));
const cellId = (row: number, column: number) => `cell-${row}-${column}`;

interface RowProps {
  readonly row: Row;
  readonly index: number;
  readonly columns: readonly number[];
  readonly first: number;
  readonly credentials: readonly CredentialView[];
  readonly top: number;
  readonly cellPx: number;
  readonly namePx: number;
  readonly isWide: boolean;
  readonly activeColumn: number | undefined;
  readonly isOpen: boolean;
  readonly open: (column?: number) => void;
}

function MatrixRow({ row, index, columns, first, credentials, top, cellPx, namePx, isWide, activeColumn, isOpen, open }: RowProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid handles the keys
    <div
      class={`matrix-row${isOpen ? ' is-open' : ''}${index % 2 === 1 ? ' odd' : ''}`}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => open()}
    >
      <span class="matrix-name" role="rowheader" aria-colindex={1} tabIndex={-1} title={row.name}>
        <span class="matrix-name-text">{row.name}</span>
        {row.waiting > 0 && (
          <span class="badge" title={`${plural(row.waiting, 'pod waits', 'pods wait')} for an image`}>
            <Icon shape="bang" tone="failed" />
            {row.waiting}
            <span class="sr"> {row.waiting === 1 ? 'pod waits' : 'pods wait'} for an image</span>
          </span>
        )}
      </span>
      {columns.map((column, offset) => {
        const state = STATE_OF.get(row.cells[column] ?? '') ?? 'unknown';
        const { shape, word } = STATE[state];
        const position = first + offset;
        return (
          <span
            key={position % columns.length}
            id={cellId(index, position)}
            class={`matrix-cell${activeColumn === position ? ' is-active' : ''}`}
            role="gridcell"
            tabIndex={-1}
            aria-colindex={position + 2}
            title={`${credentials[column]?.title}: ${word}`}
            style={{ left: `${namePx + position * cellPx}px` }}
          >
            <Icon shape={shape} tone={state} />
            {isWide ? (
              <span class={state === 'synced' || state === 'not-selected' ? 'sr' : 'word'}>{word}</span>
            ) : (
              <span class="sr">{word}</span>
            )}
          </span>
        );
      })}
    </div>
  );
}
