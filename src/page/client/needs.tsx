/** What needs a person, the most urgent first, each with its fix. */
import type { Need } from '../../plan/coverage/needs.ts';
import type { Urgency } from '../../plan/coverage/urgent.ts';
import type { Address, Open } from './address.ts';
import { Icon } from './icons.tsx';
import type { Model } from './model.ts';
import { Copy, OpenLink } from './parts.tsx';
import { formatSince } from './time.ts';

const SOON: readonly Urgency[] = ['expiring', 'unsure'];

/** More of them would push everything else off the screen. */
const FIRST = 12;

interface Props {
  readonly model: Model;
  readonly address: Address;
  readonly now: number;
  readonly isAll: boolean;
  readonly showAll: () => void;
}

export function Needs({ model, address, now, isAll, showAll }: Props) {
  const { needs, notices } = model;
  const shown = isAll ? needs : needs.slice(0, FIRST);
  return (
    <section aria-labelledby="needs-title" class="needs">
      <h2 id="needs-title">{needs.length > 0 ? `Needs you (${needs.length})` : 'Needs you'}</h2>
      {needs.length === 0 && (
        <p class="calm">
          <Icon shape="check" tone="synced" /> Nothing{notices.length > 0 ? ', as far as this page can see' : ''}.
        </p>
      )}
      <ul>
        {shown.map((need) => (
          <NeedItem key={need.key} need={need} address={address} now={now} />
        ))}
      </ul>
      {needs.length > shown.length && (
        <button type="button" class="more" onClick={showAll}>
          Show {needs.length - shown.length} more
        </button>
      )}
    </section>
  );
}

function NeedItem({ need, address, now }: { readonly need: Need; readonly address: Address; readonly now: number }) {
  const isSoon = SOON.includes(need.urgency);
  const since = formatSince(need.since, now);
  return (
    <li class={isSoon ? 'need soon' : 'need'}>
      <Icon shape={isSoon ? 'bang' : 'cross'} tone={isSoon ? 'warning' : 'failed'} />
      <div class="need-text">
        <p>
          <span class="sr">{isSoon ? 'Soon: ' : 'Now: '}</span>
          <OpenLink address={address} open={openOf(need)}>
            {need.title}
          </OpenLink>{' '}
          {need.message} {since && <span class="muted">since {since}</span>}
        </p>
        {need.fix && <p class="fix">→ {need.fix}</p>}
      </div>
      <div class="need-fix">
        <code title={need.command}>{need.command}</code>
        <Copy text={need.command} label="copy fix" what={need.command} />
      </div>
    </li>
  );
}

function openOf({ about, title }: Need): Open {
  return about.kind === 'Pod' ? { kind: 'namespace', name: about.namespace } : { kind: 'credential', name: title };
}
