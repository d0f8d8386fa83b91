#!/usr/bin/env bash
# Goal: snapshots are clones that only their machine shows; a restoration that fails at any step loses nothing.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 2 web stopped
mount_orbfs
snaps=$mnt/web1/snapshots
ids() { # of the machines that orbctl has, with what they are called
	"$work/fake/orbctl" list -f json |
		grep -oE '"(id|name)": *"[^"]*"' | tr -d ' "' | paste -sd ' '
}
id_of() {
	"$work/fake/orbctl" fake get "$1" id 2>/dev/null
}

check "a snapshot is taken" mkdir "$snaps/before"
expect "by a clone" 1 "$(called 'clone web1 web1--snap--before')"
expect "it is in snapshots/" before "$(names "$snaps")"
expect "and not in the root" "$ours web1 web2" "$(names "$mnt")"
expect "nor in any group" "web1 web2" "$(names "$mnt/.by/state/stopped")"
expect_errno "the name is taken now" EEXIST mkdir "$snaps/before"
expect_errno "a bad one is refused" EINVAL mkdir "$snaps/-x"
expect_errno "a word of a restoration, too" EINVAL mkdir "$snaps/restoring"
expect_match "error says so" "restoring" "$(cat "$mnt/web1/error")"
expect_errno "its machine cannot be deleted" EBUSY rmdir "$mnt/web1"
expect "error says the way out" \
	"delete: it has 1 snapshot; first: rmdir web1/snapshots/*" \
	"$(cat "$mnt/web1/error")"
expect "nobody asked orbctl to" 0 "$(calls delete)"

fake on fail.clone 1 1 "[-32098] clone 'web1': no space left on device"
expect_errno "one that fails says so" ENOSPC mkdir "$snaps/full"
expect_match "in the machine's error" 'full.*no space left|no space left' \
	"$(cat "$mnt/web1/error")"
expect "and leaves nothing" before "$(names "$snaps")"
fake off
fake on version 1.9.0
expect_errno "an old OrbStack has none" EOPNOTSUPP mkdir "$snaps/old"
expect_match "and error says which one has" 'OrbStack 2.0' \
	"$(cat "$mnt/web1/error")"
fake off

# Going back.
old=$(id_of web1) snap=$(id_of web1--snap--before)
check "the machine goes back to it" put "restore before" "$mnt/web1/state"
check "it is another machine for orbctl" test "$(id_of web1)" != "$old"
expect "the old one is deleted" 0 "$(ids | grep -c "$old")"
expect "the snapshot stays the same" "$snap" "$(id_of web1--snap--before)"
expect "the machine is stopped" stopped "$(cat "$mnt/web1/state")"
expect_errno "to one that is not there" ENOENT \
	put "restore nothing" "$mnt/web1/state"
expect_errno "to no name" EINVAL put "restore" "$mnt/web1/state"
put start "$mnt/web1/state"
expect_errno "one that runs does not go back" EBUSY \
	put "restore before" "$mnt/web1/state"
expect_match "error says what to do first" 'first: echo stop > state' \
	"$(cat "$mnt/web1/error")"
put stop "$mnt/web1/state"

# Each step failing: what was is there again, under its name.
# step SWITCH TEXT ERRNO: the next restoration fails so
step() {
	local was
	was=$(id_of web1)
	fake on "$1" 1 1 "$2"
	expect_errno "a restoration fails: $1" "$3" \
		put "restore before" "$mnt/web1/state"
	fake off
	expect "the machine is what it was" "$was" "$(id_of web1)"
	expect "and stopped" stopped "$(cat "$mnt/web1/state")"
	renew
	expect "beside it only the snapshot" before "$(names "$snaps")"
	expect "and the other machine" "$ours web1 web2" "$(names "$mnt")"
	check "error says why" grep -q '^restore: ' "$mnt/web1/error"
}
step fail.clone "[-32098] clone: no space left on device" ENOSPC
step fail.rename.web1--snap--replaced "[-32098] rename: permission denied" EPERM
step fail.rename.web1--snap--restoring "[-32098] something new" EIO

# The last one: the machine has gone back, and what it was is left.
was=$(id_of web1)
fake on fail.delete 9 1 "[-32098] delete rootfs: operation not permitted"
put "restore before" "$mnt/web1/state" 2>/dev/null
check "what cannot be deleted is told of" \
	grep -q 'snapshots/replaced' "$mnt/web1/error"
fake off
check "the machine has gone back" test "$(id_of web1)" != "$was"
expect "what it was is kept" "$was" "$(id_of web1--snap--replaced)"
renew
expect "where everybody can see it" "before replaced" "$(names "$snaps")"
expect_errno "the next restoration waits for that" EBUSY \
	put "restore before" "$mnt/web1/state"
expect_match "and says so" 'earlier try' "$(cat "$mnt/web1/error")"
check "it can be dropped" rmdir "$snaps/replaced"
check "and then it works" put "restore before" "$mnt/web1/state"

# Interrupted: who waits is free, and the restoration comes to its end.
was=$(id_of web1)
fake on late.clone held
interruptible cp <(printf 'restore before\n') "$mnt/web1/state" 2>/dev/null &
waiter=$!
check "a restoration is under way" wait_for 30 eval \
	'id_of web1--snap--restoring'
expect_interrupt "Ctrl-C frees who waits for it" "$waiter"
comes_back() {
	[ "$(id_of web1)" != "$was" ] && is "$mnt/web1/state" stopped &&
		! id_of web1--snap--replaced
}
fake off
check "it goes on to its end" wait_for 30 comes_back
renew
expect "and leaves nothing" before "$(names "$snaps")"

# The daemon is killed in the middle of one: all is there for the next.
fake on late.rename forever
put "restore before" "$mnt/web1/state" 2>/dev/null &
check "a restoration hangs in its middle" wait_for 30 \
	eval 'id_of web1--snap--replaced'
children=$(pgrep -P "$daemon")
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
# What it has left would sleep on for good.
# shellcheck disable=SC2086 # numbers
kill -KILL $children
fake off
umount -l "$mnt"
mount_orbfs
check "every content is still there" eval \
	'[ "$(ids | grep -o "web1[a-z-]*" | wc -l)" -ge 3 ]'
check "one of them is moved to its place" rename \
	"$mnt/web1--snap--replaced" "$mnt/web1"
expect "the others are its snapshots again" "before restoring" \
	"$(names "$snaps")"
check "which can be dropped" rmdir "$snaps/restoring"

# Out, in, and renamed.
check "a snapshot becomes a machine" mv "$snaps/before" "$mnt/copy"
expect "by a rename" 1 "$(called 'rename web1--snap--before copy')"
expect "it is in the root" "$ours copy web1 web2" "$(names "$mnt")"
check "and a machine a snapshot" mv "$mnt/copy" "$snaps/kept"
expect "which the root does not show" "$ours web1 web2" "$(names "$mnt")"
check "a snapshot gets another name" mv "$snaps/kept" "$snaps/first"
check "its machine is renamed" mv "$mnt/web1" "$mnt/shop"
expect "it goes along" first "$(names "$mnt/shop/snapshots")"
expect "by name" 1 "$(called 'rename web1--snap--first shop--snap--first')"
check "it is dropped" rmdir "$mnt/shop/snapshots/first"
expect "by a deletion" 1 "$(called 'delete -f shop--snap--first')"
check "now the machine can go" rmdir "$mnt/shop"
unmount
