/** Shell completion: what a word on the command line may become, and the scripts that have a shell ask for it. */
import type { Command, Option } from 'commander';
import { credentials } from '../kube/resources.ts';
import { list } from '../kube/watch.ts';
import { asking, type ClusterFlags, configOf } from './kubeconfig.ts';
import type { Answer } from './world.ts';

/** Cobra's directives, which kubectl passes on to the shell: https://github.com/spf13/cobra/blob/main/site/content/completions/_index.md */
const FILES = ':0';
const NO_FILES = ':4';

/** The commands that take names of RegistryCredentials that there are. */
const TAKES_NAMES = new Set(['status', 'cleanup']);

const PATIENCE_MS = 3000;

/**
 * What the last of the words may become: a choice a line, with a tab before what is said of it, and a directive. It is the protocol of `kubectl_complete-PLUGIN`
 * (k8s.io/kubectl/pkg/cmd/plugin/plugin_completion.go), and of the scripts below.
 */
export async function complete(program: Command, typed: readonly string[]): Promise<Answer> {
  // bash takes an = for a word.
  const words = typed.filter((word) => word !== '=');
  const last = words.at(-1) ?? '';
  const [, flag = '', value = ''] = /^(--[\w-]+=)(.*)$/s.exec(last) ?? [];
  const found =
    flag === '' ? await choices(program, words) : await choices(program, [...words.slice(0, -1), flag.slice(0, -1), value], true);
  const fitting = found === 'files' ? [] : found.filter(([word]) => word.startsWith(flag === '' ? last : value));
  const lines = fitting.map(([word, about]) => `${flag}${word}${about ? `\t${about}` : ''}`);
  return { output: `${[...lines, found === 'files' ? FILES : NO_FILES].join('\n')}\n`, notes: [], exitCode: 0 };
}

type Choice = readonly [word: string, about?: string];

/** @param isAssigned whether the last word stands behind a flag and an =, so that it is the value of one that can do without. */
async function choices(program: Command, words: readonly string[], isAssigned = false): Promise<readonly Choice[] | 'files'> {
  const last = words.at(-1) ?? '';
  const command = words.length > 1 ? program.commands.find((one) => one.name() === words[0]) : program;
  if (!command) return [];
  const option = command.options.find(({ long, short }) => [long, short].includes(words.at(-2)));
  if (option && (option.required || (isAssigned && option.optional))) return valuesOf(option, words);
  if (last.startsWith('-')) return [...command.options.filter(({ hidden }) => !hidden).map(flagOf), ['--help', 'show what there is']];
  if (command === program) return program.commands.map((one) => [one.name(), one.summary() || one.description()]);
  const [argument] = command.registeredArguments;
  if (argument?.argChoices) return argument.argChoices.map((choice) => [choice]);
  return TAKES_NAMES.has(command.name()) ? names(words) : [];
}

const flagOf = ({ long, short, description }: Option): Choice => [long ?? short ?? '', description.replace(/[;(].*/s, '').trim()];

async function valuesOf({ long, argChoices, flags }: Option, words: readonly string[]): Promise<readonly Choice[] | 'files'> {
  if (argChoices) return argChoices.map((choice) => [choice]);
  if (long === '--context')
    return configOf(flagsIn(words))
      .getContexts()
      .map(({ name }) => [name]);
  return /[<[]FILE[>\]]/.test(flags) ? 'files' : [];
}

/** The names of the RegistryCredentials; none where they cannot be had, since nobody asked for an error. */
const names = (words: readonly string[]): Promise<Choice[]> =>
  asking(flagsIn(words), '', async (kube) => {
    const found: Choice[] = [];
    for await (const { name } of list(kube, credentials, AbortSignal.timeout(PATIENCE_MS))) found.push([name]);
    return found;
  }).catch(() => []);

function flagsIn(words: readonly string[]): ClusterFlags {
  const given = (name: 'kubeconfig' | 'context') => {
    const value = words.slice(0, -1)[words.indexOf(`--${name}`) + 1];
    return words.includes(`--${name}`) && value !== undefined ? { [name]: value } : {};
  };
  return { ...given('kubeconfig'), ...given('context') };
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Each asks `regcred __complete` with the words up to the one that is being typed. */
export const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  bash: `# source <(regcred completion bash)
_regcred() {
  local line directive=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :*) directive=$line ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <(regcred __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ $directive == :0 ]]; then compopt -o default 2>/dev/null; fi
}
complete -F _regcred regcred
`,
  zsh: `#compdef regcred
# source <(regcred completion zsh)
_regcred() {
  local line
  local -a choices
  for line in "\${(@f)$(regcred __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :0) _files; return ;;
      :*) ;;
      *) choices+=("\${\${line//:/\\\\:}/$'\\t'/:}") ;;
    esac
  done
  _describe regcred choices
}
compdef _regcred regcred
`,
  fish: `# regcred completion fish | source
function __regcred_complete
  set -l typed (commandline -opc)
  for line in (regcred __complete $typed[2..-1] (commandline -ct) 2>/dev/null)
    switch $line
      case ':0'
        __fish_complete_path (commandline -ct)
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c regcred -f -a '(__regcred_complete)'
`,
};
