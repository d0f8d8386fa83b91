# cgroup.sh: limits, and pausing a machine for a copy.
#
# With cgroup v2 a machine lives in /sys/fs/cgroup/orbctl-local/ID.  With v1 it
# joins a freezer of its own, and a cpu and a memory cgroup only once a limit
# was asked for: until then it stays where its creator is confined.  Where
# neither can be written, limits are refused and a copy pauses the machine by
# SIGSTOP.

cgroup_v2=/sys/fs/cgroup/orbctl-local

# cgroup_kind: sets kind to v2, v1 or none.
cgroup_kind()
{
	kind=none
	[ "$me" -eq 0 ] || return 0
	if [ -w /sys/fs/cgroup/cgroup.subtree_control ]; then
		kind=v2
	elif [ -w /sys/fs/cgroup/freezer/tasks ]; then
		kind=v1
	fi
}

# cgroup_dirs: sets cgroups to those that the machine in $dir needs.
cgroup_dirs()
{
	cgroup_kind
	cgroups=
	case $kind in
	v2)	cgroups=$cgroup_v2/$id ;;
	v1)	cgroups=/sys/fs/cgroup/freezer/orbctl-local/$id
		[ "$r_cpu" = 0 ] || cgroups="$cgroups /sys/fs/cgroup/cpu/orbctl-local/$id"
		[ "$r_memory_mib" = 0 ] ||
			cgroups="$cgroups /sys/fs/cgroup/memory/orbctl-local/$id" ;;
	esac
}

# cgroup_make: makes them and writes the limits.  Fails, with why, rather than
# let a machine run without a limit that its record has.
cgroup_make()
{
	cgroup_dirs
	if [ -z "$cgroups" ]; then
		limits_write
		return
	fi
	if [ "$kind" = v2 ] && [ ! -d "$cgroup_v2" ]; then
		mkdir -p "$cgroup_v2"
		for cm_name in cpu memory pids; do
			{ echo "+$cm_name" >/sys/fs/cgroup/cgroup.subtree_control
			echo "+$cm_name" >"$cgroup_v2/cgroup.subtree_control"
			} 2>/dev/null
		done
	fi
	# shellcheck disable=SC2086
	mkdir -p $cgroups 2>/dev/null
	limits_write
}

# cgroup_join: the calling process becomes a member.  0 means the writer.
cgroup_join()
{
	cgroup_dirs
	for cj_dir in $cgroups; do
		{ echo 0 >"$cj_dir/cgroup.procs"; } 2>/dev/null
	done
}

# cgroup_remove: for a machine whose processes are gone.  The kernel takes a
# moment to take the last of them out of the books.
cgroup_remove()
{
	for cr_dir in /sys/fs/cgroup/orbctl-local \
	    /sys/fs/cgroup/freezer/orbctl-local \
	    /sys/fs/cgroup/cpu/orbctl-local \
	    /sys/fs/cgroup/memory/orbctl-local; do
		[ -d "$cr_dir/$id" ] || continue
		cr_left=50
		until rmdir "$cr_dir/$id" 2>/dev/null; do
			cr_left=$((cr_left - 1))
			[ "$cr_left" -gt 0 ] || break
			sleep 0.02
		done
		# The parent goes with the last machine of any home.
		rmdir "$cr_dir" 2>/dev/null
	done
}

# limits_write: the record's limits into the cgroups; sets why and fails when
# one cannot be had.
limits_write()
{
	why='the kernel offers no cgroup for it'
	lw_quota=-1
	[ "$r_cpu" = 0 ] || lw_quota=$(cpu_quota "$r_cpu")
	lw_bytes=$((r_memory_mib * 1048576))
	case $kind in
	v2)	[ "$lw_quota" != -1 ] || lw_quota=max
		[ "$lw_bytes" -ne 0 ] || lw_bytes=max
		limit_set "$cgroup_v2/$id/cpu.max" "$lw_quota 100000" "max 100000" &&
		limit_set "$cgroup_v2/$id/memory.max" "$lw_bytes" max ;;
	v1)	[ "$lw_bytes" -ne 0 ] || lw_bytes=-1
		limit_set "/sys/fs/cgroup/cpu/orbctl-local/$id/cpu.cfs_quota_us" \
			"$lw_quota" -1 &&
		limit_set "/sys/fs/cgroup/memory/orbctl-local/$id/memory.limit_in_bytes" \
			"$lw_bytes" -1 ;;
	*)	[ "$r_cpu" = 0 ] && [ "$r_memory_mib" = 0 ] ;;
	esac
}

