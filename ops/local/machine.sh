# machine.sh: what is known of machines: records, names, locks, states.
#
# $home/machines/ID/	one machine
#	record		`key value` lines, replaced as a whole; without it the
#			machine is half made and nobody sees it
#	run		`PID START BOOT INDEX`: process 1, its start time, the
#			boot it belongs to, the number of its address
#	creating	`PID START BOOT` of the process that is making it
#	id		its ID; $home/names/NAME is a hard link to it, so that
#			taking a name is one atomic link(2)
#	lock		flock'ed while the machine changes
#	upper, work	the overlay's layers (base pieces: a pair for each
#			directory of the top level); root: where it is mounted, in
#			the machine's own mount namespace only
#	log		the console
# $home/lock		flock'ed for names, the bridge and the default
#
# Data read here is only ever compared, printed or passed as an argument.

# shellcheck disable=SC1007,SC2031,SC2119,SC2120,SC2231

# fail TEXT: the contract's form of an error.
fail()
{
	printf '[-32098] %s\n' "$1" >&2
	exit 1
}

# warn TEXT: something that the caller should know and that stops nothing.
warn()
{
	printf 'orbctl-local: %s\n' "$1" >&2
}

home_open()
{
	my_uid
	if [ -n "${ORBCTL_LOCAL_HOME-}" ]; then
		home=$ORBCTL_LOCAL_HOME
	elif [ "$me" -eq 0 ]; then
		home=/var/lib/orbctl-local
	else
		home=${XDG_DATA_HOME:-$HOME/.local/share}/orbctl-local
	fi
	case $home in
	/*)	;;
	*)	home=$PWD/$home ;;
	esac
	read -r boot_id </proc/sys/kernel/random/boot_id || boot_id=none
	[ -d "$home/names" ] && return
	{ mkdir -p -- "$home" "$home/machines" "$home/addr" "$home/images" &&
		chmod 711 -- "$home" && : >>"$home/lock" &&
		mkdir -p "$home/names"; } || fail "state: cannot make $home"
}

# The numeric user id, without a child.
my_uid()
{
	while read -r mu_key me mu_rest; do
		[ "$mu_key" != Uid: ] || return 0
	done </proc/$$/status
	me=$(id -u)
}

# After `stop` without a name any other command starts the service again;
# the machines that ran are remembered for a `start` without a name.
service_wake()
{
	[ ! -e "$home/stopped" ] || mv -f "$home/stopped" "$home/before" \
		2>/dev/null || :
}

# is_alive PID START BOOT: whether that very process still is.
is_alive()
{
	[ "${3:-}" = "$boot_id" ] || return 1
	proc_stat "$1" || return 1
	case $ps_state in
	Z|X|x)	return 1 ;;
	esac
	[ "$ps_start" = "$2" ]
}

# machine_running: whether the machine in $dir runs; sets pid and index.
machine_running()
{
	pid= index= run_start= run_boot=
	[ -e "$dir/run" ] || return 1
	read -r pid run_start run_boot index 2>/dev/null <"$dir/run" || return 1
	is_alive "$pid" "$run_start" "$run_boot"
}

# name_check NAME: sets why and fails when no machine can have that name.
name_check()
{
	why=
	case $1 in
	'')	why='it is empty' ;;
	[!a-zA-Z0-9]*)
		why='it must start with a letter or a digit' ;;
	*[!a-zA-Z0-9.-]*)
		why='only letters, digits, hyphens and dots are allowed' ;;
	*[!a-zA-Z0-9])
		why='it must end with a letter or a digit' ;;
	*..*)	why='it has two dots in a row' ;;
	docker|k8s|default|none|all)
		why='it is reserved' ;;
	esac
	[ ${#1} -le 63 ] || why='it is longer than 63 characters'
	[ -z "$why" ]
}

record_clear()
{
	r_id= r_name= r_distro= r_version= r_arch= r_variant=default
	r_base=local r_username=root r_isolated=false r_isolate_network=false
	r_forward_ssh_agent=false r_cpu=0 r_memory_mib=0 r_disk_bytes=0
	r_mounts=
}

# record_load [FILE]: reads $dir/record into the r_ variables.
record_load()
{
	record_clear
	{ while read -r rl_key rl_value; do
		case $rl_key in
		id)	r_id=$rl_value ;;
		name)	r_name=$rl_value ;;
		distro)	r_distro=$rl_value ;;
		version) r_version=$rl_value ;;
		arch)	r_arch=$rl_value ;;
		variant) r_variant=$rl_value ;;
		base)	r_base=$rl_value ;;
		username) r_username=$rl_value ;;
		isolated) r_isolated=$rl_value ;;
		isolate_network) r_isolate_network=$rl_value ;;
		forward_ssh_agent) r_forward_ssh_agent=$rl_value ;;
		cpu)	r_cpu=$rl_value ;;
		memory_mib) r_memory_mib=$rl_value ;;
		disk_bytes) r_disk_bytes=$rl_value ;;
		mount)	r_mounts="${r_mounts:+$r_mounts
}$rl_value" ;;
		esac
	done; } 2>/dev/null <"$dir/${1:-record}" || return 1
	[ -n "$r_id" ] && [ -n "$r_name" ]
}

# record_write FILE: the r_ variables as a record.
record_write()
{
	{
		for rw_key in id name distro version arch variant base \
		    username isolated isolate_network forward_ssh_agent cpu \
		    memory_mib disk_bytes; do
			# The names are the words above.
			eval "printf '%s %s\\n' $rw_key \"\$r_$rw_key\""
		done
		[ -z "$r_mounts" ] || printf '%s\n' "$r_mounts" |
		while IFS= read -r rw_line; do
			printf 'mount %s\n' "$rw_line"
		done
	} >"$1"
}

# record_save: replaces $dir/record as a whole.
record_save()
{
	record_write "$dir/record.$$" && mv -f "$dir/record.$$" "$dir/record"
}

# machine_find NAME|ID: sets id and dir and loads the record.
machine_find()
{
	case $1 in
	''|*/*|.*)
		return 1 ;;
	esac
	if [ -f "$home/names/$1" ]; then
		read -r id 2>/dev/null <"$home/names/$1" || id=
		dir=$home/machines/$id
		found_by=name
		[ -n "$id" ] && record_load && [ "$r_name" = "$1" ] && return
	fi
	id=$1 dir=$home/machines/$1 found_by=id
	[ ${#1} -eq 26 ] && [ -f "$dir/record" ] && record_load
}

# machine_need NAME|ID: machine_find or the contract's error.
machine_need()
{
	machine_find "$1" || fail "machine not found: '$1'"
}

# machine_lock: holds the lock of the machine in $dir on descriptor 9, and
# reads the record again: it may have changed, or gone, while we waited.
machine_lock()
{
	exec 9>&-
	# `command` keeps a failed exec from being the end of the shell.
	{ command exec 9>>"$dir/lock"; } 2>/dev/null ||
		fail "machine not found: '${r_name:-$id}'"
	flock -w 120 9 || fail "'$r_name': another operation does not end"
	ml_name=$r_name
	record_load || fail "machine not found: '$ml_name'"
}

machine_unlock()
{
	exec 9>&-
}

# home_lock, home_unlock: around short critical sections only.
home_lock()
{
	command exec 8>>"$home/lock" || fail "state: cannot write to $home"
	flock -w 60 8 || fail "the lock of $home does not come free"
}

home_unlock()
{
	exec 8>&-
}

# each_id: prints the ID of every whole machine, oldest first.
each_id()
{
	for ei_record in "$home"/machines/*/record; do
		[ -e "$ei_record" ] || continue
		ei_record=${ei_record%/record}
		printf '%s\n' "${ei_record##*/}"
	done
}

