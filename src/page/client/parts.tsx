/** Small parts that several sections use. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { type Address, formatAddress, type Open } from './address.ts';

const SHOWN_MS = 1500;

/** Copies a text. It says so for a moment, also to a screen reader. */
export function Copy({ text, label, what }: { readonly text: string; readonly label: string; readonly what: string }) {
  const [said, say] = useState<'copied' | 'select it' | undefined>();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say('copied');
    } catch {
      say('select it'); // The browser does not allow it.
    }
    setTimeout(() => say(undefined), SHOWN_MS);
  };
  return (
    <button type="button" class="copy" onClick={copy} aria-label={`${label}: ${what}`}>
      <span aria-live="polite">{said ?? label}</span>
    </button>
  );
}

/** A command that can be copied. */
export function Command({ text, label = 'copy' }: { readonly text: string; readonly label?: string }) {
  return (
    <span class="command">
      <code>{text}</code>
      <Copy text={text} label={label} what={text} />
    </span>
  );
}

/** A link that opens something beside the list. */
export function OpenLink({
  address,
  open,
  children,
}: {
  readonly address: Address;
  readonly open: Open;
  readonly children: ComponentChildren;
}) {
  const isOpen = address.open?.kind === open.kind && address.open.name === open.name;
  return (
    <a class="open" href={formatAddress({ ...address, open })} aria-current={isOpen ? 'true' : undefined}>
      {children}
    </a>
  );
}

/** `1 namespace`, `5,000 namespaces` */
export const plural = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString('en-GB')} ${n === 1 ? one : many}`;