# limit_set FILE VALUE NONE: no file is fine when there is no limit to set.
limit_set()
{
	if [ -e "$1" ]; then
		{ printf '%s\n' "$2" >"$1"; } 2>/dev/null
	else
		[ "$2" = "$3" ]
	fi
}

# cpu_check NUMBER: digits, perhaps a point and up to three more.
cpu_check()
{
	case $1 in
	''|*[!0-9.]*|*.*.*|.*|*.|?????????*) return 1 ;;
	*.????*) return 1 ;;
	esac
}

# cpu_quota NUMBER: prints microseconds in each 100,000.
cpu_quota()
{
	cq_whole=${1%%.*} cq_part=000
	case $1 in *.*) cq_part=${1#*.}00 ;; esac
	cq_part=${cq_part%"${cq_part#???}"}
	# The leading 1 keeps a zero in front from meaning octal.
	echo $(((1$cq_whole$cq_part - 1${cq_whole:+$(printf %0${#cq_whole}d 0)}000) * 100))
}

# memory_check MIB: below 16 MiB no shell starts, so it would be no limit but
# an end.  (OrbStack's own lower bound is 1 GiB.)
memory_check()
{
	why="memory limit of $1 MiB is too small: 16 MiB is the least"
	[ "$1" -eq 0 ] || [ "$1" -ge 16 ]
}

# limits_apply: a running machine gets the record's limits at once.
limits_apply()
{
	cgroup_dirs
	why='the kernel offers no cgroup for it'
	[ -n "$cgroups" ] || return 1
	# shellcheck disable=SC2086
	mkdir -p $cgroups 2>/dev/null
	limits_write || return 1
	# All that runs moves along; a process that ends meanwhile is no loss.
	la_from=/sys/fs/cgroup/freezer/orbctl-local/$id/cgroup.procs
	[ "$kind" = v1 ] || return 0
	while read -r la_pid; do
		for la_dir in $cgroups; do
			{ echo "$la_pid" >"$la_dir/cgroup.procs"; } 2>/dev/null
		done
	done <"$la_from"
	return 0
}

# cgroup_freeze: nothing of the machine in $dir, whose process 1 is $pid, runs
# when it returns.
cgroup_freeze()
{
	cgroup_kind
	case $kind in
	v2)	echo 1 >"$cgroup_v2/$id/cgroup.freeze"
		cf_file=$cgroup_v2/$id/cgroup.events cf_want='frozen 1' ;;
	v1)	echo FROZEN >"/sys/fs/cgroup/freezer/orbctl-local/$id/freezer.state"
		cf_file=/sys/fs/cgroup/freezer/orbctl-local/$id/freezer.state
		cf_want=FROZEN ;;
	*)	: >"$dir/stopped"
		signal_all STOP
		return ;;
	esac 2>/dev/null
	cf_left=250
	while [ "$cf_left" -gt 0 ]; do
		while read -r cf_line; do
			[ "$cf_line" != "$cf_want" ] || return 0
		done 2>/dev/null <"$cf_file"
		cf_left=$((cf_left - 1))
		sleep 0.02
	done
	return 1
}

# cgroup_frozen: whether the machine in $dir is paused.  No child.
cgroup_frozen()
{
	for cz_file in "$cgroup_v2/$id/cgroup.freeze" \
	    "/sys/fs/cgroup/freezer/orbctl-local/$id/freezer.state"; do
		[ -e "$cz_file" ] || continue
		read -r cz_word <"$cz_file" || continue
		case $cz_word in
		1|FREEZING|FROZEN) return 0 ;;
		esac
	done
	[ -e "$dir/stopped" ]
}

cgroup_thaw()
{
	cgroup_kind
	case $kind in
	v2)	[ ! -e "$cgroup_v2/$id/cgroup.freeze" ] ||
			echo 0 >"$cgroup_v2/$id/cgroup.freeze" ;;
	v1)	[ ! -e "/sys/fs/cgroup/freezer/orbctl-local/$id/freezer.state" ] ||
			echo THAWED >"/sys/fs/cgroup/freezer/orbctl-local/$id/freezer.state" ;;
	*)	[ -e "$dir/stopped" ] || return 0
		rm -f "$dir/stopped"
		signal_all CONT ;;
	esac 2>/dev/null
}

# signal_all NAME: to all of the machine but its process 1.
signal_all()
{
	set -- "$1"
	if [ "$me" -ne 0 ]; then
		set -- "$1" --user --preserve-credentials
	fi
	sa_name=$1
	shift
	nsenter --target "$pid" "$@" --pid sh -c "kill -$sa_name -1" 2>/dev/null
}
