#!/usr/bin/env bash
# Goal: a creation that fails says why, and leaves what it should.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 1 web running
mount_orbfs
daemon_error() {
	cat "$mnt/.orbfs/error"
}

# Failures that come while mkdir waits: an errno, a reason, no machine.
fails_with() { # MODE ERRNO REGEX
	fake on create-mode "$1"
	expect_errno "mkdir: $1 is $2" "$2" mkdir "$mnt/bad"
	expect_match "and .orbfs/error says why" "$3" "$(daemon_error)"
	expect "nothing stays behind" "$ours web1" "$(names "$mnt")"
}
fails_with setup-failed EIO "bad: create: .*run command 'useradd'"
fails_with shutdown EIO "canceled by machine shutdown"
fails_with permission EPERM "operation not permitted"
fake off
expect "none of these was tried twice" 3 "$(called 'create .* bad')"

fake on fail.create 1 1 '[-32098] something new'
expect_errno "an unknown failure is EIO" EIO mkdir "$mnt/bad"
expect "and its text is shown" "bad: create: something new" "$(daemon_error)"
fake on panic.create
expect_errno "a panic is EIO" EIO mkdir "$mnt/bad"
expect_match "and its first line is shown" "bad: create: panic: runtime error" \
	"$(daemon_error)"
fake off
fake on fail.create 1 1 'Error: unknown flag -a' 'Usage:'
expect_errno "what this version cannot do is EOPNOTSUPP" EOPNOTSUPP \
	mkdir "$mnt/bad"
fake on fail.create 1 1 "[-32098] create 'bad': no space left on device"
expect_errno "a full disk is ENOSPC" ENOSPC mkdir "$mnt/bad"
fake off
check "after all that it works" mkdir "$mnt/bad"
expect ".orbfs/error is empty then" "" "$(daemon_error)"

# No address at the first try; twice, and that is the end.
fake on create-mode no-ip 1
check "mkdir without an address at first" mkdir "$mnt/noip"
check "is tried again, and runs" wait_for 30 is "$mnt/noip/state" running
expect "there were two tries" 2 "$(called 'create .* noip')"
expect "and there is no error" "" "$(cat "$mnt/noip/error")"
fake on create-mode no-ip
check "mkdir without any address" mkdir "$mnt/never"
check "what needs it is told" eval \
	'[ "$(errno_of put $'"'true\n'"' "$mnt/never/exec")" = EHOSTDOWN ]'
expect "its state is failed" failed "$(cat "$mnt/never/state")"
expect_match "its error says why, and what to do" \
	'missing IP address.*pool of addresses' "$(cat "$mnt/never/error")"
expect "there were two tries" 2 "$(called 'create .* never')"
expect "it stays until it is removed" failed \
	"$(refresh; ls "$mnt" >/dev/null; cat "$mnt/never/state")"
check "rmdir removes it" rmdir "$mnt/never"
expect "without asking orbctl" 0 "$(called 'delete .*')"
check_fails "it is gone" test -e "$mnt/never"
fake off
check "and can be made again" mkdir "$mnt/never"
fake on create-mode no-ip leftover
expect_errno "a failure that leaves a machine behind is not tried again" \
	ENOSPC mkdir "$mnt/left"
fake off
expect "once" 1 "$(called 'create .* left')"
expect "what it left is shown" stopped "$(cat "$mnt/left/state")"
check "and can be removed" rmdir "$mnt/left"

# Created, but orbctl said that it failed.
fake on create-mode exit-1
expect_errno "created, but exit 1" EIO mkdir "$mnt/odd"
expect_match "the reason is there" 'connection closed' "$(daemon_error)"
fake off
expect "and so is the machine" running "$(cat "$mnt/odd/state")"
check "it can be used" put $'true\n' "$mnt/odd/exec"
expect "it was created once" 1 "$(called 'create .* odd')"

# Created, and orbctl does not end.
fake on create-mode hang
expect_ms 1000 "created, then silence: mkdir returns" mkdir "$mnt/mute"
check "it is created" wait_for 30 fake get mute now
fake off
expect "it is being created" creating "$(cat "$mnt/mute/state")"
expect_ms 300 "ls meanwhile" ls -l "$mnt"
interruptible sh -c 'echo true >"$1"' sh "$mnt/mute/exec" & pid=$!
wait_asks "$pid"
check "who needs it waits" _is_alive "$pid"
expect_interrupt "and can be interrupted" "$pid"

# The name was taken elsewhere since the last look.
fake on delay.create 2
ls "$mnt" >/dev/null
fake seed 1 other stopped
fake off
expect_errno "a name that was taken elsewhere is EEXIST" EEXIST \
	mkdir "$mnt/other1"
expect "the other's machine is shown" stopped "$(cat "$mnt/other1/state")"

# A failure that comes when mkdir has returned.
fake on delay.create held
fake on create-mode setup-failed
check "mkdir of one that will fail" mkdir "$mnt/later"
expect "it is being created" creating "$(cat "$mnt/later/state")"
errno_of put $'true\n' "$mnt/later/exec" >"$work/told" & pid=$!
fake off delay.create
wait "$pid"
expect "who waits for it is told" EHOSTDOWN "$(cat "$work/told")"
expect "its state is failed" failed "$(cat "$mnt/later/state")"
expect_match "its error says why" "run command 'useradd'" \
	"$(cat "$mnt/later/error")"
expect_errno "it cannot be started" ENOENT put start "$mnt/later/state"
expect "that does not make it another" failed "$(cat "$mnt/later/state")"
check "rmdir removes it" rmdir "$mnt/later"
fake off

expect "nothing was deleted but what was left over" 1 "$(calls delete)"

# An orbctl that hangs does not keep the daemon.
unmount
fake off
mount_orbfs
expect "what it made is there" running "$(cat "$mnt/mute/state")"
unmount
