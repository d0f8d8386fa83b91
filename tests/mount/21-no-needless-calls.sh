#!/usr/bin/env bash
# Goal: one list serves everybody, and nobody's looking costs nothing.
# Deadline: 600
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 1000 vm running
mount_orbfs -o ttl=3600
expect "mounting costs no call" 0 "$(calls)"

check "ls -lR of the control files of a thousand machines" \
	ls -lR -I files "$mnt"
expect "costs one list" 1 "$(calls list)"
expect "and nothing else" 1 "$(calls)"
check "again, of many" bash -c 'ls -lR -I files "$1"/vm1*' sh "$mnt"
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
mount_orbfs -o ttl=3600
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
mount_orbfs -o ttl=1
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
check "a machine made elsewhere" wait_for 30 is "$mnt/elsewhere/state" running
check_fails "one that was deleted elsewhere" test -e "$mnt/vm9/state"
expect "one that was stopped elsewhere" stopped "$(cat "$mnt/vm8/state")"
expect "ls shows the same" 1000 "$(names "$mnt" | tr ' ' '\n' |
	grep -c -e vm -e elsewhere)"
n=$(stat -c %y "$mnt")
"$work/fake/orbctl" delete -f vm10
moved() { # STAT'S-FORMAT PATH
	ls "$mnt" >/dev/null
	[ "$(stat -c "$1" "$2")" != "$n" ]
}
check "the root's time moves" wait_for 30 moved %y "$mnt"
"$work/fake/orbctl" delete -f vm11
exec 5<"$mnt/vm11/state"
check "a file in it that is open goes" wait_for 30 eval \
	'[ "$(errno_of cat "$mnt/vm11/state")" = ENOENT ]'
exec 5<&-

# A name that was re-used is another machine.
put $'echo secret\n' "$mnt/vm12/exec"
n=$(stat -c %i "$mnt/vm12")
fake reid vm12
check "it has another inode number" wait_for 30 moved %i "$mnt/vm12"
expect "nothing of the old one is shown" "" "$(cat "$mnt/vm12/exec")"
unmount

# Our own changes are there at once, and are not undone by an older list.
mount_orbfs -o ttl=0
ls "$mnt" >/dev/null
fake on late.list held
ls "$mnt" >/dev/null
check "a list is under way" wait_for 30 compgen -G "$work/fake/late.*"
put stop "$mnt/vm20/state"
expect "it is stopped at once" stopped "$(cat "$mnt/vm20/state")"
fake off
no_list() {
	grep -qx "children_running 0" "$mnt/.orbfs/stats"
}
check "the older list comes" wait_for 30 no_list
for i in 1 2 3; do
	expect "it stays stopped ($i)" stopped "$(cat "$mnt/vm20/state")"
done
unmount
