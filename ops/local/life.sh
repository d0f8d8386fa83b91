# life.sh: the life-cycle subcommands: create, clone, start, stop, restart,
# delete, rename.  Every one holds the lock of its machine while it works.

# shellcheck disable=SC1007,SC2030,SC2031
. "$parts/net.sh"
. "$parts/cgroup.sh"
. "$parts/image.sh"
. "$parts/make.sh"
. "$parts/power.sh"

# size_mib SIZE: prints SIZE in MiB; a bare number is MiB already.
size_mib()
{
	sm_number=${1%%[!0-9]*}
	sm_unit=${1#"$sm_number"}
	case $sm_number in
	''|??????????*) return 1 ;;
	esac
	case $sm_unit in
	''|M|MB|MiB|m)	echo "$sm_number" ;;
	G|GB|GiB|g)	echo $((sm_number * 1024)) ;;
	T|TB|TiB|t)	echo $((sm_number * 1048576)) ;;
	*)		return 1 ;;
	esac
}

# user_make NAME: sees to it that the running machine in $dir has that user,
# with a home of its own and sudo without a password where sudo is.
user_make()
{
	case $1 in
	''|-*|*[!a-zA-Z0-9._-]*)
		why="invalid user name '$1'"
		return 1 ;;
	esac
	why=$(enter_all /bin/sh -s -- "$1" 2>&1 <<'END'
set -e
if ! getent passwd "$1" >/dev/null; then
	useradd -m -s "$(command -v bash || echo /bin/sh)" -- "$1"
fi
home=$(getent passwd "$1" | cut -d: -f6)
if [ ! -d "$home" ]; then
	mkdir -p "$home"
	[ ! -d /etc/skel ] || cp -a /etc/skel/. "$home/"
	chown -R "$1:" "$home"
fi
if [ "$1" != root ] && [ -d /etc/sudoers.d ]; then
	printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$1" >/etc/sudoers.d/90-machine
	chmod 440 /etc/sudoers.d/90-machine
fi
END
	)
}

create_limits()
{
	if [ -n "${opt_cpus-}" ]; then
		cpu_check "$opt_cpus" || fail "$1: invalid number of CPUs '$opt_cpus'"
		r_cpu=$opt_cpus
	fi
	if [ -n "${opt_memory-}" ]; then
		r_memory_mib=$(size_mib "$opt_memory") ||
			fail "$1: invalid memory size '$opt_memory'"
		memory_check "$r_memory_mib" || fail "$1: $why"
	fi
	if [ -n "${opt_disk-}" ]; then
		cl_disk=$(size_mib "$opt_disk") ||
			fail "$1: invalid disk size '$opt_disk'"
		[ "$cl_disk" -eq 0 ] ||
			fail "$1: a disk limit cannot be enforced here"
	fi
}

create_mounts()
{
	[ -n "${opt_mount-}" ] || return 0
	[ -n "${opt_isolated-}" ] || fail "$1: --mount needs --isolated"
	r_mounts=$(printf '%s\n' "$opt_mount" | while IFS= read -r cm_line; do
		cm_from=${cm_line%%:*} cm_to=${cm_line#*:}
		case $cm_from:$cm_to in
		/*:/*) [ -d "$cm_from" ] && printf '%s\n' "$cm_from:$cm_to" ;;
		*) echo bad ;;
		esac || echo bad
	done)
	case "
$r_mounts
" in
	*"
bad
"*)	fail "$1: a mount is SOURCE[:DESTINATION], absolute, of a directory that exists" ;;
	esac
}

cmd_create()
{
	case $# in
	1)	name=${1%%:*} ;;
	2)	name=$2 ;;
	*)	usage_error 'create takes a distro and a name' ;;
	esac
	record_clear
	name_check "$name" || fail "create '$name': invalid name '$name': $why"
	if machine_find "$name" && [ "$found_by" = name ]; then
		fail "create '$name': machine already exists: '$name'"
	fi
	record_clear
	image_choose "$1" || fail "create '$name': $why"
	[ -z "${opt_user_data-}" ] ||
		fail "create '$name': there is no cloud-init here, so user data has no effect"
	[ -z "${opt_set_password-}" ] ||
		fail "create '$name': passwords are not asked for here; run passwd in the machine"
	create_limits "create '$name'"
	create_mounts "create '$name'"
	r_isolated=${opt_isolated:+true} r_isolated=${r_isolated:-false}
	r_isolate_network=${opt_isolate_network:+true}
	r_isolate_network=${r_isolate_network:-false}
	r_forward_ssh_agent=false
	r_username=${opt_user:-root}
	[ "$me" -eq 0 ] || [ "$r_username" = root ] ||
		command -v newuidmap >/dev/null ||
		fail "create '$name': setup: another user than root needs newuidmap (apt-get install uidmap)"
	image_make || fail "create '$name': $why"
	sweep
	machine_new "$name" create "$name"
	mkdir -m 755 -- "$dir/upper" || making_fail "cannot write to $home"
	machine_boot 1 || making_fail "setup: $why"
	if [ -n "${opt_user-}" ]; then
		user_make "$opt_user" || making_fail "setup: user '$opt_user': $why"
	fi
	making_done
}

cmd_clone()
{
	[ $# -eq 2 ] || usage_error 'clone takes a source and a new name'
	machine_need "$1"
	name_check "$2" || fail "clone '$1': invalid name '$2': $why"
	source=$dir
	machine_lock
	# The source's lock moves to another descriptor: 9 is for the new one.
	exec 4>&9
	if machine_running; then
		source_pid=$pid
	else
		source_pid=
	fi
	sweep
	machine_new "$2" clone "$1"
	trap 'clone_thaw; making_abort; exit 143' TERM INT HUP
	[ -z "$source_pid" ] || clone_freeze
	if [ "$me" -eq 0 ]; then
		cp -a --reflink=auto -- "$source/upper" "$dir/upper"
	else
		user_map
		# shellcheck disable=SC2086
		unshare $map cp -a --reflink=auto -- "$source/upper" "$dir/upper"
	fi && clone_rc=0 || clone_rc=1
	clone_thaw
	[ "$clone_rc" -eq 0 ] || making_fail "copy of '$1' failed"
	r_disk_bytes=0
	making_done
	exec 4>&-
}

clone_freeze()
{
	(dir=$source; id=${source##*/}; pid=$source_pid; cgroup_freeze)
}

