#!/usr/bin/env bash
# Goal: one list serves everybody, and nobody's looking costs nothing.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 1000 vm running
mount_orbfs -o ttl=60
expect "mounting costs no call" 0 "$(calls)"

expect_within 5 "ls -lR of the control files of a thousand machines" \
	ls -lR -I files "$mnt"
expect "costs one list" 1 "$(calls list)"
expect "and nothing else" 1 "$(calls)"
check "again" ls -lR -I files "$mnt"
check "what is in each of their directories" eval 'ls -l "$mnt"/*/'
memory() {
	awk '$1 == "memory" { print $2 }' "$mnt/.orbfs/stats"
}
before=$(memory)
# The settings of the engine are asked for by who lists them.
check "find" find "$mnt" -path "$mnt/.orbfs/engine" -prune -o \
	-name files -prune -o -name state -newermt 2000-01-01
check "a look at a thousand files/ costs little memory" test \
	$(($(memory) - before)) -lt 64000000
check "a thousand states" bash -c 'cat "$1"/*/state' sh "$mnt"
check "errors" bash -c 'cat "$1"/*/error' sh "$mnt"
check "records of runs" bash -c 'cat "$1"/*/run/last/status' sh "$mnt"
expect "nothing more for any of it within the time" 1 "$(calls)"

for i in 1 2 3; do
	cat "$mnt/vm$i/ip" "$mnt/vm$i/config" >/dev/null
done
expect "ip and config cost one info each machine" 3 "$(calls info)"
cat "$mnt"/vm[123]/ip "$mnt"/vm[123]/config >/dev/null
ls -lR -I files "$mnt"/vm[123] >/dev/null
expect "and none when repeated within the time" 3 "$(calls info)"
unmount

# Many readers at once share one call.
fake on latency 0.1
mount_orbfs -o ttl=60
n=$(calls)
pids=()
for i in {1..40}; do
	cat "$mnt/vm7/ip" >/dev/null & pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do
	wait "$pid" || failed=$((failed + 1))
done
expect "forty readers at once all succeed" 0 "$failed"
expect "with one list and one info" $((n + 2)) "$(calls)"
fake off
unmount

# What nobody looks at is not asked for.
mount_orbfs -o ttl=0.2
ls -lR -I files "$mnt/vm1" >/dev/null
cat "$mnt/vm1/ip" "$mnt/vm1/config" >/dev/null
exec 5<"$mnt/vm2/state"
n=$(calls)
sleep 2.5
expect "no call at all while nobody touches the mount" "$n" "$(calls)"
read -r state <&5
exec 5<&-
expect "not even for an open file" "running $n" "$state $(calls)"
cat "$mnt/vm1/state" >/dev/null
expect "one for a look after that" $((n + 1)) "$(calls)"
unmount

# How long a list serves is the user's choice.
mount_orbfs -o ttl=0
n=$(calls list)
cat "$mnt/vm1/state" >/dev/null
cat "$mnt/vm1/state" >/dev/null
check "with ttl=0 every look asks" test "$(calls list)" -ge $((n + 2))
unmount

# What happens elsewhere shows at the next look after the time.
mount_orbfs -o ttl=0.5
ls "$mnt" >/dev/null
"$work/fake/orbctl" create debian:bookworm elsewhere
"$work/fake/orbctl" delete -f vm9
"$work/fake/orbctl" stop vm8
cat "$mnt/vm8/state" >/dev/null
sleep 0.6
expect "a machine made elsewhere" running "$(cat "$mnt/elsewhere/state")"
check_fails "one that was deleted elsewhere" test -e "$mnt/vm9/state"
expect "one that was stopped elsewhere" stopped "$(cat "$mnt/vm8/state")"
expect "ls shows the same" 1000 "$(names "$mnt" | tr ' ' '\n' |
	grep -c -e vm -e elsewhere)"
n=$(stat -c %y "$mnt")
"$work/fake/orbctl" delete -f vm10
sleep 0.6
ls "$mnt" >/dev/null
check_fails "the root's time has moved" test "$n" = "$(stat -c %y "$mnt")"
"$work/fake/orbctl" delete -f vm11
exec 5<"$mnt/vm11/state"
sleep 0.6
expect_errno "a file in it that is open" ENOENT cat "$mnt/vm11/state"
exec 5<&-

# A name that was re-used is another machine.
put $'echo secret\n' "$mnt/vm12/exec"
inode=$(stat -c %i "$mnt/vm12")
fake reid vm12
sleep 0.6
ls "$mnt" >/dev/null
expect "nothing of the old one is shown" "" "$(cat "$mnt/vm12/exec")"
check_fails "it has another inode number" \
	test "$inode" = "$(stat -c %i "$mnt/vm12")"
unmount

# Our own changes are there at once, and are not undone by an older list.
mount_orbfs -o ttl=0
ls "$mnt" >/dev/null
fake on late.list 0.7
ls "$mnt" >/dev/null
put stop "$mnt/vm20/state"
for i in 1 2 3 4 5; do
	expect "it stays stopped ($i)" stopped "$(cat "$mnt/vm20/state")"
	sleep 0.1
done
fake off
unmount
