/** Every credential with its conditions, what the registries say, and when it expires. */
import { useState } from 'preact/hooks';
import type { CredentialView } from '../messages.ts';
import type { Address } from './address.ts';
import { Icon, RESULT, readyMark } from './icons.tsx';
import { OpenLink } from './parts.tsx';
import { formatFirstExpiry } from './time.ts';

/** As `nameOfServer` in plan: Docker Hub has a long name in docker configs. */
export const serverName = (server: string): string => (server === 'https://index.docker.io/v1/' ? 'docker.io' : server);

const MAX_REGISTRIES = 4;

/** More of them would push the matrix off the screen. */
const FIRST = 8;

interface Props {
  readonly credentials: readonly CredentialView[];
  readonly all: number;
  readonly address: Address;
  readonly now: number;
}

export function Credentials({ credentials, all, address, now }: Props) {
  const [isAll, setAll] = useState(false);
  const listed = isAll || credentials.length <= FIRST + 2 ? credentials : firstOf(credentials);
  return (
    <section aria-labelledby="credentials-title">
      <h2 id="credentials-title">Credentials</h2>
      {credentials.length === 0 ? (
        <p class="calm">
          {all === 0 ? 'There are none yet. kubectl regcred create prints one that you can apply.' : 'The filter matches none.'}
        </p>
      ) : (
        <table class="credentials">
          <thead>
            <tr>
              <th scope="col">name</th>
              <th scope="col">ready</th>
              <th scope="col">registries</th>
              <th scope="col">expires</th>
              <th scope="col" class="number">
                namespaces
              </th>
            </tr>
          </thead>
          <tbody>
            {listed.map((credential) => (
              <CredentialRow key={credential.title} credential={credential} address={address} now={now} />
            ))}
          </tbody>
        </table>
      )}
      {listed.length < credentials.length && (
        <button type="button" class="more" onClick={() => setAll(true)}>
          Show all {credentials.length}
        </button>
      )}
    </section>
  );
}

/** Those that are not Ready before the others. */
const firstOf = (credentials: readonly CredentialView[]): readonly CredentialView[] =>
  [...credentials].sort((a, b) => Number(a.ready.status === 'True') - Number(b.ready.status === 'True')).slice(0, FIRST);

function CredentialRow({
  credential,
  address,
  now,
}: {
  readonly credential: CredentialView;
  readonly address: Address;
  readonly now: number;
}) {
  const { title, ready, registries, namespaces, isDeleting, isSuspended } = credential;
  const expiring = credential.conditions.find(({ type }) => type === 'Expiring');
  const isWarning = expiring?.status === 'True';
  return (
    <tr>
      <th scope="row">
        <OpenLink address={address} open={{ kind: 'credential', name: title }}>
          {title}
        </OpenLink>
      </th>
      <td data-label="ready">
        <span class="state">
          <Icon {...readyMark(ready.status)} /> {isDeleting ? 'being deleted' : isSuspended ? 'suspended' : ready.reason}
        </span>
      </td>
      <td data-label="registries">
        <Registries registries={registries} />
      </td>
      <td data-label="expires">
        <span class="state">
          {isWarning && (
            <Icon shape={expiring.reason === 'Expired' ? 'cross' : 'bang'} tone={expiring.reason === 'Expired' ? 'failed' : 'warning'} />
          )}
          {formatFirstExpiry(credential.expiresAt, registries, isWarning, now) || <span class="muted">not known</span>}
        </span>
      </td>
      <td data-label="namespaces" class="number">
        {namespaces ? `${namespaces.synced}/${namespaces.desired}` : ''}
      </td>
    </tr>
  );
}

function Registries({ registries }: Pick<CredentialView, 'registries'>) {
  if (registries.length === 0) return <span class="muted">none</span>;
  // A refusal must not hide behind "and 60 more".
  const ordered = [...registries].sort((a, b) => Number(b.result === 'Refused') - Number(a.result === 'Refused'));
  return (
    <span class="registries">
      {ordered.slice(0, MAX_REGISTRIES).map(({ server, result }) => (
        <RegistryChip key={server} server={server} result={result} />
      ))}
      {registries.length > MAX_REGISTRIES && <span class="muted">and {registries.length - MAX_REGISTRIES} more</span>}
    </span>
  );
}

function RegistryChip({ server, result }: { readonly server: string; readonly result: string }) {
  const { shape, tone, word } = RESULT[result] ?? { shape: 'question', tone: 'unknown', word: result };
  return (
    <span class="state">
      {serverName(server)} <Icon shape={shape} tone={tone} /> <span class="muted">{word}</span>
    </span>
  );
}
