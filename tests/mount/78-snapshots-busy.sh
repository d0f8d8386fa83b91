#!/usr/bin/env bash
# Goal: snapshots and clones are taken while files are written, each is of one moment, and an interrupted one loses nothing.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web
snaps=$mnt/web/snapshots
run_script web 'setsid sh -c "i=0; while [ ! -e /stop ]; do i=\$((i + 1))
	echo \$i >>/srv/lines; done" </dev/null >/dev/null 2>&1 & '"$apart"
grows() {
	[ "$(wc -l <"$mnt/web/files/srv/lines")" -gt "${1:-0}" ]
}
check "a file grows" wait_for 30 grows
cp -r /usr/share/common-licenses "$mnt/web/files/srv/" &
copier=$!
for i in 1 2 3; do
	check "snapshot $i is taken" mkdir "$snaps/s$i"
	n=$(wc -l <"$mnt/web/files/srv/lines")
	check "the file grows on" wait_for 30 grows "$n"
done
check "a clone is taken" mkdir "$mnt/.images/machines/web/copy"
check "a copy that goes on meanwhile ends well" wait "$copier"
expect "the machine runs on" running "$(cat "$mnt/web/state")"

# Interrupted: it is there whole, or not at all.
interruptible mkdir "$snaps/cut" 2>/dev/null &
cutter=$!
wait_until_waits "$cutter" mkdir
expect_interrupt "Ctrl-C frees who takes one" "$cutter" ended
# What made it may still be under way when it is seen: until its end it is
# busy.
away() {
	refresh
	! orbctl_local list -f json | grep -q '"creating"' &&
		{ [ ! -d "$snaps/cut" ] || rmdir "$snaps/cut" 2>/dev/null; }
}
check "what came of it comes to an end, and goes" wait_for 30 away
expect "the others are there" "s1 s2 s3" "$(names "$snaps")"
touch "$mnt/web/files/stop"

last=0
for i in 1 2 3; do
	check "snapshot $i becomes a machine" mv "$snaps/s$i" "$mnt/m$i"
	put start "$mnt/m$i/state"
	run_script "m$i" 'seq "$(wc -l </srv/lines)" | cmp - /srv/lines &&
		wc -l </srv/lines'
	lines=$(cat "$mnt/m$i/exec")
	check "it has each line up to its moment ($lines)" test \
		"${lines:-0}" -gt "$last"
	last=${lines:-0}
	put stop "$mnt/m$i/state"
done
check "one is a snapshot again" mv "$mnt/m2" "$snaps/back"
put stop "$mnt/web/state"
check "and the machine goes back to it" put 'restore back' "$mnt/web/state"
put start "$mnt/web/state"
run_script web 'wc -l </srv/lines; ls /stop 2>&1 | grep -c "No such"'
check "its file is shorter again" test \
	"$(head -n 1 "$mnt/web/exec")" -lt "$last"
expect "and what came later is gone" 1 "$(tail -n 1 "$mnt/web/exec")"

remember_machines
put stop "$mnt/web/state"
rmdir "$snaps/back"
for name in copy m1 m3 web; do
	check "$name is deleted" rmdir "$mnt/$name"
done
expect_nothing_left "nothing of them is left"
unmount
