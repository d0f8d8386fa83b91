#!/usr/bin/env bash
# Goal: snapshots of a real machine are taken, restored, moved out and in, follow its name, and are dropped.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web
content() {
	run_script "$1" 'cat /root/what' && cat "$mnt/$1/exec"
}
check "something is kept" run_script web 'echo one >/root/what'

check "a snapshot is taken of what runs" mkdir "$mnt/web/snapshots/before"
expect "the machine shows it" before "$(ls "$mnt/web/snapshots")"
expect "the root does not" web "$(ls "$mnt")"
settled() {
	[ "$(orbctl_local list -f json | grep -c '"stopped"')" -ge "$1" ]
}
check "it is a stopped machine of the engine's" wait_for 30 settled 1
expect "which is a clone" $'web\nweb--snap--before' \
	"$(orbctl_local list -q | sort)"
expect "the machine still runs" running "$(cat "$mnt/web/state")"

check "the machine changes" run_script web 'echo two >/root/what'
expect_errno "what runs is not restored" EBUSY \
	put $'restore before\n' "$mnt/web/state"
expect_match "and says how" 'echo stop > state' "$(cat "$mnt/web/error")"
check "it is stopped" put $'stop\n' "$mnt/web/state"
id=$(grep '"id"' "$mnt/web/config")
check "and restored" put $'restore before\n' "$mnt/web/state"
expect "nothing is left of the way" $'web\nweb--snap--before' \
	"$(orbctl_local list -q | sort)"
expect "it is another machine for the engine" other \
	"$([ "$(grep '"id"' "$mnt/web/config")" = "$id" ] || echo other)"
check "it starts" put $'start\n' "$mnt/web/state"
expect "with what it had" one "$(content web)"

expect_match "a machine with snapshots is not removed" 'busy' \
	"$(put $'stop\n' "$mnt/web/state"; rmdir "$mnt/web" 2>&1)"
expect_match "and says why" 'it has 1 snapshot; first: rmdir' \
	"$(cat "$mnt/web/error")"

check "its name changes" mv "$mnt/web" "$mnt/shop"
expect "the snapshot follows" before "$(ls "$mnt/shop/snapshots")"
follows() {
	[ "$(orbctl_local list -q | sort)" = $'shop\nshop--snap--before' ]
}
check "for the engine, too" wait_for 30 follows

check "a snapshot is moved out" mv "$mnt/shop/snapshots/before" "$mnt/copy"
expect "to be a machine" $'copy\nshop' "$(ls "$mnt")"
check "that starts" put $'start\n' "$mnt/copy/state"
expect "with what it had" one "$(content copy)"
check "is stopped" put $'stop\n' "$mnt/copy/state"
check "and moved in again" mv "$mnt/copy" "$mnt/shop/snapshots/again"
expect "to be a snapshot" "shop again" \
	"$(ls "$mnt") $(ls "$mnt/shop/snapshots")"

check "it is dropped" rmdir "$mnt/shop/snapshots/again"
none() {
	[ "$(orbctl_local list -q)" = shop ]
}
check "and gone" wait_for 30 none
check "then the machine may go" rmdir "$mnt/shop"
expect "and does" '' "$(ls "$mnt")"
unmount
