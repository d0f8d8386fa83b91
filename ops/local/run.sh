# run.sh: one command in a machine.
#
# The steps, each of which replaces the one before:
#	cmd_run		finds the machine, starts it, builds the argv
#	watch.sh	has the machine's PID namespace for its children only;
#			starts the command, waits, ends what it left
#	  env, setsid, setpriv, nsenter: a clean environment, a session
#			of its own, death with the watcher, the other namespaces
#	  run_become, run_command: in the machine, by its own sh: the user,
#			the directory, then exec of the command

# shellcheck disable=SC1007,SC2031

# In the machine, as root: becomes the user ORB_USER.  The forwarded
# environment may hold any name, so ours begin with orb_.
run_become='
orb_user=$ORB_USER orb_last=$1
unset ORB_USER
shift
orb_uid=
while IFS=: read -r orb_name orb_x orb_uid orb_gid orb_y HOME SHELL; do
	[ "$orb_name" != "$orb_user" ] || break
	orb_uid=
done </etc/passwd
if [ -z "$orb_uid" ]; then
	IFS=: read -r orb_name orb_x orb_uid orb_gid orb_y HOME SHELL <<END
$(getent passwd -- "$orb_user" 2>/dev/null)
END
fi
if [ -z "$orb_uid" ]; then
	printf "user: unknown user %s\n" "$orb_user" >&2
	exit 1
fi
USER=$orb_user LOGNAME=$orb_user
SHELL=${SHELL:-/bin/sh}
export HOME SHELL USER LOGNAME
[ "$orb_uid" != 0 ] || eval "$orb_last"
exec setpriv --reuid "$orb_uid" --regid "$orb_gid" --init-groups \
	--inh-caps=-all --pdeathsig KILL /bin/sh -c "$orb_last" sh "$@"'

# In the machine, as the user: the directory, then the command.
run_command='
orb_dir=$ORB_DIR orb_try=$ORB_TRY orb_how=$ORB_HOW
unset ORB_DIR ORB_TRY ORB_HOW
if [ -n "$orb_dir" ]; then
	cd -- "$orb_dir" 2>/dev/null || {
		printf "[-32098] run: chdir %s: no such directory\n" \
			"$orb_dir" >&2
		exit 1
	}
else
	cd -- "$orb_try" 2>/dev/null || cd -- "$HOME" 2>/dev/null || cd /
