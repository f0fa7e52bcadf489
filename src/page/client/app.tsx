/** The page: the header, the lists, and what is open beside them. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { CellState } from '../../plan/coverage/cell-state.ts';
import type { Details } from '../messages.ts';
import { type Address, formatAddress, parseAddress } from './address.ts';
import { Credentials } from './credentials.tsx';
import { type Shown, shownOf } from './filter.ts';
import { Icon, Shapes, STATE } from './icons.tsx';
import type { Connection } from './live.ts';
import { Matrix } from './matrix.tsx';
import type { Model } from './model.ts';
import { Needs } from './needs.tsx';
import { countOf, Panel } from './panel.tsx';
import { formatSince } from './time.ts';
import { Timeline } from './timeline.tsx';

interface Props {
  readonly model: Model | undefined;
  /** Undefined: the page is a report. */
  readonly connection: Connection | undefined;
  readonly details: (namespace: string) => Promise<Details | undefined>;
}

const CLOCK_MS = 20_000;

export function App({ model, connection, details }: Props) {
  const [address, go] = useAddress();
  const [now, setNow] = useState(Date.now());
  const [isAll, setAll] = useState(false);
  const filter = useRef<HTMLInputElement>(null);
  const close = () => go({ ...address, open: undefined });
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), CLOCK_MS);
    return () => clearInterval(timer);
  }, []);
  // At once, and not after the next frame: a key that comes before would see the former address.
  useLayoutEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLInputElement;
      if (event.key === 'Escape' && address.open) close();
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      filter.current?.focus();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  });
  const credentials = model?.credentials;
  const rows = model?.rows;
  const shown = useMemo(
    () => shownOf({ credentials: credentials ?? [], rows: rows ?? [] }, address.query, address.states),
    [credentials, rows, address.query, address.states.join()],
  );
  const at = connection ? now : (model?.at ?? now);
  return (
    <>
      <Shapes />
      <Header model={model} connection={connection} address={address} go={go} filter={filter} now={now} />
      {model === undefined ? (
        <main class="loading">
          <p class="calm">Reading the cluster …</p>
        </main>
      ) : (
        <div class={address.open ? 'layout with-panel' : 'layout'}>
          <main>
            <Notices model={model} now={now} />
            <Needs model={model} address={address} now={at} isAll={isAll} showAll={() => setAll(true)} />
            <Credentials credentials={shown.credentials} all={model.credentials.length} address={address} now={at} />
            <Timeline model={model} address={address} now={at} />
            <section aria-labelledby="namespaces-title">
              <h2 id="namespaces-title">Namespaces</h2>
              <States shown={shown} address={address} go={go} />
              <Matrix
                shown={shown}
                credentials={model.credentials}
                all={model.rows.length}
                address={address}
                open={(name) => go({ ...address, open: { kind: 'namespace', name } })}
              />
            </section>
            <footer class="muted">
              Keys: <kbd>/</kbd> filter · <kbd>↑</kbd> <kbd>↓</kbd> <kbd>←</kbd> <kbd>→</kbd> in the matrix · <kbd>Enter</kbd> open ·{' '}
              <kbd>Esc</kbd> close
            </footer>
          </main>
          {address.open && <Panel open={address.open} model={model} address={address} now={at} details={details} close={close} />}
        </div>
      )}
    </>
  );
}

/** The address in the browser. Filters replace it, so that the way back leads to what was open before. */
function useAddress(): readonly [Address, (address: Address) => void] {
  const [address, setAddress] = useState(parseAddress(location.hash));
  useEffect(() => {
    const onChange = () => setAddress(parseAddress(location.hash));
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  const go = (next: Address) => {
    const isSameOpen = next.open?.kind === address.open?.kind && next.open?.name === address.open?.name;
    history[isSameOpen ? 'replaceState' : 'pushState'](null, '', formatAddress(next));
    setAddress(next);
  };
  return [address, go];
}

interface HeaderProps extends Pick<Props, 'model' | 'connection'> {
  readonly address: Address;
  readonly go: (address: Address) => void;
  readonly filter: { readonly current: HTMLInputElement | null };
  readonly now: number;
}

function Header({ model, connection, address, go, filter, now }: HeaderProps) {
  return (
    <header>
      <h1>regcred</h1>
      {model && (
        <p class="where">
          <b title={model.cluster.server}>{model.cluster.context}</b> <span class="muted">{countOf(model)}</span>
        </p>
      )}
      <p class="live" role="status">
        {connection ? (
          <Live connection={connection} now={now} />
        ) : (
          `report of ${formatSince(model?.at, 0)}, ${formatSince(model?.at, model?.at ?? 0)}`
        )}
      </p>
      <input
        ref={filter as never}
        type="search"
        placeholder="filter …"
        aria-label="Filter by namespace, credential or registry"
        autocomplete="off"
        spellcheck={false}
        value={address.query}
        onInput={(event) => go({ ...address, query: event.currentTarget.value })}
      />
    </header>
  );
}

function Live({ connection, now }: { readonly connection: Connection; readonly now: number }) {
  switch (connection.state) {
    case 'connecting':
      return <span class="live-connecting">connecting …</span>;
    case 'live':
      return (
        <span class="live-on">
          <span class="pulse" aria-hidden="true" /> live
        </span>
      );
    case 'lost':
      return (
        <span class="live-lost">
          <Icon shape="bang" tone="failed" /> connection lost since {formatSince(connection.since, now)}, trying again.{' '}
          {connection.isRefused ? 'The address has changed: open the new one.' : 'Is kubectl regcred web still running?'}
        </span>
      );
    default:
      return connection satisfies never;
  }
}

function Notices({ model: { notices }, now }: { readonly model: Model; readonly now: number }) {
  if (notices.length === 0) return null;
  return (
    <ul class="notices" aria-label="Notices">
      {notices.map(({ kind, message, since }) => (
        <li key={message}>
          <Icon shape={kind === 'reading' ? 'dots' : kind === 'lost' ? 'bang' : 'question'} tone={kind === 'lost' ? 'failed' : 'unknown'} />{' '}
          {message}
          {kind === 'lost' && ` Since ${formatSince(since, now)}; what you see may be older than that. Trying again.`}
        </li>
      ))}
    </ul>
  );
}

/** The states with their numbers: the key of the matrix, and its filter. */
function States({ shown, address, go }: { readonly shown: Shown; readonly address: Address; readonly go: (address: Address) => void }) {
  const toggle = (state: CellState) => {
    const states = address.states.includes(state) ? address.states.filter((one) => one !== state) : [...address.states, state];
    go({ ...address, states });
  };
  const present = (Object.keys(STATE) as CellState[]).filter((state) => shown.counts.has(state) || address.states.includes(state));
  return (
    <fieldset class="states">
      <legend class="sr">Show only namespaces with a cell that is</legend>
      {present.map((state) => (
        <button
          key={state}
          type="button"
          class="chip"
          aria-pressed={address.states.includes(state)}
          title={STATE[state].meaning}
          onClick={() => toggle(state)}
        >
          <Icon shape={STATE[state].shape} tone={state} /> {STATE[state].word}{' '}
          <span class="muted">{(shown.counts.get(state) ?? 0).toLocaleString('en-GB')}</span>
        </button>
      ))}
    </fieldset>
  );
}
