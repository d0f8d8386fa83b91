# Completion of orbfs for bash.
_orbfs()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}

	case $prev in
	--engine) mapfile -t COMPREPLY < <(compgen -W 'orbctl local' -- "$cur") ;;
	--orbctl) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	-o) mapfile -t COMPREPLY < <(compgen -W 'ttl= image= arch= user= spool= symlinks=raw idmap=user drafts finder
		engine= orbctl= allow_other ro' -- "$cur") ;;
	*)
		if [[ $cur == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W '-f -d -o --engine
				--orbctl --help --version' -- "$cur")
		else
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		fi
		;;
	esac
}
complete -o nospace -o filenames -F _orbfs orbfs
