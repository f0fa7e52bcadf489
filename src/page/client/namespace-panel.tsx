/** One namespace beside the list: its cells and why, its ServiceAccounts, the pods that wait for an image, and what the doctor finds. */
import type { Details, FindingView } from '../messages.ts';
import type { Address } from './address.ts';
import { Icon, STATE } from './icons.tsx';
import type { Model } from './model.ts';
import { Command, OpenLink } from './parts.tsx';
import { useDetails } from './use-details.ts';

interface Props {
  readonly name: string;
  readonly model: Model;
  readonly address: Address;
  readonly details: (namespace: string) => Promise<Details | undefined>;
}

export function NamespacePanel({ name, model, address, details }: Props) {
  const read = useDetails(name, model.versions.get(name) ?? 0, details);
  const row = model.rows.find((one) => one.name === name);
  if (row === undefined && model.notices.length === 0) return <p class="calm">There is no namespace {name} any more.</p>;
  if (read.state === 'reading') return <p class="calm">Reading …</p>;
  if (read.state === 'failed') return <p class="calm">{read.why}</p>;
  const { acceptFrom, cells, accounts, pods, findings } = read.details;
  return (
    <>
      <h3>Credentials</h3>
      <ul class="plain">
        {cells.map(({ title, state, why }) => (
          <li key={title}>
            <p>
              <Icon shape={STATE[state].shape} tone={state} />{' '}
              <OpenLink address={address} open={{ kind: 'credential', name: title }}>
                {title}
              </OpenLink>{' '}
              {STATE[state].word}
            </p>
            <p class="detail">{why}</p>
          </li>
        ))}
      </ul>
      {acceptFrom.length > 0 && <p class="lead">It accepts credentials from {acceptFrom.join(', ')} (regcred.dev/accept-from).</p>}
      <h3>ServiceAccounts</h3>
      {accounts.known ? <Accounts accounts={accounts.value} /> : <p class="detail">{accounts.why}</p>}
      <h3>Pods that wait for an image</h3>
      {!pods.known && <p class="detail">{pods.why}</p>}
      {pods.known && pods.value.length === 0 && <p class="detail">None.</p>}
      {pods.known && (
        <ul class="plain">
          {pods.value.map((pod) => (
            <li key={pod.name}>
              <p>
                <Icon shape="cross" tone="failed" /> <b>{pod.name}</b> {pod.reason} {pod.owner && <span class="muted">of {pod.owner}</span>}
              </p>
              <p class="detail">{pod.images.join(', ')}</p>
              <Command text={`kubectl regcred doctor pod/${pod.name} -n ${name}`} />
            </li>
          ))}
        </ul>
      )}
      <h3>What the doctor finds</h3>
      {findings.known ? (
        findings.value.map((finding) => <Finding key={finding.subject} finding={finding} />)
      ) : (
        <p class="detail">{findings.why}</p>
      )}
    </>
  );
}

function Accounts({ accounts }: { readonly accounts: Extract<Details['accounts'], { known: true }>['value'] }) {
  if (accounts.length === 0) return <p class="detail">None.</p>;
  return (
    <ul class="plain accounts">
      {accounts.map(({ name, isOptedOut, pullSecrets }) => (
        <li key={name}>
          <p>
            <b>{name}</b> {isOptedOut && <span class="muted">opted out </span>}
            {pullSecrets.length === 0 && <span class="muted">no pull secret</span>}
            {pullSecrets.map((secret) => (
              <span key={secret.name} class="secret" title={secret.isOurs ? 'added by regcred' : 'added by another user or controller'}>
                {secret.name} {!secret.isOurs && <span class="muted">(not by regcred) </span>}
              </span>
            ))}
          </p>
        </li>
      ))}
    </ul>
  );
}

const MARK = {
  ok: { shape: 'check', tone: 'synced', word: 'Correct: ' },
  wrong: { shape: 'cross', tone: 'failed', word: 'Wrong: ' },
  unseen: { shape: 'question', tone: 'unknown', word: 'Unknown: ' },
  note: { shape: 'dot', tone: 'opted-out', word: '' },
} as const;

function Finding({ finding: { subject, steps } }: { readonly finding: FindingView }) {
  return (
    <div class="finding">
      <h4>{subject}</h4>
      <ul class="plain">
        {steps.map(({ mark, message, fix }) => (
          <li key={message} class="step">
            <Icon shape={MARK[mark].shape} tone={MARK[mark].tone} />
            <div>
              <p>
                <span class="sr">{MARK[mark].word}</span>
                {message}
              </p>
              {fix && (mark === 'wrong' || mark === 'unseen') && <p class="fix">→ {fix}</p>}
            </div>
          </li>
        ))}
      </ul>
    </div>
  );
}
