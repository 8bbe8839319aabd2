# shellcheck shell=bash
# bash completion of vmmexec's programs: options from what --help says, else files.
_vmmexec() {
	local word=${COMP_WORDS[COMP_CWORD]}
	COMPREPLY=()
	[[ $word != -* ]] || mapfile -t COMPREPLY < <(
		compgen -W "$("$1" --help 2>/dev/null | grep -oE -- '(^|[ ,])--[a-z][a-z-]*' | tr -d ' ,')" -- "$word")
}
complete -o default -F _vmmexec kvm-domain kvm-sync-hosts one_vmm_exec