# default_find: machine_find for the default machine: the chosen one, else
# the oldest.
default_find()
{
	if [ -f "$home/default" ]; then
		read -r df_id <"$home/default" || df_id=
		case $df_id in
		none)	return 1 ;;
		?*)	machine_find "$df_id" && return ;;
		esac
	fi
	for df_record in "$home"/machines/*/record; do
		[ -e "$df_record" ] || return 1
		df_record=${df_record%/record}
		machine_find "${df_record##*/}"
		return
	done
}

# default_need: default_find or the contract's text for a home without any.
default_need()
{
	default_find && return
	cat >&2 <<'END'
To use Docker:
    docker run ...
See "orb docker" for more info.

To create a Linux machine:
    orb create ubuntu
See "orb create --help" for supported distros and options.
END
	exit 1
}

# fds_close COMMAND ARG...: replaces this process by COMMAND, without any
# descriptor above 2.  dash can close single digits only, so bash does the
# rest, in the rare case that a caller left such a descriptor to us.
fds_close()
{
	exec bash -c 'for f in /proc/$$/fd/*; do
	n=${f##*/}
	[ "$n" -le 2 ] || { exec {n}>&-; } 2>/dev/null
done
exec "$@"' bash "$@"
}

# fds_leaked: whether there is an inheritable descriptor above 9.
fds_leaked()
{
	for fl_path in /proc/$$/fd/[1-9][0-9]*; do
		[ -e "$fl_path" ] || [ -L "$fl_path" ] || continue
		{ while read -r fl_key fl_value; do
			[ "$fl_key" = flags: ] || continue
			# 02000000 is O_CLOEXEC.
			[ $((0$fl_value & 02000000)) -ne 0 ] || return 0
		done; } 2>/dev/null <"/proc/$$/fdinfo/${fl_path##*/}"
	done
	return 1
}
