# watch.sh CGROUPS COMMAND...: starts COMMAND and waits for it.
#
# This shell itself is outside the machine, but its children are born in the
# machine's PID namespace (nsenter --no-fork).  So the command's status comes
# from a plain wait, and nothing of ours is in its process group.  When the
# command ends, what is left of its session is ended too; what made a session
# of its own stays.  TERM, INT and HUP end the session and then us; should we be
# killed, the command's parent-death signal kills it.

set -u
. "${0%/*}/proc.sh"
cgroups=$1
shift

# session_scan: sets found to the PIDs of the command's session.  A cgroup of
# the machine names the few that matter; without one all of /proc is read.
# Files only, no child.
session_scan()
{
	found=
	if [ -n "$books" ]; then
		while read -r number; do
			session_member "$number"
		done 2>/dev/null <"$books"
	else
		for number in /proc/[0-9]*; do
			session_member "${number##*/}"
		done
	fi
}

session_member()
{
	proc_stat "$1" || return 0
	# The child itself counts from before it has made its session.
	[ "$ps_session" = "$child" ] || [ "$1" = "$child" ] || return 0
	case $ps_state in
	Z|X|x)	return 0 ;;
	esac
	found="$found $1"
}

session_signal()
{
	for name; do
		# shellcheck disable=SC2086
		kill -"$name" $found 2>/dev/null
	done
}

# session_end TRIES: asks politely for TRIES times 20 ms, then kills.
session_end()
{
	session_scan
	[ -n "$found" ] || return 0
	session_signal TERM CONT
	tries=$1
	while [ "$tries" -gt 0 ]; do
		session_scan
		[ -n "$found" ] || return 0
		# A shell takes no TERM; sooner HUP would cut off handlers of TERM.
		[ "$tries" -ne $(($1 - 5)) ] || session_signal HUP
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

# shellcheck disable=SC2317
leave()
{
	trap '' TERM INT HUP
	child=${!:-none}
	session_end 100
	exit "$1"
}

child=none books=
for dir in $cgroups; do
	books=$dir/cgroup.procs
	break
done
exec 3<&0
trap 'leave 143' TERM
trap 'leave 130' INT
trap 'leave 129' HUP
# setsid(1) does not fork here: the background child of a shell without job
# control never leads a group.  So its PID is that of the command, and the
# number of the session.
{
	for dir in $cgroups; do
		{ echo 0 >"$dir/cgroup.procs"; } 2>/dev/null
	done
	exec "$@"
} <&3 3<&- &
child=$!
# Our copies of the streams must not keep them open, and a shell that waits for
# a killed child would write so.
exec 3<&- </dev/null >/dev/null 2>&1
wait "$child"
status=$?
trap '' TERM INT HUP
session_end 25
exit "$status"
