#!/usr/bin/env bash
# Goal: an agent that hangs delays nobody but who asks that machine.
. "$(dirname "$0")/files.sh"

mount_orbfs
make_machine one two
echo one >"$(native one)/srv/file"
echo two >"$(native two)/srv/file"
expect "one" one "$(cat "$(files one)/srv/file")"
expect "two" two "$(cat "$(files two)/srv/file")"
expect "two machines have different files" 2 "$(stat -c %i \
	"$(files one)/etc/passwd" "$(files two)/etc/passwd" | sort -u | wc -l)"
pid=$(agent_here one)
check "the agent is found" test -n "$pid"
kill -STOP "$pid"
cat "$(files one)/etc/services" >/dev/null 2>&1 &
first=$!
mkdir "$(files one)/srv/new" >/dev/null 2>&1 &
second=$!
check "who asks waits" wait_for 30 grep -q . "/proc/$first/stat"
expect_within 20 "the root is listed meanwhile" ls -l "$mnt"
expect_within 20 "and the machine itself" ls -l "$mnt/one"
expect_within 20 "and read" cat "$mnt/one/state" "$mnt/one/config"
expect_within 20 "another machine answers" ls -lR "$(files two)/etc"
expect_within 20 "and is written to" put new "$(files two)/srv/written"
expect_within 20 "a script runs in the machine that hangs" \
	put $'true\n' "$mnt/one/exec"
interruptible cat "$(files one)/var/group" >/dev/null 2>&1 &
third=$!
wait_until_waits "$third" cat
expect_interrupt "who waits can be interrupted" "$third"
kill -CONT "$pid"
check "it goes on when it is let" wait_for 30 eval \
	'! _is_alive "$first" && ! _is_alive "$second"'
check "all is well" test -d "$(files one)/srv/new"

# One that never comes back is given up before the machine stops.
kill -STOP "$(agent_here one)"
expect_within 25 "a machine stops whose agent hangs" put $'stop\n' \
	"$mnt/one/state"
expect_errno "it is down then" EHOSTDOWN cat "$(files one)/srv/file"
unmount
