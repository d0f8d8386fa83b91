#!/usr/bin/env bash
# Goal: machines go on without the mount; the host is clean of orbfs after it, and of them after their deletion.
. "$(dirname "$0")/machines.sh"

# the daemon's own traces: processes that it started and that still are
children() {
	ps -o pid= --ppid "$daemon"
}

mount_orbfs
make_machine web shop
check "a service runs in one" run_script web \
	"setsid sleep 7501 >/dev/null 2>&1 & $apart"
web=$(pid1 web) shop=$(pid1 shop)
remember_machines
go_on() {
	expect "$1: the machines run" $'shop\nweb' "$(orbctl_local list -qr | sort)"
	expect "$1: the same ones" "$web $shop" "$(pid1 web) $(pid1 shop)"
	in_guest web 'sleep 7501' >/dev/null
	expect "$1: what runs in them runs on" 0 "$?"
}

unmount
go_on "umount"
expect "umount: nothing is mounted" "" "$(grep -F " $mnt" /proc/self/mountinfo)"

mount_background
expect "orbfs mounts in the background" 0 "$?"
go_on "mounted again"
expect "they are shown" $'running\nrunning' "$(cat "$mnt"/*/state)"
for sig in TERM INT HUP; do
	kill -s "$sig" "$daemon"
	check "$sig ends the daemon" wait_for 30 _is_dead
	expect "$sig: nothing is mounted" "" \
		"$(grep -F " $mnt" /proc/self/mountinfo)"
	go_on "$sig"
	mount_background
	expect "$sig: and mounts again" 0 "$?"
done

# A script that runs: the mount is in use. The first signal is refused, and
# with it nothing is lost; the second one ends all.
unmount
mount_orbfs # in the foreground, where what it says can be read
printf 'sleep 7502\n' >"$work/script"
start_writer "$work/script" "$mnt/shop/exec"
check "a script runs" wait_for 30 in_guest shop 'sleep 7502'
kill -TERM "$daemon"
unmounting() {
	grep -q 'still in use' "$log"
}
check "TERM is answered" wait_for 30 unmounting
expect "TERM leaves a mount that is in use" running "$(cat "$mnt/web/state")"
check "and the script" in_guest shop 'sleep 7502'
check "and its writer" kill -0 "$writer"
kill -TERM "$daemon"
check "a second TERM ends the daemon" wait_for 30 _is_dead
stopwatch wait "$writer"
check_fails "the writer hears of the end" test "$status" -eq 0
check "the script goes with it" wait_for 30 none_in_guest shop 'sleep 7502'
expect "nothing is mounted" "" "$(grep -F " $mnt" /proc/self/mountinfo)"
go_on "a second TERM"

for name in web shop; do
	check "$name is deleted without any mount" orbctl_local delete -f "$name"
done
daemon=
expect_nothing_left "nothing is left on the host"
