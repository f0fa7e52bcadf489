/** Shell completion: the words that can follow on the command line (docs/adr/0012-completion.md). */
import type { Command, Option } from 'commander';
import type { CommandResult } from './command-io.ts';
import { clusterFlags } from './completion-flags.ts';
import { type Choice, namesOf, subjectsOf } from './completion-subjects.ts';
import { EXIT } from './exit-codes.ts';
import { type KubeconfigIo, loadKubeconfig } from './kubeconfig.ts';

/**
 * Cobra's directives, which kubectl passes on to the shell: files, no files, and no files and no space after the word, because more follows.
 * https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md
 */
const FILES = ':0';
const NO_FILES = ':4';
const NO_FILES_NO_SPACE = ':6';

/**
 * The completions of the last word: one line each, with a tab before its description, and then a directive. This is the protocol of
 * `kubectl_complete-PLUGIN` (k8s.io/kubectl/pkg/cmd/plugin/plugin_completion.go), and of the scripts below.
 */
export async function complete(program: Command, typed: readonly string[], io: KubeconfigIo): Promise<CommandResult> {
  // bash passes = as a word of its own.
  const words = typed.filter((word) => word !== '=');
  const last = words.at(-1) ?? '';
  const [, flag = '', value = ''] = /^(--[\w-]+=)(.*)$/s.exec(last) ?? [];
  const choices =
    flag === ''
      ? await choicesFor(program, words, io)
      : await choicesFor(program, [...words.slice(0, -1), flag.slice(0, -1), value], io, { isAssigned: true });
  const matching = choices === 'files' ? [] : choices.filter(([word]) => word.startsWith(flag === '' ? last : value));
  const lines = matching.map(([word, description]) => `${flag}${word}${description ? `\t${description}` : ''}`);
  const isOpen = matching.length > 0 && matching.every(([word]) => word.endsWith('/'));
  const directive = choices === 'files' ? FILES : isOpen ? NO_FILES_NO_SPACE : NO_FILES;
  return { output: `${[...lines, directive].join('\n')}\n`, notes: [], exitCode: EXIT.ok };
}

/** `isAssigned`: the last word follows a flag and =, so it is a value even if the value of that flag is optional. */
async function choicesFor(
  program: Command,
  words: readonly string[],
  io: KubeconfigIo,
  { isAssigned } = { isAssigned: false },
): Promise<readonly Choice[] | 'files'> {
  const last = words.at(-1) ?? '';
  const command = words.length > 1 ? program.commands.find((one) => one.name() === words[0]) : program;
  if (!command) return [];
  const option = command.options.find(({ long, short }) => [long, short].includes(words.at(-2)));
  if (option && (option.required || (isAssigned && option.optional))) return valuesOf(option, words, io);
  if (last.startsWith('-')) return [...command.options.filter(({ hidden }) => !hidden).map(flagOf), ['--help', 'show the help']];
  if (command === program) return program.commands.map((one) => [one.name(), one.summary() || one.description()]);
  const [argument] = command.registeredArguments;
  if (argument?.argChoices) return argument.argChoices.map((choice) => [choice]);
  return subjectsOf(command.name(), words, io);
}

const flagOf = ({ long, short, description }: Option): Choice => [long ?? short ?? '', description.replace(/[;(].*/s, '').trim()];

async function valuesOf(
  { long, argChoices, flags }: Option,
  words: readonly string[],
  io: KubeconfigIo,
): Promise<readonly Choice[] | 'files'> {
  if (argChoices) return argChoices.map((choice) => [choice]);
  if (long === '--context') {
    const contexts = (await loadKubeconfig(clusterFlags(words), io)).getContexts();
    return contexts.map(({ name }) => [name]);
  }
  if (long === '--namespace') return namesOf('namespaces', words, io);
  if (long === '--serviceaccount') return namesOf('serviceaccounts', words, io);
  return /[<[]FILE[>\]]/.test(flags) ? 'files' : [];
}
