#!/usr/bin/env bash
# Goal: a clone is one call of orbctl; one that fails says why and leaves nothing.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 2 web running
fake set web2 state stopped
mount_orbfs
from=$mnt/.images/machines

expect "every machine can be cloned" "web1 web2" "$(names "$from")"
check "a running machine is cloned" mkdir "$from/web1/copy"
expect "by one call" 1 "$(called 'clone web1 copy')"
expect "the copy is stopped" stopped "$(cat "$mnt/copy/state")"
expect "the machine runs on" running "$(cat "$mnt/web1/state")"
check "a stopped one is cloned" mkdir "$from/web2/other"
expect "and is there at once" "$ours copy other web1 web2" "$(names "$mnt")"
expect "a clone is a place to clone from" "copy other web1 web2" \
	"$(names "$from")"

# What is refused before orbctl is asked.
n=$(calls clone)
expect_errno "a name that is taken" EEXIST mkdir "$from/web1/web2"
expect_errno "one that is none" EINVAL mkdir "$from/web1/-f"
expect_errno "one that is a word of orbctl" EINVAL mkdir "$from/web1/docker"
expect_errno "one that is too long" ENAMETOOLONG \
	mkdir "$from/web1/$(printf '%064d' 0)"
expect_errno "the form of a snapshot's name" EINVAL \
	mkdir "$from/web1/web1--snap--x"
expect_errno "a clone of what is not there" ENOENT mkdir "$from/nobody/x"
expect "costs no call" "$n" "$(calls clone)"

# fails_with SENTENCE ERRNO REGEX: the next clone does, and leaves nothing.
fails_with() {
	expect_errno "mkdir: $1 is $2" "$2" mkdir "$from/web1/bad"
	expect_match "and .orbfs/error says why" "$3" \
		"$(cat "$mnt/.orbfs/error")"
	renew
	expect "nothing stays behind" "$ours copy other web1 web2" \
		"$(names "$mnt")"
	fake off
}
fake on fail.clone 1 1 "[-32098] clone 'web1': no space left on device"
fails_with "a full disk" ENOSPC 'bad: clone: .*no space left'
fake on fail.clone 1 1 "[-32098] machine already exists: 'bad'"
fails_with "a name that came meanwhile" EEXIST 'already exists'
fake on fail.clone 1 1 "[-32098] machine not found: 'web1'"
fails_with "a machine that went meanwhile" ENOENT 'not found'
fake on fail.clone 1 1 'delete data: operation not permitted'
fails_with "a missing right" EPERM 'not permitted'
fake on fail.clone 1 1 '[-32098] something new'
fails_with "anything else" EIO 'bad: clone: something new'
fake on panic.clone
fails_with "a panic" EIO 'bad: clone: panic: '
fake on version 1.9.0
fails_with "an old OrbStack" EOPNOTSUPP 'clones need OrbStack 2.0 or newer'
expect "no failed clone is tried again" 7 "$(called 'clone web1 bad')"
check "after all that it works" mkdir "$from/web1/bad"
expect ".orbfs/error is empty then" "" "$(cat "$mnt/.orbfs/error")"

# Slow ones.
fake on delay.clone held
expect_within 1 "mkdir does not wait for a slow clone" mkdir "$from/web1/slow"
expect "which is being made" creating "$(cat "$mnt/slow/state")"
expect_errno "its machine cannot go meanwhile" EBUSY rmdir "$mnt/web1"
expect_errno "nor be renamed" EBUSY rename "$mnt/web1" "$mnt/shop"
expect_within 1 "nothing else waits" ls -l "$mnt"
fake off
check "it is there in the end" wait_for 30 is "$mnt/slow/state" stopped

# Interrupted: the caller is free, the clone goes on.
fake on delay.clone held
interruptible mkdir "$from/web1/late" 2>/dev/null &
cloner=$!
check "a clone begins" wait_for 30 eval '[ "$(called "clone web1 late")" = 1 ]'
expect_interrupt "Ctrl-C frees who waits" "$cloner" ended
fake off
check "the clone goes on" wait_for 30 is "$mnt/late/state" stopped

# Side by side, of one machine and of two.
cloners=()
for i in 1 2 3 4; do
	mkdir "$from/web1/a$i" &
	cloners+=($!)
	mkdir "$from/web2/b$i" &
	cloners+=($!)
done
wait "${cloners[@]}"
for i in 1 2 3 4; do
	check "a$i is there" wait_for 30 is "$mnt/a$i/state" stopped
	check "b$i is there" wait_for 30 is "$mnt/b$i/state" stopped
done
mv "$work/fake/orbctl" "$work/fake/gone"
expect_errno "without orbctl it is ENODEV" ENODEV mkdir "$from/web1/nothing"
expect_match "which says what is missing" 'not installed or not to be found' \
	"$(cat "$mnt/.orbfs/error")"
mv "$work/fake/gone" "$work/fake/orbctl"
check "and works when it is back" mkdir "$from/web1/back"
unmount