fi
unset OLDPWD
case $orb_how in
login)	exec "$SHELL" -l ;;
shell)	exec "$SHELL" -l -c "$*" ;;
esac
case $1 in
*/*)	if [ ! -e "$1" ]; then
		printf -- "-bash: line 1: %s: No such file or directory\n" "$1" >&2
		exit 127
	elif [ -d "$1" ]; then
		printf -- "-bash: line 1: %s: Is a directory\n" "$1" >&2
		exit 126
	elif [ ! -x "$1" ]; then
		printf -- "-bash: line 1: %s: Permission denied\n" "$1" >&2
		exit 126
	fi ;;
*)	orb_ifs=$IFS
	IFS=:
	orb_found=
	for orb_dir in $PATH; do
		[ -x "$orb_dir/$1" ] && [ ! -d "$orb_dir/$1" ] || continue
		orb_found=1
		break
	done
	IFS=$orb_ifs
	if [ -z "$orb_found" ]; then
		printf -- "-bash: line 1: %s: command not found\n" "$1" >&2
		exit 127
	fi ;;
esac
exec "$@"'

cmd_run()
{
	sub=run
	run_machine= run_user= run_dir= run_how=direct
	while [ $# -gt 0 ]; do
		case $1 in
		-[muw])	[ $# -ge 2 ] || usage_error "flag needs an argument: $1"
			run_flag "$1" "$2"
			shift ;;
		--machine|--user|--workdir)
			[ $# -ge 2 ] || usage_error "flag needs an argument: $1"
			run_flag "$1" "$2"
			shift ;;
		-[muw]?*) run_value=${1#-?}
			run_flag "${1%"$run_value"}" "${run_value#=}" ;;
		--machine=*|--user=*|--workdir=*)
			run_flag "${1%%=*}" "${1#*=}" ;;
		-s|--shell) run_how=shell ;;
		# Paths mean the same on both sides, so there is nothing to do.
		-p|--path) ;;
		-sp|-ps) run_how=shell ;;
		-h|--help)
			usage
			exit 0 ;;
		-*)	usage_error "unknown flag $1" ;;
		*)	break ;;
		esac
		shift
	done
	if [ -n "$run_machine" ]; then
		machine_need "$run_machine"
	else
		default_need
	fi
	. "$parts/cgroup.sh"
	if ! machine_running; then
		. "$parts/life.sh"
		machine_start
		machine_running || fail "start '$r_name': it ended at once"
	elif cgroup_frozen; then
		# A copy is being made, or was when its maker was killed.  Who
		# has the lock next may let the machine go on.
		machine_lock
		! machine_running || cgroup_thaw
		machine_unlock
	fi
	[ $# -gt 0 ] || run_how=login
	run_exec "$@"
}

# run_flag FLAG VALUE
run_flag()
{
	case $1 in
	-m|--machine) run_machine=$2
		[ -n "$2" ] || fail "machine not found: ''" ;;
	-u|--user) run_user=$2 ;;
	-w|--workdir) run_dir=$2 ;;
	esac
}

# run_exec [COMMAND ARG...]: from here on by exec only.
run_exec()
{
	run_tty=
	if [ -t 0 ] && [ -t 1 ]; then
		run_tty=1
		terminal_line "$@"
		# script(1) in the machine makes a pty there and passes the
		# bytes on.  It stays in the caller's foreground group, where
		# keys and the window's size arrive.
		run_how=direct
		set -- script -q -e -c "$terminal_line" /dev/null
	fi
	set -- /bin/sh -c "$run_become" sh "$run_command" "$@"
	[ "$me" -ne 0 ] || set -- --cgroup "$@"
	set -- nsenter --target "$pid" --mount --uts --ipc --net --root --wd "$@"
	[ -n "$run_tty" ] || set -- setsid setpriv --pdeathsig KILL "$@"
	run_environment "$@"
}

# terminal_line [COMMAND ARG...]: sets terminal_line to one line of shell that
# runs the command: each word in single quotes.
terminal_line()
{
	terminal_line=
	for tl_word; do
		tl_done=
		while case $tl_word in *\'*) ;; *) false ;; esac; do
			tl_done="$tl_done${tl_word%%\'*}'\\''"
			tl_word=${tl_word#*\'}
		done
		terminal_line="$terminal_line '$tl_done$tl_word'"
	done
	case $run_how in
	login)	terminal_line='exec "$SHELL" -l' ;;
	shell)	terminal_line="set --$terminal_line; exec \"\$SHELL\" -l -c \"\$*\"" ;;
	*)	terminal_line="exec$terminal_line" ;;
	esac
}

# run_environment COMMAND...: puts the clean environment in front, by eval of
# names that were checked to be names; then goes on as the watcher.
run_environment()
{
	for re_name in http_proxy https_proxy ftp_proxy all_proxy \
	    HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY; do
		eval "re_value=\${$re_name-}"
		[ -n "$re_value" ] || continue
		case $re_value in
		*127.0.0.1*) re_value=${re_value%%127.0.0.1*}host.orb.internal${re_value#*127.0.0.1} ;;
		*localhost*) re_value=${re_value%%localhost*}host.orb.internal${re_value#*localhost} ;;
		esac
		set -- "$re_name=$re_value" "$@"
	done
	re_list=no_proxy:NO_PROXY:${ORBENV-}:
	while [ -n "$re_list" ]; do
		re_name=${re_list%%:*}
		re_list=${re_list#*:}
		case $re_name in
		''|[0-9]*|*[!a-zA-Z0-9_]*) continue ;;
		PATH)	set -- "PATH=$caller_path" "$@"
			continue ;;
		LC_ALL)	[ -z "$caller_lc_all" ] ||
				set -- "LC_ALL=$caller_lc_all" "$@"
			continue ;;
		esac
		eval "[ -z \"\${$re_name+set}\" ] || set -- \"\$re_name=\$$re_name\" \"\$@\""
	done
	run_cgroups=
	if [ "$me" -eq 0 ]; then
		for re_name in /sys/fs/cgroup/orbctl-local \
		    /sys/fs/cgroup/freezer/orbctl-local \
		    /sys/fs/cgroup/cpu/orbctl-local \
		    /sys/fs/cgroup/memory/orbctl-local; do
			[ ! -d "$re_name/$id" ] ||
				run_cgroups="$run_cgroups $re_name/$id"
		done
	fi
	set -- env -i --default-signal ${TERM:+"TERM=$TERM"} \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		"ORB_USER=${run_user:-$r_username}" "ORB_DIR=$run_dir" \
		"ORB_TRY=$PWD" "ORB_HOW=$run_how" "$@"
	if [ -n "$run_tty" ]; then
		for re_name in $run_cgroups; do
			{ echo 0 >"$re_name/cgroup.procs"; } 2>/dev/null
		done
		set -- sh -c '"$@"' sh "$@"
	else
		set -- sh "$parts/watch.sh" "$run_cgroups" "$@"
	fi
	if [ "$me" -eq 0 ]; then
		exec nsenter --target "$pid" --pid --no-fork "$@"
	fi
	exec nsenter --target "$pid" --user --preserve-credentials --pid \
		--no-fork "$@"
}
