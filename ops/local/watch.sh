# watch.sh INIT CGROUPS COMMAND...: starts COMMAND and waits for it.
#
# This shell itself is outside the machine, but its children are born in the
# machine's PID namespace (nsenter --no-fork).  So the command's status comes
# from a plain wait, and nothing of ours is in its process group.  When the
# command ends, what is left of its session is ended too; what made a session
# of its own stays.  TERM, INT and HUP end the session and then us; should we be
# killed, the command's parent-death signal kills it.

set -u
. "${0%/*}/proc.sh"
init=$1 cgroups=$2
shift 2
guest_proc=/proc/$init/root/proc

# session_scan: sets found to the PIDs, as the machine numbers them, of the
# command's session.  Reads files only.
session_scan()
{
	found=
	for path in "$guest_proc"/[0-9]*; do
		path=${path##*/}
		proc_stat "$path" "$guest_proc" || continue
		[ "$ps_session" = "$session" ] || continue
		case $ps_state in
		Z|X|x)	continue ;;
		esac
		found="$found $path"
	done
}

# session_signal NAME...: a child of ours knows the machine's numbers.
session_signal()
{
	(
		for name; do
			# shellcheck disable=SC2086
			kill -"$name" $found 2>/dev/null
		done
	)
}

# session_end TRIES: asks politely for TRIES times 20 ms, then kills.
session_end()
{
	session_scan
	[ -n "$found" ] || return 0
	session_signal HUP TERM CONT
	tries=$1
	while [ "$tries" -gt 0 ]; do
		session_scan
		[ -n "$found" ] || return 0
		sleep 0.02
		tries=$((tries - 1))
	done
	# New ones may be born between the look and the blow.
	tries=50
	while [ "$tries" -gt 0 ]; do
		session_signal KILL
		session_scan
		[ -n "$found" ] || return 0
		sleep 0.02
		tries=$((tries - 1))
	done
}

leave()
{
	trap '' TERM INT HUP
	session_end 100
	exit "$1"
}

child= session=
exec 3<&0
trap 'leave 143' TERM
trap 'leave 130' INT
trap 'leave 129' HUP
{
	for dir in $cgroups; do
		{ echo 0 >"$dir/cgroup.procs"; } 2>/dev/null
	done
	exec "$@"
} <&3 3<&- &
child=$!
exec 3<&-
# Until wait has been called even a command that ended has its status file.
while read -r key outer inner; do
	[ "$key" = NSpid: ] || continue
	session=${inner##*[!0-9]}
	break
done </proc/$child/status
# Our copies of the streams must not keep them open, and a shell that waits for
# a killed child would write so.
exec </dev/null >/dev/null 2>&1
wait "$child"
status=$?
trap '' TERM INT HUP
session_end 25
exit "$status"
