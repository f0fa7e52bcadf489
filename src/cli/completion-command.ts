/** The flags and the help of `completion`. */
import { Argument, type Command } from 'commander';
import type { CommandIo } from './command-io.ts';
import { command, type Finish } from './command-parts.ts';
import { SCRIPTS, SHELLS } from './completion-scripts.ts';
import { EXIT } from './exit-codes.ts';

export function completionCommand(io: CommandIo, finish: Finish): Command {
  return command('completion', io)
    .summary('print a script for shell completion of commands, flags and names')
    .description(
      'Prints a script with which your shell completes the commands, flags and names of regcred.\n\n' +
        'kubectl regcred needs no script: kubectl calls the program kubectl_complete-regcred on the PATH, which is this program under another name.',
    )
    .addArgument(new Argument('<SHELL>', 'your shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  # bash, in ~/.bashrc
  source <(regcred completion bash)

  # zsh, in ~/.zshrc, after compinit
  source <(regcred completion zsh)

  # fish
  regcred completion fish > ~/.config/fish/completions/regcred.fish

  # kubectl regcred, in any shell with completion for kubectl
  ln -s "$(command -v kubectl-regcred)" ~/.local/bin/kubectl_complete-regcred`,
    )
    .action((shell: (typeof SHELLS)[number]) => finish(Promise.resolve({ output: SCRIPTS[shell], notes: [], exitCode: EXIT.ok })));
}
