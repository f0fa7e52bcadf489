/** The flags and the help of `regcred web` and `regcred report`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { command, context, exitCodes, type Finish, kubeconfig } from '../command-parts.ts';
import { type ReportFlags, report } from './report.ts';
import { type WebFlags, web } from './web.ts';

export function webCommand(io: CommandIo, finish: Finish): Command {
  const { program } = io;
  return command('web', io)
    .summary('show everything on a live, read-only page in your browser')
    .description(
      'Serves one page: what needs a person and how to fix it, every RegistryCredential with its registries and expiry, and a matrix of namespaces and credentials.\n\n' +
        'It listens on the loopback address only, and its address contains a random token: only you can open it. It reads with your own kubeconfig and rights, says which rights you lack, and writes nothing. It shows no password. Stop it with Ctrl-C.',
    )
    .addOption(new Option('--port <N>', 'port on 127.0.0.1 (default: any free one)').argParser(portNumber))
    .option('--open', 'open the page in your browser')
    .addOption(kubeconfig())
    .addOption(context())
    .addHelpText(
      'after',
      `
Examples:
  # Print the address of the page
  ${program} web

  # Open it in the browser
  ${program} web --open

  # On another machine: forward a port, and open the printed address here
  ssh -L 8080:127.0.0.1:8080 admin.example.com ${program} web --port 8080

${exitCodes({ ok: 'the page was served', failed: 'an error, see standard error' })}`,
    )
    .action((flags: WebFlags) => finish(web(flags, io)));
}

export function reportCommand(io: CommandIo, finish: Finish): Command {
  const { program } = io;
  return command('report', io)
    .summary('write the page of the command web as one HTML file')
    .description(
      'Writes the present state of all RegistryCredentials and namespaces as one HTML file, which needs no server and loads nothing from elsewhere.\n\n' +
        'It reads with your own kubeconfig and rights, and writes nothing to the cluster. The file contains the names of namespaces, Secrets, images and registries, but no password.',
    )
    .addOption(new Option('--html', 'write HTML').makeOptionMandatory())
    .addOption(kubeconfig())
    .addOption(context())
    .addHelpText(
      'after',
      `
Examples:
  ${program} report --html > coverage.html

${exitCodes({ ok: 'the report is written', failed: 'an error, see standard error' })}`,
    )
    .action((flags: ReportFlags) => finish(report(flags, io)));
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('Give a port from 0 to 65535.');
  return port;
}
