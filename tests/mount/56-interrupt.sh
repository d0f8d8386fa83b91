#!/usr/bin/env bash
# Goal: Ctrl-C on a waiting cat, echo or mkdir frees the caller within 200 ms.
. "$(dirname "$0")/machines.sh"

# One called late1 or so takes its time to be made, one called last to stop.
cat >"$work/orbctl-local" <<END
#!/bin/sh
case \$1:\$* in
create:*late? | stop:*last)
	: >'$work/asked.'\$1
	until [ -e '$work/go' ]; do sleep 0.05; done ;;
esac
exec '$top/ops/local/orbctl-local' "\$@"
END
chmod +x "$work/orbctl-local"
mount_orbfs --orbctl "$work/orbctl-local"
make_machine web last

# pressed SENTENCE WAITS SHELL TEXT: a command line is interrupted as a terminal
# does it, with all its processes, as soon as the function WAITS says yes.
pressed() {
	local group
	env --default-signal=INT setsid "$3" -c "$4" >"$work/said" 2>&1 &
	group=$!
	check "$1: it waits" wait_for 30 "$2"
	kill -s INT -- "-$group"
	stopwatch wait "$group"
	check "$1: free within 200 ms ($took)" soon "$took"
	expect "$1: ended by the signal" 130 "$status"
}

# echo
sleeps() {
	in_guest web 'sleep 7301'
}
for shell in bash dash; do
	pressed "$shell: echo to exec" sleeps "$shell" \
		"echo 'echo so far; sleep 7301' >'$mnt/web/exec'; echo went on"
	expect "$shell: nothing after it ran" "" "$(cat "$work/said")"
	check "$shell: the script in the machine is gone" \
		wait_for 30 none_in_guest web "sleep 7301"
	is_over() {
		[ "$(last web status)" != running ]
	}
	check "$shell: its record is closed" wait_for 30 is_over
	expect_match "$shell: and says so" '^signaled' "$(last web status)"
	expect "$shell: what it had printed is kept" "so far" \
		"$(cat "$mnt/web/run/last/out")"
	check "$shell: error tells of it" test -s "$mnt/web/error"
done

# echo to state: the caller goes, the stop goes on
stops() {
	is "$mnt/last/state" stopping
}
pressed "echo to state" stops bash "echo stop >'$mnt/last/state'"
expect "the machine is still being stopped" stopping "$(cat "$mnt/last/state")"

# cat that waits for its own output
exec 3<>"$mnt/web/exec"
printf 'sleep 7302\n' >&3 2>/dev/null &
script=$!
check "a script runs through an open file" wait_for 30 in_guest web 'sleep 7302'
env --default-signal=INT cat <&3 >"$work/said" 2>&1 &
reader=$!
check "a reader waits for its output" wait_asks "$reader"
interrupt "$reader"
check "cat: free within 200 ms ($took)" soon "$took"
expect "cat: ended by the signal" 130 "$status"
check "the script goes on: only a writer ends it" in_guest web 'sleep 7302'
check "so does its writer" kill -0 "$script"
# Its shell and what that runs; the one may take the other along.
# shellcheck disable=SC2046 # numbers
guest web kill $(in_guest web 'sleep 7302') 2>/dev/null
check "somebody ends the script" wait_for 30 none_in_guest web 'sleep 7302'
wait "$script"
expect "and its write fails" 1 "$?"
exec 3>&-

# mkdir, which waits for less than a second: a busy computer may come too late,
# but not each time.
for i in 1 2 3 4 5 6 7 8 9; do
	late=late$i
	rm -f "$work/asked.create"
	env --default-signal=INT mkdir "$mnt/$late" 2>"$work/said" &
	maker=$!
	wait_for 30 test -e "$work/asked.create"
	wait_asks "$maker"
	interrupt "$maker"
	[ "$status" -eq 0 ] || break
done
check "a creation is under way" test -e "$work/asked.create"
check "mkdir: free within 200 ms ($took)" soon "$took"
expect "mkdir: ended by the signal" 130 "$status"
expect "the creation goes on" creating "$(cat "$mnt/$late/state")"

# exec that waits for a machine being made
printf 'echo done\n' >"$work/script"
start_writer "$work/script" "$mnt/$late/exec"
check "a script waits for its machine" wait_asks "$writer"
interrupt "$writer"
check "its writer is free within 200 ms ($took)" soon "$took"
expect "ended by the signal" 130 "$status"

touch "$work/go"
check "the machine is made" wait_for 30 is "$mnt/$late/state" running
expect "the interrupted script did not run in it" "" "$(cat "$mnt/$late/exec")"
check "the other one stops" wait_for 30 is "$mnt/last/state" stopped
check "all works on" run_script "$late" 'echo fine'
expect "as if nothing had been" fine "$(cat "$mnt/$late/exec")"
unmount