clone_thaw()
{
	[ -z "$source_pid" ] ||
		(dir=$source; id=${source##*/}; pid=$source_pid; cgroup_thaw)
}

# each_named FUNCTION NAME...: FUNCTION for each machine, or for all when
# opt_all is set.
each_named()
{
	en_call=$1
	shift
	if [ -n "${opt_all-}" ]; then
		# shellcheck disable=SC2046
		set -- $(each_id)
	fi
	# Names are checked before anything is done.  In an order to all a record
	# that is damaged, or gone meanwhile, is no reason to spare the rest.
	[ -n "${opt_all-}" ] || for en_name; do
		machine_need "$en_name"
	done
	for en_name; do
		if ! machine_find "$en_name"; then
			[ -n "${opt_all-}" ] || fail "machine not found: '$en_name'"
			continue
		fi
		"$en_call"
	done
}

cmd_start()
{
	if [ $# -eq 0 ] && [ -z "${opt_all-}" ]; then
		[ -e "$home/before" ] || return 0
		while read -r cs_id; do
			! machine_find "$cs_id" || machine_start 3<&-
		done 3<"$home/before" <&3
		rm -f -- "$home/before"
		return 0
	fi
	each_named machine_start "$@"
}

stop_one()
{
	machine_lock
	machine_halt "${opt_force-}" ||
		fail "stop '$r_name': its processes do not end"
	machine_unlock
}

cmd_stop()
{
	[ $# -gt 0 ] || [ -n "${opt_all-}" ] || {
		# The whole service: all machines, and what ran is remembered.
		for cs_id in $(each_id); do
			if machine_find "$cs_id" && machine_running; then
				printf '%s\n' "$cs_id"
			fi
		done >"$home/stopped.$$"
		mv -f "$home/stopped.$$" "$home/stopped"
		opt_all=1
	}
	each_named stop_one "$@"
}

restart_one()
{
	machine_lock
	machine_halt '' || fail "restart '$r_name': its processes do not end"
	machine_boot 0 || fail "restart '$r_name': $why"
	machine_unlock
}

cmd_restart()
{
	[ $# -gt 0 ] || [ -n "${opt_all-}" ] ||
		usage_error 'restart takes a machine'
	each_named restart_one "$@"
}

delete_one()
{
	machine_lock
	machine_halt 1 || fail "delete '$r_name': its processes do not end"
	home_lock
	# First of all: a name that is left is sweep's, a machine without one is
	# listed for ever.
	why=$(tree_hide "$dir" 2>&1) || delete_fail
	rm -f -- "$home/names/$r_name"
	read -r do_default 2>/dev/null <"$home/default" || do_default=
	[ "$do_default" != "$id" ] || rm -f -- "$home/default"
	home_unlock
	why=$(tree_remove "$home/machines/.gone-$id" 2>&1) || delete_fail
	machine_unlock
}

delete_fail()
{
	why=${why%%
*}
	fail "delete rootfs: remove all x2: ${why#*: }"
}

cmd_delete()
{
	[ $# -gt 0 ] || [ -n "${opt_all-}" ] ||
		usage_error 'delete takes a machine'
	for cd_name; do
		machine_need "$cd_name"
		[ "$found_by" = name ] || panic \
'runtime error: invalid memory address or nil pointer dereference'
	done
	if [ -z "${opt_force-}" ]; then
		{
			printf '%s\n' 'WARNING: This will PERMANENTLY DELETE ALL DATA in the following machines:'
			if [ -n "${opt_all-}" ]; then
				for cd_id in $(each_id); do
					machine_find "$cd_id" && printf '  %s\n' "$r_name"
				done
			else
				printf '  %s\n' "$@"
			fi
			printf 'You cannot undo this action.\n\nContinue [y/N]? '
		} >&2
		IFS= read -r cd_answer || {
			printf '\n' >&2
			exit 1
		}
		case $cd_answer in
		y|Y|yes|Yes|YES) ;;
		*)	exit 1 ;;
		esac
	fi
	each_named delete_one "$@"
	sweep
}

cmd_rename()
{
	[ $# -eq 2 ] || usage_error 'rename takes a machine and a new name'
	machine_need "$1"
	name_check "$2" || fail "rename '$r_name': invalid name '$2': $why"
	[ "$r_name" != "$2" ] || return 0
	machine_lock
	old=$r_name
	name_take "$2" ||
		fail "rename '$old': machine already exists: '$2'"
	home_lock
	r_name=$2
	record_save || fail "rename '$old': cannot write the record"
	rm -f -- "$home/names/$old"
	home_unlock
	if machine_running; then
		enter_all /bin/sh -c 'hostname -- "$1" 2>/dev/null ||
			printf %s "$1" >/proc/sys/kernel/hostname
		printf "%s\n" "$1" >/etc/hostname
		sed -i "s/^\([0-9.]*\)	$2\.orb\.local $2\$/\1	$1.orb.local $1/" \
			/etc/hosts' sh "$2" "$old" >/dev/null 2>&1 ||
			warn "the host name inside follows at the next start"
	fi
	machine_unlock
}
