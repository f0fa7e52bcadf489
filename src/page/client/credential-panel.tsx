/** One credential beside the list: its condition Ready, what the registries say, tokens, failures, and the namespaces that do not accept it. */
import { CODE_OF, type CredentialView } from '../messages.ts';
import type { Address } from './address.ts';
import { serverName } from './credentials.tsx';
import { Icon, RESULT, readyMark } from './icons.tsx';
import type { Model } from './model.ts';
import { Command, OpenLink } from './parts.tsx';
import { formatRegistryExpiry, formatSince } from './time.ts';

interface Props {
  readonly name: string;
  readonly model: Model;
  readonly address: Address;
  readonly now: number;
}

export function CredentialPanel({ name, model, address, now }: Props) {
  const credential = model.credentials.find(({ title }) => title === name);
  if (credential === undefined) return <p class="calm">There is no such credential, or you may not list them.</p>;
  const {
    kind,
    namespace,
    statusCommand,
    checkCommand,
    ready,
    conditions,
    registries,
    failures,
    failuresTotal,
    secretName,
    namespaces,
    serviceAccounts,
  } = credential;
  const others = conditions.filter(({ type }) => type !== 'Ready');
  return (
    <>
      <p class="lead">
        <Icon {...readyMark(ready.status)} /> <b>{ready.reason}</b> {ready.message}
      </p>
      <dl class="facts">
        {namespace !== '' && (
          <>
            <dt>Kind</dt>
            <dd>
              {kind} of namespace{' '}
              <OpenLink address={address} open={{ kind: 'namespace', name: namespace }}>
                {namespace}
              </OpenLink>
            </dd>
          </>
        )}
        <dt>Secret</dt>
        <dd>{secretName}</dd>
        {namespaces && (
          <>
            <dt>Namespaces</dt>
            <dd>
              {namespaces.synced} of {namespaces.desired} synced{namespaces.failed > 0 && `, ${namespaces.failed} failed`}
              {namespaces.conflicted > 0 && `, ${namespaces.conflicted} in conflict`}
            </dd>
          </>
        )}
        {serviceAccounts && (
          <>
            <dt>ServiceAccounts</dt>
            <dd>
              {serviceAccounts.synced} of {serviceAccounts.desired} synced
            </dd>
          </>
        )}
      </dl>
      <p>
        <Command text={statusCommand} />
      </p>
      {registries.length > 0 && (
        <>
          <h3>Registries</h3>
          <ul class="plain">
            {registries.map((registry) => (
              <Registry key={registry.server} registry={registry} now={now} />
            ))}
          </ul>
          {checkCommand && (
            <p>
              <Command text={checkCommand} />
            </p>
          )}
        </>
      )}
      {failures.length > 0 && (
        <>
          <h3>Failures ({failuresTotal})</h3>
          <ul class="plain">
            {failures.map(({ namespace, kind, name, reason, message }) => (
              <li key={`${namespace} ${kind} ${name}`}>
                <p>
                  <Icon shape="cross" tone="failed" />{' '}
                  <OpenLink address={address} open={{ kind: 'namespace', name: namespace }}>
                    {namespace}
                  </OpenLink>{' '}
                  <span class="muted">
                    {kind} {name}: {reason}
                  </span>
                </p>
                <p class="detail">{message}</p>
              </li>
            ))}
          </ul>
          {failuresTotal > failures.length && <p class="muted">The status lists the first {failures.length} of them.</p>}
        </>
      )}
      <NotAccepted credential={credential} model={model} address={address} />
      <h3>Conditions</h3>
      <ul class="plain">
        {others.map(({ type, status, reason, message, since }) => (
          <li key={type}>
            <p>
              <b>{type}</b> {status}{' '}
              <span class="muted">
                ({reason}) since {formatSince(since, now)}
              </span>
            </p>
            <p class="detail">{message}</p>
          </li>
        ))}
      </ul>
    </>
  );
}

function Registry({ registry, now }: { readonly registry: CredentialView['registries'][number]; readonly now: number }) {
  const { server, result, message, checkedAt } = registry;
  const { shape, tone, word } = RESULT[result] ?? { shape: 'question', tone: 'unknown', word: result };
  const expiry = formatRegistryExpiry(registry, now);
  return (
    <li>
      <p>
        <Icon shape={shape} tone={tone} /> <b>{serverName(server)}</b> {word}
        {checkedAt && <span class="muted"> asked {formatSince(checkedAt, now)}</span>}
      </p>
      {message && <p class="detail">{message}</p>}
      {expiry && <p class="detail">{expiry}</p>}
    </li>
  );
}

/** A longer list helps nobody: the filter of the matrix shows all of them. */
const MAX_NAMESPACES = 10;

/** The namespaces that a tenant's credential selects, and that do not accept it. */
function NotAccepted({ credential, model, address }: Omit<Props, 'name' | 'now'> & { readonly credential: CredentialView }) {
  const at = model.credentials.indexOf(credential);
  const refusing = model.rows.filter(({ cells }) => cells[at] === CODE_OF['not-accepted']);
  if (refusing.length === 0) return null;
  return (
    <>
      <h3>Not accepted ({refusing.length})</h3>
      <p class="detail">
        These namespaces match spec.namespaces and do not accept credentials from {credential.namespace}. To accept them, annotate such a
        namespace with regcred.dev/accept-from: {credential.namespace}. If it has this annotation already, add {credential.namespace} to its
        comma-separated list.
      </p>
      <ul class="plain">
        {refusing.slice(0, MAX_NAMESPACES).map(({ name }) => (
          <li key={name}>
            <Icon shape="barred" tone="not-accepted" />{' '}
            <OpenLink address={address} open={{ kind: 'namespace', name }}>
              {name}
            </OpenLink>
          </li>
        ))}
      </ul>
      {refusing.length > MAX_NAMESPACES && <p class="muted">And {refusing.length - MAX_NAMESPACES} more.</p>}
    </>
  );
}
