/** What is open beside the list: a credential or a namespace. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Details } from '../messages.ts';
import type { Address, Open } from './address.ts';
import { CredentialPanel } from './credential-panel.tsx';
import { Icon } from './icons.tsx';
import type { Model } from './model.ts';
import { NamespacePanel } from './namespace-panel.tsx';
import { plural } from './parts.tsx';

interface Props {
  readonly open: Open;
  readonly model: Model;
  readonly address: Address;
  readonly now: number;
  readonly details: (namespace: string) => Promise<Details | undefined>;
  readonly close: () => void;
}

export function Panel({ open, model, address, now, details, close }: Props) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    const opener = document.activeElement;
    return () => focusAfter(opener);
  }, []);
  useLayoutEffect(() => heading.current?.focus({ preventScroll: true }), [open.kind, open.name]);
  return (
    <aside class="panel" aria-labelledby="panel-title">
      <div class="panel-head">
        <h2 id="panel-title" tabIndex={-1} ref={heading}>
          <span class="muted">{open.kind}</span> {open.name}
        </h2>
        <button type="button" class="close" onClick={close} aria-label={`Close ${open.kind} ${open.name}`}>
          <Icon shape="cross" tone="plain" />
        </button>
      </div>
      {open.kind === 'credential' ? (
        <CredentialPanel name={open.name} model={model} address={address} now={now} />
      ) : (
        <NamespacePanel key={open.name} name={open.name} model={model} address={address} details={details} />
      )}
    </aside>
  );
}

/** Moves the focus after the panel is closed: to the link that opened it, or else to the matrix. A row of the matrix may show another namespace by now. */
function focusAfter(opener: Element | null): void {
  const matrix = document.querySelector<HTMLElement>('.matrix');
  const isLink = opener instanceof HTMLAnchorElement && opener.isConnected;
  (isLink ? opener : matrix)?.focus({ preventScroll: true });
}

/** `2 credentials · 5,000 namespaces` */
export const countOf = (model: Model): string =>
  `${plural(model.credentials.length, 'credential')} · ${plural(model.rows.length, 'namespace')}`;
