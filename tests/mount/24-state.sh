#!/usr/bin/env bash
# Goal: state tells one word, and takes a verb, once and for all callers.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 3 web running
fake seed 1 db stopped
mount_orbfs
state=$mnt/web1/state

expect "one word and a newline" "running$(printf '\n_')" \
	"$(cat "$state"; echo _)"
verb() { # VERB ARGV STATE
	put "$1" "$state"
	expect "'${1//$'\n'/}' succeeds" 0 "$?"
	expect "by '$2'" 1 "$(called "$2 web1")"
	expect "the machine is $3" "$3 $3" "$(cat "$state") $(fake get web1 now)"
	rm -f "$work/fake/calls"
}
rm -f "$work/fake/calls"
verb stop stop stopped
verb $'start\n' start running
verb $'kill\n' 'stop -f' stopped
verb running start running
verb stopped stop stopped
verb $'  restart \n' restart running

# What is so already, is done.
check "start of a running machine" put start "$state"
fake on start-running-fails
check "even when orbctl makes that a failure" put start "$state"
check "running of a running machine" put running "$state"
put stop "$state"
check "stop of a stopped machine" put stop "$state"
fake on stop-stopped-fails
check "even when orbctl makes that a failure" put stop "$state"
expect "no error is left of it" "" "$(cat "$mnt/web1/error")"
fake off
put start "$state"

# What is refused.
rm -f "$work/fake/calls"
refused() { # TEXT ERRNO REGEX
	local shown=${1//$'\n'/, }
	expect_errno "'${shown:0:20}' is $2" "$2" put "$1" "$state"
	expect_match "and the error says why" "$3" "$(cat "$mnt/web1/error")"
}
refused jump EINVAL "state: 'jump' is no verb; start, stop, restart, kill and restore SNAPSHOT"
refused Stop EINVAL "'Stop' is no verb"
refused 'stop now' EINVAL "is no verb"
refused $'stop\nstart\n' EINVAL "is no verb"
refused --all EINVAL "is no verb"
refused "$(printf 'x%.0s' {1..5000})" EINVAL "is no verb"
refused pause EOPNOTSUPP "state: orbctl cannot pause machines"
refused resume EOPNOTSUPP "state: orbctl cannot resume machines"
expect_errno "a verb with a NUL behind it" EINVAL \
	eval 'printf "stop\0x" >"$state"'
expect "it has nothing stopped" running "$(cat "$state")"
expect "orbctl heard of none of these" 0 \
	"$(called '(start|stop|restart).*')"
check "nothing at all is no verb and no error" put $'\n' "$state"

# One that takes its time.
fake on delay.stop held
put stop "$state" & pid=$!
check "meanwhile it is stopping" wait_for 30 is "$state" stopping
expect_ms 300 "looks do not wait" ls -l "$mnt" "$mnt/web1"
expect_ms 300 "other machines do not wait" put restart "$mnt/web2/state"
put start "$state" & second=$!
wait_asks "$second"
check "stop waits" _is_alive "$pid"
check "and what comes after it" _is_alive "$second"
fake off
wait "$pid"
expect "stop succeeds" 0 "$?"
wait "$second"
expect "the verb that came meanwhile succeeds" 0 "$?"
expect "after it, in the order of asking" running "$(cat "$state")"
expect "each was asked for once" "1 1" "$(called 'stop web1') $(called 'start web1')"
fake off
fake on starting-for 1
put restart "$mnt/web3/state"
expect "a restart that answers early" 0 "$?"
check "is over when a script runs" put $'true\n' "$mnt/web3/exec"
fake off

# Interrupts.
fake on delay.start held
interruptible sh -c 'echo start >"$1"' sh "$mnt/db1/state" & pid=$!
check "a start is under way" wait_for 30 is "$mnt/db1/state" starting
expect_interrupt "who waits for a start can be interrupted" "$pid"
expect "the start goes on" starting "$(cat "$mnt/db1/state")"
fake off
check "to its end" wait_for 30 is "$mnt/db1/state" running
fake on stuck.web2
for word in stop kill; do
	interruptible sh -c 'echo "$2" >"$1"' sh "$mnt/web2/state" $word & pid=$!
	expect_interrupt "so can who waits for one stuck in stopping: $word" \
		"$pid"
done
refresh
check "it is what it is" wait_for 30 is "$mnt/web2/state" stopping
expect_ms 300 "the others go on" put stop "$mnt/web3/state"
fake off

# Failures.
fake on fail.start 1 1 "[-32098] start 'web3': no space left on device"
expect_errno "a failure has its errno" ENOSPC put start "$mnt/web3/state"
expect_match "and its reason" "^start: .*no space left" \
	"$(cat "$mnt/web3/error")"
expect "the state is the true one" stopped "$(cat "$mnt/web3/state")"
fake on panic.start
expect_errno "a panic is EIO" EIO put start "$mnt/web3/state"
fake off
fake on fail.start 1 1 "unknown"
"$work/fake/orbctl" fake set web3 state running
check "a failure that has succeeded is a success" put start "$mnt/web3/state"
"$work/fake/orbctl" delete -f web3
expect_errno "one that is gone is ENOENT" ENOENT put start "$mnt/web3/state"
unmount
