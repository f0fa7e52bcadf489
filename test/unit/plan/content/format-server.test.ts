import { expect } from 'chai';
import { formatServer } from '../../../../src/plan/content/format-server.ts';
import { cpuMs } from '../../../support/cpu-time.ts';
import { PASSWORD } from './reading.ts';

describe('A server in a message', () => {
  const table: Record<string, readonly [server: string, want: string]> = {
    'is shown unchanged': ['https://ghcr.io/acme', 'https://ghcr.io/acme'],
    'is on one line': ['ghcr.io\nsample', 'ghcr.io\\nsample'],
    'is shown without characters that a terminal obeys': ['ghcr.io\u007f\u202e', 'ghcr.io\\u007f\\u202e'],
    'is shown up to 100 characters': ['a'.repeat(100), 'a'.repeat(100)],
    'is cut after 100 characters': ['a'.repeat(101), `${'a'.repeat(100)}…`],
    'is shown without username and password': [`https://robot:${PASSWORD}@ghcr.io/acme`, 'https://ghcr.io/acme'],
    'is shown without username and password if it has no scheme': [`robot:${PASSWORD}@ghcr.io`, 'ghcr.io'],
    'is shown without a password that contains an @': ['https://robot:sample@password@ghcr.io', 'https://ghcr.io'],
    'is shown without an empty username': ['@ghcr.io', 'ghcr.io'],
    'keeps an @ in its path': ['ghcr.io/acme@x', 'ghcr.io/acme@x'],
    'is shown without a password under any scheme': [`OCI://robot:${PASSWORD}@ghcr.io`, 'OCI://ghcr.io'],
    'is shown without a password after an incomplete scheme': [`//robot:${PASSWORD}@ghcr.io`, '//ghcr.io'],
    'is shown without a password that contains a slash, an @ and a line break': ['robot:sa@mple/pass\nword@ghcr.io', 'ghcr.io'],
    'is shown without a password that contains a slash': ['https://robot:sample/password@ghcr.io', 'https://ghcr.io'],
  };
  for (const [what, [server, want]] of Object.entries(table)) it(what, () => expect(formatServer(server)).to.equal(want));

  it('is shown quickly, however hostile it is', () => {
    const start = cpuMs();
    for (const part of [':', '@', '/', 'a:', '/:', '://', 'a@:']) expect(formatServer(part.repeat(500_000))).to.have.length.below(110);
    // A single regular expression took minutes. The limit is generous, because the machine may be busy.
    expect(cpuMs() - start).to.be.below(2000);
  });
});
