#!/usr/bin/env bash
# Goal: a daemon that is killed loses nothing: mounted again, all machines are there, running.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web shop idle
check "one is stopped" put $'stop\n' "$mnt/idle/state"
check "something is kept" run_script web 'echo kept >/root/kept'
check "a service runs" run_script web \
	"setsid sleep 7401 >/dev/null 2>&1 & $apart"
ids=$(cat "$mnt"/*/config | grep '"id"')
web=$(pid1 web) shop=$(pid1 shop)
printf 'until [ -e /tmp/go ]; do sleep 0.1; done; echo ended >/root/ended\n' \
	>"$work/script"
start_writer "$work/script" "$mnt/shop/exec"
check "a script runs" wait_for 30 in_guest shop 'sleep 0.1'

kill -KILL "$daemon"
stopwatch wait "$writer"
check_fails "its writer hears of the end, while the script goes on" \
	test "$status" -eq 0
check "the daemon is dead" wait_for 30 _is_dead
expect_errno "the mount is dead" ENOTCONN ls "$mnt"
check "the machines do not notice" test "$web $shop" = "$(pid1 web) $(pid1 shop)"
in_guest web 'sleep 7401' >/dev/null
expect "the service goes on" 0 "$?"

# In the background, as a user does it.
mount_background
expect "orbfs starts over the dead mount" 0 "$?"
expect "all are there" $'idle\nshop\nweb' "$(ls "$mnt")"
expect "they are what they were" $'stopped\nrunning\nrunning' \
	"$(cat "$mnt"/{idle,shop,web}/state)"
expect "and who they were" "$ids" "$(cat "$mnt"/*/config | grep '"id"')"
expect "none was started anew" "$web $shop" "$(pid1 web) $(pid1 shop)"
guest shop touch /tmp/go
check "the script has gone on to its own end" \
	wait_for 30 guest shop test -s /root/ended
check "they can be used" run_script web 'cat /root/kept'
expect "with all they held" kept "$(cat "$mnt/web/exec")"
in_guest web 'sleep 7401' >/dev/null
expect "the service still runs" 0 "$?"
check "the one that ran a script, too" run_script shop 'echo again'
expect "and answers" again "$(cat "$mnt/shop/exec")"
expect "the dead mount is gone from the table" 1 \
	"$(awk -v m="$mnt" '$5 == m' /proc/self/mountinfo | wc -l)"

remember_machines
check "idle starts" put $'start\n' "$mnt/idle/state"
check "and works" run_script idle true
remember_machines
for name in web shop idle; do
	check "$name stops" put $'stop\n' "$mnt/$name/state"
	check "$name goes" rmdir "$mnt/$name"
done
expect "all are gone" "" "$(ls "$mnt")"
expect_nothing_left "nothing is left on the host"
unmount
