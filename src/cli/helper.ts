/** The protocol of Docker's credential helpers: https://github.com/docker/docker-credential-helpers#development */
import { spawn } from 'node:child_process';
import { type HelpersAnswer, name, type Question } from './docker-login.ts';
import { Unusable, type World } from './world.ts';

/** Some ask the person for the password of a keychain. */
const PATIENCE_MS = 120_000;

/** Asks docker-credential-HELPER for one server: its name on standard input, JSON on standard output. */
export async function ask({ server, helper }: Question, { env }: Pick<World, 'env'>): Promise<HelpersAnswer> {
  const program = `docker-credential-${helper}`;
  const about = `The password for ${name(server)} is kept by ${JSON.stringify(program).slice(1, -1)}`;
  // Docker would run whatever a path in there leads to.
  if (!/^[\w.-]+$/.test(helper)) throw new Unusable(`${about}, which is not the name of a program. Correct the Docker config.`);
  const { code, stdout } = await run(program, server, env).catch((error: unknown) => {
    throw new Unusable(
      (error as NodeJS.ErrnoException).code === 'ENOENT'
        ? `${about}, and there is no such program on the PATH. Install it, or give the password yourself: --server, --username and --password-stdin.`
        : `${about}, which cannot be run: ${(error as Error).message}.`,
    );
  });
  const { Username: username, Secret: secret } = answerIn(stdout) ?? {};
  if (code === 0 && typeof username === 'string' && typeof secret === 'string') return { server, username, secret };
  // What it said is not repeated: it might be the secret.
  throw new Unusable(
    `${about}, which did not give it ${code === 0 ? '(its answer is not JSON with Username and Secret)' : code === null ? '(it took too long, or was ended)' : `(exit code ${code})`}. Run docker login ${name(server)}, or give the password yourself: --server, --username and --password-stdin.`,
  );
}

function run(program: string, input: string, env: World['env']): Promise<{ code: number | null; stdout: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { env, stdio: ['pipe', 'pipe', 'ignore'], timeout: PATIENCE_MS });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout }));
    child.stdin.once('error', () => {}); // It may end without having read all of it.
    child.stdin.end(`${input}\n`);
  });
}

function answerIn(text: string): Record<string, unknown> | undefined {
  try {
    return Object(JSON.parse(text));
  } catch {
    return undefined; // The error of JSON.parse quotes the text, which is secret.
  }
}
