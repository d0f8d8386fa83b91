# power.sh: a machine's process 1: booting it, ending it, what it leaves.
#
# Callers hold the machine's lock.  Process 1 starts apart from us: its own
# session, / as directory, no descriptor but /dev/null, the console log and the
# pipe `go`, over which we tell it that it is on record.  Should we die before
# that, it ends by itself.

# shellcheck disable=SC1007,SC2031,SC3013
# Seconds between asking processes to end and killing them.
stop_grace=5

# leftovers_clear: what a machine that does not run may still have.
leftovers_clear()
{
	# The address is where a link to our id is, whatever was written down.
	for lc_path in "$home"/addr/*; do
		[ "$lc_path" -ef "$dir/id" ] || continue
		net_give "${lc_path##*/}"
	done
	cgroup_remove
	rm -f -- "$dir/run" "$dir/starting"
}

# machine_boot NEW: starts the machine in $dir (locked, record loaded, not
# running).  On failure sets why.
machine_boot()
{
	ip4= ip6= gateway= veth= bridge= index=-
	proc_stat $$
	printf '%s %s %s\n' $$ "$ps_start" "$boot_id" >"$dir/starting"
	why='no address is free, or the bridge cannot be made'
	if [ "$me" -eq 0 ] && [ "$r_isolate_network" != true ]; then
		net_take || return 1
	fi
	cgroup_make || {
		why="limits: $why"
		leftovers_clear
		return 1
	}
	[ ! -e "$dir/log" ] || log_trim
	: >>"$dir/log"
	exec 6<>"$dir/go"
	mb_out=$(boot_run "$1" 5<"$dir/go" 6>&- 9>&- 4>>"$dir/log" \
		2>"$dir/boot.err")
	case $mb_out in
	"pid "*"
ready")	pid=${mb_out#pid } pid=${pid%%
*} ;;
	"ready
pid "*)	pid=${mb_out##*pid } ;;
	*)	exec 6>&-
		why=$(head -n 1 -- "$dir/boot.err" 2>/dev/null)
		[ -n "$why" ] || why=$(tail -n 1 -- "$dir/log")
		[ "$me" -eq 0 ] || boot_why_user
		[ "$(stat -f -c %T -- "$home")" != overlayfs ] ||
			why="$home lies on an overlay, over which no overlay can be: set ORBCTL_LOCAL_HOME ($why)"
		leftovers_clear
		return 1 ;;
	esac
	proc_stat "$pid" || ps_start=0
	printf '%s %s %s %s\n' "$pid" "$ps_start" "$boot_id" "$index" \
		>"$dir/run.new"
	mv -f "$dir/run.new" "$dir/run"
	rm -f "$dir/starting" "$dir/boot.err"
	printf 'go\n' >&6
	exec 6>&-
}

# boot_why_user: the usual reason why an ordinary user cannot have machines.
boot_why_user()
{
	unshare --map-root-user true 2>/dev/null ||
		why="this kernel gives ordinary users no user namespaces, so only root can have machines ($why)"
}

# boot_run NEW: the outer step in its namespaces, apart from us in all ways:
# own session, own directory, no descriptor but the ones it needs.
boot_run()
{
	M_NEW=$1 M_DIR=$dir M_NAME=$r_name M_BASE=$r_base M_PARTS=$parts
	M_IP4=$ip4 M_IP6=$ip6 M_GATEWAY=$gateway M_VETH=$veth
	M_BRIDGE=$bridge M_HOST_PID=$$ M_MOUNTS=$r_mounts
	M_HOME=$(cd -P -- "$home" && pwd -P)
	M_LOWER=/ M_ROOT=0 M_PTS_GID=,gid=5
	case $r_base in
	local|pieces|pieces-user) ;;
	*)	M_LOWER=$M_HOME/images/$r_base ;;
	esac
	export M_NEW M_DIR M_NAME M_BASE M_PARTS M_IP4 M_IP6 M_GATEWAY \
		M_VETH M_BRIDGE M_HOST_PID M_MOUNTS M_HOME M_LOWER M_ROOT \
		M_PTS_GID
	cgroup_join
	map=--cgroup
	if [ "$me" -eq 0 ]; then
		M_ROOT=1
	else
		M_PTS_GID=
		user_map
	fi
	cd /
	# shellcheck disable=SC2086
	setsid unshare $map --mount --uts --ipc --net --propagation private \
		sh "$parts/boot.sh" outer </dev/null
}

# wait_gone SECONDS: waits until process 1 has ended, with all it had.
wait_gone()
{
	wg_left=$(($1 * 50))
	while is_alive "$pid" "$run_start" "$run_boot"; do
		[ "$wg_left" -gt 0 ] || return 1
		wg_left=$((wg_left - 1))
		sleep 0.02
	done
}

# kill_now: ends the machine that machine_running just found, at once.  The
# kernel kills all of a PID namespace with its process 1.
kill_now()
{
	cgroup_thaw
	kill -KILL "$pid" 2>/dev/null
	wait_gone 20
}

# machine_halt FORCE: stops the machine in $dir (locked), running or not.
machine_halt()
{
	if machine_running; then
		cgroup_thaw
		if [ -n "$1" ] || ! kill -TERM "$pid" 2>/dev/null ||
		    ! wait_gone "$stop_grace"; then
			kill_now || return 1
		fi
	fi
	leftovers_clear
}

# machine_start: starts the machine in $dir unless it runs; takes the lock.
machine_start()
{
	! machine_running || return 0
	machine_lock
	if ! machine_running; then
		leftovers_clear
		machine_boot 0 || fail "start '$r_name': $why"
	fi
	machine_unlock
}

# log_trim: keeps the console log bounded, at a boot.
log_trim()
{
	[ -n "$(find "$dir/log" -size +1024k)" ] || return 0
	tail -c 262144 "$dir/log" >"$dir/log.new" && mv -f "$dir/log.new" "$dir/log"
}

# enter_all COMMAND...: as root in all namespaces of the machine in $dir.
enter_all()
{
	machine_running || return 1
	if [ "$me" -eq 0 ]; then
		set -- --cgroup "$@"
	else
		set -- --user --preserve-credentials "$@"
	fi
	env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		nsenter --target "$pid" --mount --uts --ipc --net --pid \
		--root --wd "$@"
}
