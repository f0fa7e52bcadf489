/** The scripts through which a shell asks `regcred __complete` for words (docs/adr/0012-completion.md). */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** Each script calls `regcred __complete` with the words up to the cursor. */
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
  case $directive in
    :0) compopt -o default 2>/dev/null ;;
    :6) compopt -o nospace 2>/dev/null ;;
  esac
}
complete -F _regcred regcred
`,
  zsh: `#compdef regcred
# source <(regcred completion zsh)
_regcred() {
  local line
  local -a choices space
  for line in "\${(@f)$(regcred __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :0) _files; return ;;
      :6) space=(-S '') ;;
      :*) ;;
      *) choices+=("\${\${line//:/\\\\:}/$'\\t'/:}") ;;
    esac
  done
  _describe regcred choices "\${space[@]}"
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
