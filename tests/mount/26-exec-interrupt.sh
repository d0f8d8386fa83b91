#!/usr/bin/env bash
# Goal: scripts run side by side, and Ctrl-C ends the one that it is meant for.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 2 web running
mount_orbfs
exec=$mnt/web1/exec
home=$work/fake/machines/web1/home

# alive NUMBER: a "sleep NUMBER" lives, be it of whose script it may.
alive() {
	grep -qsxzF -e "$1" /proc/[0-9]*/cmdline
}
dead() {
	! alive "$1"
}
tag=$$ # a fraction of a second, to know our own sleepers by
start_script() { # SCRIPT [FILE]; sets pid
	interruptible sh -c 'printf "%s\n" "$2" >"$1"' sh "${2:-$exec}" "$1" &
	pid=$!
}

# One.
start_script "echo begun; sleep 31.$tag; echo never >never"
check "a script runs" wait_for 30 alive "31.$tag"
expect_interrupt "Ctrl-C frees its writer at once" "$pid"
check "the script ends in the machine" wait_for 30 dead "31.$tag"
check "its record says how" wait_for 30 grep -qE 'signaled (2|15)' \
	"$mnt/web1/run/last/status"
expect "what it wrote before is there" begun "$(head -n 1 "$mnt/web1/exec")"
check "a script after it runs" put $'true\n' "$exec"
check_fails "nothing after the interrupted line ran" test -e "$home/never"
start_script "sleep 32.$tag & sleep 33.$tag & wait"
check "a script with children" wait_for 30 alive "33.$tag"
expect_interrupt "Ctrl-C frees its writer" "$pid"
check "its children end" wait_for 30 dead "32.$tag"
check "all of them" wait_for 30 dead "33.$tag"
# This engine's own child is within reach of what ends the script; that of a
# real one is not.
fake on ignore-term run
start_script "trap '' TERM INT HUP; sleep 34.$tag; sleep 35.$tag"
check "a script that ignores signals" wait_for 30 alive "34.$tag"
expect_interrupt "Ctrl-C frees its writer" "$pid"
check "it is killed after a grace" wait_for 30 dead "34.$tag"
check_fails "and does not go on" alive "35.$tag"
fake off
start_script "trap '' TERM INT HUP; sleep 36.$tag"
check "the same where the engine's child dies first" \
	wait_for 30 alive "36.$tag"
expect_interrupt "Ctrl-C frees its writer" "$pid"
check "the script is killed all the same" wait_for 30 dead "36.$tag"

# Two, and either of them interrupted.
for which in first second; do
	start_script "sleep 41.$tag; echo never >never"
	first=$pid
	start_script "sleep 1; echo $which >went-on; sleep 42.$tag"
	second=$pid
	check "two writers run side by side" wait_for 30 alive "41.$tag"
	if [ "$which" = first ]; then
		expect_interrupt "the first is interrupted" "$first"
		check "its script ends" wait_for 30 dead "41.$tag"
		check "the second's goes on" wait_for 30 alive "42.$tag"
		expect "to its end" first "$(cat "$home/went-on")"
		expect_interrupt "until it is interrupted, too" "$second"
	else
		check "they are both there" wait_for 30 alive "42.$tag"
		expect_interrupt "the second is interrupted" "$second"
		check "its script ends" wait_for 30 dead "42.$tag"
		check "the first's goes on" alive "41.$tag"
		expect_interrupt "until it is interrupted, too" "$first"
	fi
	check "nothing is left of either" wait_for 30 eval \
		'dead "41.$tag" && dead "42.$tag"'
done
check_fails "nothing after the interrupted line ran" test -e "$home/never"

# One that is killed, not interrupted.
start_script "sleep 51.$tag"
check "a script runs" wait_for 30 alive "51.$tag"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
check "kill -9 of its writer ends it as well" wait_for 30 dead "51.$tag"

# A reader that waits for output.
exec 3<>"$exec"
interruptible sh -c 'echo "sleep 61.$1" >&3' sh "$tag" & pid=$!
check "a script runs" wait_for 30 alive "61.$tag"
interruptible cat <&3 >/dev/null & reader=$!
expect_interrupt "a reader that waits can be interrupted" "$reader"
check "the script goes on" alive "61.$tag"
expect_interrupt "until its writer is" "$pid"
check "then it ends" wait_for 30 dead "61.$tag"
exec 3>&-

# An engine that does not answer.
fake on hang.run
start_script "true"
wait_asks "$pid"
check "a script for an engine that hangs waits" _is_alive "$pid"
expect_ms 300 "looks do not" ls -l "$mnt" "$mnt/web1"
fake off
expect_interrupt "its writer can be interrupted" "$pid"
check "the engine's own child goes" wait_for 30 is \
	"$mnt/web1/run/last/status" "signaled 15"
fake on ignore-term run
fake on hang.run
start_script "true" "$mnt/web2/exec"
expect_interrupt "one that ignores TERM, as well" "$pid"
fake off
check "no child is left" wait_for 30 grep -qx "children_running 0" \
	"$mnt/.orbfs/stats"

# mkdir and cat.
fake on hang.create
# They wait for less than a second, so a busy computer may come too late.
interruptible mkdir "$mnt/fresh" & pid=$!
expect_interrupt "a mkdir that waits can be interrupted" "$pid" ended
fake off
fake on hang.info
interruptible cat "$mnt/web1/config" >/dev/null & pid=$!
expect_interrupt "a cat that waits can be interrupted" "$pid"
fake off
fake on hang.logs
interruptible cat "$mnt/web1/log" >/dev/null & pid=$!
expect_interrupt "so can one of the log" "$pid"
fake off
fake on hang.rename
interruptible mv "$mnt/web1" "$mnt/shop" & pid=$!
expect_interrupt "so can a mv" "$pid" ended
unmount
