/** The protocol of Docker's credential helpers: https://github.com/docker/docker-credential-helpers#development */
import { spawn } from 'node:child_process';
import { CommandError, type CommandIo } from './command-io.ts';
import { formatServerName, type HelperAnswer, type HelperQuestion } from './docker-login.ts';

/** A helper may wait until the person unlocks a keychain. */
const TIMEOUT_MS = 120_000;

const ALTERNATIVE = 'give the password yourself: --server, --username and --password-stdin';

/** Asks docker-credential-HELPER for one server: the name on standard input, JSON on standard output. Throws a CommandError. */
export async function askHelper({ server, helper }: HelperQuestion, { env }: Pick<CommandIo, 'env'>): Promise<HelperAnswer> {
  const program = `docker-credential-${helper}`;
  const subject = `The password for ${formatServerName(server)} is in ${JSON.stringify(program).slice(1, -1)}`;
  // Docker would run any path that this leads to.
  if (!/^[\w.-]+$/.test(helper)) throw new CommandError(`${subject}, which is not the name of a program. Correct the Docker config.`);
  const { code, stdout } = await run(program, server, env).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(
      error.code === 'ENOENT'
        ? `${subject}, but there is no such program on the PATH. Install it, or ${ALTERNATIVE}.`
        : `${subject}, which cannot be run: ${error.message}.`,
    );
  });
  const { Username: username, Secret: secret } = parseAnswer(stdout) ?? {};
  if (code === 0 && typeof username === 'string' && typeof secret === 'string') return { server, username, secret };
  // The message does not repeat the output: it may be the secret.
  const why =
    code === 0 ? 'its output is not JSON with Username and Secret' : code === null ? 'it timed out, or was killed' : `exit code ${code}`;
  throw new CommandError(`${subject}, which did not return it (${why}). Run docker login ${formatServerName(server)}, or ${ALTERNATIVE}.`);
}

async function run(program: string, input: string, env: CommandIo['env']): Promise<{ code: number | null; stdout: string }> {
  const child = spawn(program, ['get'], { env, stdio: ['pipe', 'pipe', 'ignore'] });
  // spawn does not clear its own timeout if the program cannot be started: that would keep this process alive.
  const timer = setTimeout(() => child.kill(), TIMEOUT_MS);
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
  child.stdin.once('error', () => {}); // The program may exit before it has read everything.
  child.stdin.end(`${input}\n`);
  try {
    const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
    return { code, stdout };
  } finally {
    clearTimeout(timer);
  }
}

function parseAnswer(text: string): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(text));
  } catch {
    return undefined; // The error of JSON.parse quotes the text, which is secret.
  }
}
