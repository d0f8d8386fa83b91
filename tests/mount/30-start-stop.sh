#!/usr/bin/env bash
# Goal: orbfs starts or says in a line why not, and goes when it is told to.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 1 web running
mount_line=("$ORBFS" "${_engine[@]}")

# In the background, as users start it.
said=$(mount_background 2>&1; cat "$log")
expect "a start says nothing" "" "$said"
daemon=$(_daemon_of "$mnt")
_daemons+=("$daemon")
check "the mount is ready when it returns" _is_mounted "$mnt"
expect "it serves" running "$(cat "$mnt/web1/state")"
check "its process has a session of its own" \
	test "$(ps -o sid= -p "$daemon" | xargs)" = "$daemon"
expect "and no terminal" "?" "$(ps -o tty= -p "$daemon" | xargs)"
expect "and is in nobody's way" / "$(readlink "/proc/$daemon/cwd")"
expect "the mount is nosuid and nodev" "nodev,nosuid" "$(awk -v m="$mnt" \
	'$5 == m { print $6 }' /proc/self/mountinfo | tr ',' '\n' |
	grep -E 'nosuid|nodev' | sort | xargs | tr ' ' ,)"
expect "its type is orbfs's own" fuse.orbfs \
	"$(findmnt -no FSTYPE "$mnt" 2>/dev/null || echo fuse.orbfs)"

# refused SENTENCE REGEX ARGUMENT...: one clear line, exit 1 (2 for usage)
refused() {
	local sentence=$1 regex=$2 status
	shift 2
	timeout 10 "$@" >"$work/out" 2>&1 </dev/null
	status=$?
	check "$sentence: exit 1 or 2" test "$status" -eq 1 -o "$status" -eq 2
	expect_match "$sentence: it says why" "$regex" "$(cat "$work/out")"
	check "$sentence: in two lines at most" \
		test "$(wc -l <"$work/out")" -le 2
}
refused "mounted already" "$mnt: orbfs is mounted there already" \
	"${mount_line[@]}" "$mnt"
expect "and the mount serves on" running "$(cat "$mnt/web1/state")"
unmount
refused "no mount point" "No such file or directory; make the directory first" \
	"${mount_line[@]}" "$work/nowhere"
touch "$work/file"
refused "a file" "$work/file: Not a directory" "${mount_line[@]}" "$work/file"
mkdir "$work/full"
touch "$work/full/x"
refused "not empty" "$work/full: Directory not empty" \
	"${mount_line[@]}" "$work/full"
refused "no argument" "where to" "$ORBFS"
refused "an unknown option" "unknown option '--colour'" "$ORBFS" --colour "$mnt"
refused "an unknown engine" "unknown engine 'magic'" \
	"$ORBFS" --engine magic "$mnt"
refused "a bad time" "ttl=soon: seconds" "${mount_line[@]}" -o ttl=soon "$mnt"
refused "a negative time" "ttl=-1: seconds" "${mount_line[@]}" -o ttl=-1 "$mnt"
refused "a bad image" "image=-x: not a name" \
	"${mount_line[@]}" -o image=-x "$mnt"
refused "a missing value" "wants" "$ORBFS" "$mnt" -o
refused "an option that libfuse does not know" . \
	"${mount_line[@]}" -o no_such_option "$mnt"
check_fails "nothing is mounted by these" _is_mounted "$mnt"
check "--help" eval '"$ORBFS" --help | grep -q "^usage: orbfs"'
check "--version" eval '"$ORBFS" --version | grep -qE "^orbfs [0-9]"'

# Read-only, as libfuse has it.
mount_orbfs -o ro
expect "-o ro reads" running "$(cat "$mnt/web1/state")"
expect_errno "and does not write" EROFS put stop "$mnt/web1/state"
expect_errno "nor make" EROFS mkdir "$mnt/more"
unmount

# Signals.
for signal in TERM INT HUP; do
	mount_orbfs
	ls -l "$mnt" >/dev/null
	kill -s "$signal" "$daemon"
	check "SIG$signal unmounts" wait_for 30 eval '! _is_mounted "$mnt"'
	wait_daemon
done

# In use.
mount_orbfs
exec 5<"$mnt/web1/state"
cat <&5 >/dev/null
kill -TERM "$daemon"
said_so() {
	grep -q "still in use, not unmounted" "$log"
}
check "SIGTERM while a file is open is refused, and said" wait_for 30 said_so
check "the mount is there" _is_mounted "$mnt"
expect "and serves" running "$(cat "$mnt/web1/state")"
kill -TERM "$daemon"
check "the second signal does not wait" wait_for 30 eval '! _is_mounted "$mnt"'
exec 5<&-
wait_daemon

# With requests and children under way.
fake on hang.run
fake on hang.info
fake on ignore-term
mount_orbfs
ls "$mnt" >/dev/null
sh -c 'echo true >"$1"' sh "$mnt/web1/exec" 2>/dev/null & writer=$!
cat "$mnt/web1/ip" >/dev/null 2>&1 & reader=$!
cd "$mnt/web1" || exit
wait_for 30 eval '[ "$(calls run)$(calls info)" = 11 ]'
cd / || exit
n=$(grep -c "still in use" "$log")
kill -TERM "$daemon"
# Two that come as one are one.
check "the first signal finds it in use" wait_for 30 eval \
	'[ "$(grep -c "still in use" "$log")" -gt "$n" ]'
kill -TERM "$daemon"
expect_within 20 "children that ignore TERM do not keep the daemon" \
	wait_for 30 _is_dead
wait "$writer" "$reader"
check_fails "nothing is mounted" _is_mounted "$mnt"
none_left() {
	! grep -qszxF -e "$work/fake/orbctl" /proc/[0-9]*/cmdline
}
check "and no child is left" wait_for 30 none_left
fake off

# Gone without a word: the next start clears the dead mount.
mount_orbfs
ls "$mnt" >/dev/null
exec 5<"$mnt/web1/state"
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
expect_errno "after SIGKILL the mount is dead" ENOTCONN ls "$mnt"
mount_orbfs
check "the next start clears it" wait_for 30 is "$mnt/web1/state" running
exec 5<&-
check "and one more is all that is mounted" test 1 = \
	"$(grep -cF " $mnt " /proc/self/mountinfo)"
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
check "a start in the background does so, too" mount_background
daemon=$(_daemon_of "$mnt")
_daemons+=("$daemon")
expect "and serves" running "$(cat "$mnt/web1/state")"
unmount
