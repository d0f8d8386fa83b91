#!/usr/bin/env bash
# Goal: .by groups machines as they are now, their directories tell their age, and .orbfs/events what happens.
. "$(dirname "$0")/machines.sh"

mount_orbfs
tail -f "$mnt/.orbfs/events" >"$work/tail" 2>/dev/null &
tailer=$!
interruptible cat "$mnt/.orbfs/events" >"$work/cat" &
reader=$!
make_machine web ci-1
running=$mnt/.by/state/running stopped=$mnt/.by/state/stopped

expect "both run" "ci-1 web" "$(names "$running")"
expect "none is stopped" "" "$(names "$stopped")"
expect "a group holds links to machines" ../../../web \
	"$(readlink "$running/web")"
expect "which lead to them" running "$(cat "$running/web/state")"
expect "scripts go through them" ci-1,web, "$(for m in "$running"/*; do
	echo hostname >"$m/exec" && tr '\n' , <"$m/exec"
done)"
put stop "$mnt/web/state"
expect "one that stops leaves its group" ci-1 "$(names "$running")"
expect "for another" web "$(names "$stopped")"
orbctl_local start web >/dev/null 2>&1
refresh
both() {
	[ "$(names "$running")" = "ci-1 web" ]
}
check "what happens elsewhere counts as well" wait_for 30 both
expect "nobody is left" "" "$(names "$stopped")"
check "a machine gets another name" mv "$mnt/ci-1" "$mnt/ci-2"
expect "so does its link" "ci-2 web" "$(names "$running")"
arch=$(dpkg --print-architecture 2>/dev/null || echo amd64)
expect "there are groups by architecture" "ci-2 web" \
	"$(names "$mnt/.by/arch/$arch")"
expect "and by distribution" "ci-2 web" "$(names "$mnt/.by/distro/debian")"
expect_errno "nothing is made there" EPERM mkdir "$running/new"
expect_errno "and nothing removed" EPERM rm "$running/web"

# Ages. An id tells when its machine was made; one of two hours ago is one whose
# id is older.
age() {
	find "$mnt" -maxdepth 1 -mindepth 1 ! -name '.*' "$@" -printf '%f\n' |
		sort | paste -sd ' '
}
expect "none is older than two hours" "" "$(age -mmin +120)"
expect "both are young" "ci-2 web" "$(age -mmin -60)"
expect "by name as well" ci-2 "$(age -name 'ci-*' -mmin -60)"
made=$(sed -n 's/.*"created":[[:space:]]*"\([^"]*\)".*/\1/p' "$mnt/web/config")
expect "a directory's time is when its machine was made" \
	"$(date -d "$made" +%s)" "$(stat -c %Y "$mnt/web")"
put stop "$mnt/web/state"
expect "and stays that" "$(date -d "$made" +%s)" "$(stat -c %Y "$mnt/web")"

# Events.
check "a machine is deleted" rmdir "$mnt/web"
put stop "$mnt/ci-2/state"
said() { # FILE REGEX
	grep -qE "$2" "$1"
}
deleted='"event":"deleted","machine":"web"'
check "tail -f tells of it" wait_for 30 said "$work/tail" "$deleted"
check "and cat" wait_for 30 said "$work/cat" "$deleted"
check "of the last of all as well" wait_for 30 said "$work/cat" \
	'"machine":"ci-2","from":"[a-z]*","to":"stopped"'
for event in '"event":"created","machine":"web"' \
	'"machine":"web","from":"creating","to":"running"' \
	'"machine":"web","from":"[a-z]*","to":"stopped"' \
	'"machine":"web","from":"stopped","to":"(starting|running)"' \
	'"event":"renamed","machine":"ci-2","old":"ci-1"'; do
	check "there was $event" said "$work/cat" "$event"
done
check "each line is JSON" python3 -c '
import json, sys
for line in open(sys.argv[1]):
    json.loads(line)["time"]' "$work/cat"
sleeps() {
	grep -q '^State:.*S' "/proc/$reader/status"
}
check "whoever reads waits for more" wait_for 30 sleeps
expect_interrupt "Ctrl-C ends it" "$reader"
kill "$tailer"
wait "$tailer" 2>/dev/null

# The end: who reads gets the end of the file, and the mount goes.
rmdir "$mnt/ci-2"
cat "$mnt/.orbfs/events" >"$work/cat" &
reader=$!
check "one reads" wait_for 30 test -s "$work/cat"
kill -TERM "$daemon"
check "who asks the daemon to go ends the stream" wait_for 30 eval \
	'! _is_alive "$reader"'
check "with its end, not an error" wait "$reader"
# It may still have been there when the unmount was tried.
_is_dead || kill -TERM "$daemon"
wait_daemon
