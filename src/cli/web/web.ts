/** `regcred web`: serves the page until the process ends. */
import { spawn } from 'node:child_process';
import { platform } from 'node:os';
import { CommandError, type CommandIo, type CommandResult } from '../command-io.ts';
import { EXIT } from '../exit-codes.ts';
import { type ClusterFlags, withCluster } from '../kubeconfig.ts';
import { pageOptions } from './page-options.ts';

export interface WebFlags extends ClusterFlags {
  readonly port?: number;
  readonly open?: boolean;
}

/** Serves the page until the command is interrupted. Throws if the port is taken or the cluster cannot be reached. */
export async function web(flags: WebFlags, io: CommandIo): Promise<CommandResult> {
  // Loaded on demand: no other command needs it.
  const { builtPage, runPage } = await import('../../page/page.ts');
  const { port = 0 } = flags;
  await withCluster(flags, io, '', async (kube) => {
    const options = await pageOptions(kube, builtPage(), flags, io);
    const opened = (url: string) => {
      io.print(url);
      io.say(
        `The page shows the cluster of the context ${options.cluster.context}, with your rights. Only this address opens it. Stop it with Ctrl-C.`,
      );
      if (flags.open) openBrowser(url, io.say);
    };
    // Only the end of the process ends the page.
    await runPage(options, port, opened, new AbortController().signal).catch((error: NodeJS.ErrnoException) => {
      throw portError(error, port) ?? error;
    });
  });
  return { output: '', notes: [], exitCode: EXIT.ok };
}

function portError({ code }: NodeJS.ErrnoException, port: number): CommandError | undefined {
  if (code === 'EADDRINUSE')
    return new CommandError(`--port ${port}: another program uses this port. Choose another one, or leave it out.`);
  if (code === 'EACCES') return new CommandError(`--port ${port}: you may not use this port. Choose one above 1023, or leave it out.`);
  return undefined;
}

/** The program that opens an address, by operating system. */
const OPENERS: Readonly<Record<string, readonly [program: string, ...args: string[]]>> = {
  darwin: ['open'],
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
};

function openBrowser(url: string, say: (line: string) => void): void {
  const [program, ...args] = OPENERS[platform()] ?? ['xdg-open'];
  const child = spawn(program, [...args, url], { stdio: 'ignore', detached: true });
  child.once('error', () => say(`--open: there is no program ${program} to open a browser with. Open the address yourself.`));
  child.unref();
}
