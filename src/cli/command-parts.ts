/** What the definitions of several commands have in common. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CommandIo, CommandResult } from './command-io.ts';
import { EXIT } from './exit-codes.ts';

/** Prints the answer of a command, and ends the program with its exit code. */
export type Finish = (answer: Promise<CommandResult>) => Promise<void>;

/** The flags that choose the cluster. */
export const kubeconfig = () => new Option('--kubeconfig <FILE>', 'kubeconfig to use (default: KUBECONFIG, else ~/.kube/config)');
export const context = () => new Option('--context <NAME>', 'context of the kubeconfig to use (default: its current one)');

/** For a command about credentials. Without it, the command is about cluster-scoped ones. */
export const credentialNamespace = () =>
  new Option('-n, --namespace <NAME>', 'namespace of NamespacedRegistryCredentials (default: cluster-scoped RegistryCredentials)');

/** Reads the value of a flag: whole seconds. Throws an InvalidArgumentError for anything else. */
export function seconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Give a whole number of seconds.');
  return Number(text);
}

/** A command that throws its errors instead of ending the process. */
export function command(name: string, { program }: CommandIo): Command {
  return new Command(name).configureHelp({ helpWidth: 120 }).showHelpAfterError(`See ${program} ${name} --help.`).exitOverride();
}

/** The exit codes of one command, in its own words. A command without `found` has no such code. */
export function exitCodes({ ok, found, failed }: { readonly ok: string; readonly found?: string; readonly failed: string }): string {
  const codes = [`${EXIT.ok} ${ok}`, ...(found === undefined ? [] : [`${EXIT.found} ${found}`]), `${EXIT.failed} ${failed}`];
  return `Exit codes: ${codes.join('; ')}.`;
}
