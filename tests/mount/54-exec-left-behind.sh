#!/usr/bin/env bash
# Goal: what a script leaves in the background ends with it, unless it made a session of its own.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web

expect_within 10 "a script with a job in the background ends at its own end" \
	run_script web $'sleep 7101 &\necho started'
expect "its output is there" started "$(cat "$mnt/web/exec")"
check "the job is gone" wait_for 30 none_in_guest web 'sleep 7101'

# A job that takes no TERM, and one that holds on to the outputs.
expect_within 10 "neither a deaf job delays it" run_script web \
	$'sh -c \'trap "" TERM HUP; sleep 7102; sleep 7102\' &\necho started'
check "the deaf one is gone, too" wait_for 30 none_in_guest web 'sleep 7102'

# setsid takes a moment to make the session; the script waits for that.
detached='until [ "$(cut -d" " -f6 "/proc/$!/stat")" = "$!" ]; do :; done'
expect_within 10 "a script that leaves a session behind ends" run_script web \
	$'setsid sleep 7103 >/dev/null 2>&1 &\n'"$detached"$'\necho $!'
pid=$(cat "$mnt/web/exec")
expect "the session lives on" "$pid" "$(in_guest web 'sleep 7103')"
check "the next script meets it" run_script web "kill -0 $pid"

# With the outputs in its hands it cannot keep the writer waiting.
expect_within 10 "a session that keeps the outputs open delays nobody" \
	run_script web $'setsid sleep 7104 &\n'"$detached"$'\necho $!'
expect "it lives on" "$(cat "$mnt/web/exec")" "$(in_guest web 'sleep 7104')"
expect "that script ended well" "exited 0" "$(last web status)"

check "a script ends them" run_script web 'kill $(cat /proc/[0-9]*/stat 2>/dev/null |
	awk "/ \(sleep\) / { print \$1 }" | grep -vx -e 1)'
check "the first" wait_for 30 none_in_guest web 'sleep 7103'
check "the second" wait_for 30 none_in_guest web 'sleep 7104'
expect "the machine runs on" running "$(cat "$mnt/web/state")"

# Process 1 reaps what lost its parent.
check "orphans" run_script web 'for i in 1 2 3; do (setsid true &) ; done'
reaped() {
	! guest web sh -c 'cat /proc/[0-9]*/stat' 2>/dev/null | grep -q ') Z '
}
check "are reaped" wait_for 30 reaped
unmount
