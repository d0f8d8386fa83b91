#!/usr/bin/env bash
# Goal: a daemon that is killed while machines are made, stopped and deleted leaves nothing half done.
. "$(dirname "$0")/machines.sh"

# What a daemon has asked for goes on without it: these calls wait for a word.
cat >"$work/orbctl-local" <<END
#!/bin/sh
case \$1:\$* in
create:*made | stop:*ended | delete:*gone)
	: >'$work/asked.'\$1
	until [ -e '$work/go' ]; do sleep 0.05; done ;;
esac
exec '$top/ops/local/orbctl-local' "\$@"
END
chmod +x "$work/orbctl-local"
mount_orbfs --orbctl "$work/orbctl-local"
make_machine ended gone talks
check "gone is stopped" put $'stop\n' "$mnt/gone/state"
remember_machines

# A script may go on without anybody who hears it, and not talk to nobody.
printf 'while sleep 0.1; do echo 7601; done\n' >"$work/script"
start_writer "$work/script" "$mnt/talks/exec"
talker=$writer
check "a script talks" wait_for 30 in_guest talks 'sleep 0.1'

mkdir "$mnt/made" 2>/dev/null & makes=$!
echo stop 2>/dev/null >"$mnt/ended/state" & stops=$!
rmdir "$mnt/gone" 2>/dev/null & removes=$!
for call in create stop delete; do
	check "$call is under way" wait_for 30 test -e "$work/asked.$call"
done
kill -KILL "$daemon"
# mkdir and rmdir may have had their answer: it is that something began.
wait "$makes" "$removes"
wait "$stops"
check_fails "who stops it hears of the end" test "$?" -eq 0
wait "$talker"
check_fails "and the script's writer" test "$?" -eq 0
check "a script that talks to nobody ends" wait_for 30 none_in_guest talks 'sleep 0.1'

mount_background --orbctl "$work/orbctl-local"
expect "orbfs starts over the dead mount" 0 "$?"
shows() { # what ls and state say is what the engine says
	expect "$1: ls shows what there is" "$(orbctl_local list -q | sort)" \
		"$(ls "$mnt")"
	expect "$1: with the states they have" \
		"$(orbctl_local list | awk 'NR > 2 { print $1, $2 }' | sort)" \
		"$(for m in "$mnt"/*; do
			echo "${m##*/} $(cat "$m/state")"
		done | sort)"
}
shows "meanwhile"
expect "one that is being made is not there yet" $'ended\ngone\ntalks' \
	"$(ls "$mnt")"

: >"$work/go"
done_all() {
	refresh
	[ "$(cd "$mnt" && echo *)" = "ended made talks" ] &&
		is "$mnt/ended/state" stopped && is "$mnt/made/state" running
}
check "what was asked for comes to its end" wait_for 30 done_all
shows "then"
check "the new one is whole" run_script made 'hostname; test -d /root'
expect "and answers" made "$(cat "$mnt/made/exec")"
check "the stopped one starts" put $'start\n' "$mnt/ended/state"
check "and is whole" run_script ended hostname
check "the other one still runs scripts" run_script talks true

remember_machines
for name in made ended talks; do
	check "$name stops" put $'stop\n' "$mnt/$name/state"
	check "$name goes" rmdir "$mnt/$name"
done
expect_nothing_left "nothing is left on the host"
unmount
