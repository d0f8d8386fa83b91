#!/usr/bin/env bash
# Goal: a machine is the same one after a stop, a kill, a crash and a reboot of the host.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web
check "files in many places" run_script web \
	'for d in /root /etc /srv /var/lib /usr/local/bin /opt; do echo "in $d" >$d/mine; done; chmod 700 /root/mine; ln -s mine /root/link; rm /etc/issue; echo gone >/run/volatile'
whole() {
	check "$1: it runs scripts" run_script web 'cat /root/link /etc/mine /srv/mine /var/lib/mine /usr/local/bin/mine /opt/mine; stat -c %a /root/mine; ls /etc/issue 2>/dev/null; true'
	expect "$1: all files are there, and no others" \
		$'in /root\nin /etc\nin /srv\nin /var/lib\nin /usr/local/bin\nin /opt\n700' \
		"$(cat "$mnt/web/exec")"
	expect "$1: it has the name" web "$(guest web hostname)"
}
ip=$(cat "$mnt/web/ip")
expect "the address stays while it runs" "$ip" "$(cat "$mnt/web/ip")"
whole "before"

check "stop" put $'stop\n' "$mnt/web/state"
check "stop again: it is stopped" put $'stopped\n' "$mnt/web/state"
check "start" put $'start\n' "$mnt/web/state"
check "start again: it runs" put $'running\n' "$mnt/web/state"
whole "after a stop and a start"
check "what was below /run is gone" run_script web '! ls /run/volatile'
expect_match "it has an address" '^[0-9.]+' "$(cat "$mnt/web/ip")"

before=$(pid1 web)
check "restart" put $'restart\n' "$mnt/web/state"
check "process 1 is another one" test "$before" != "$(pid1 web)"
whole "after a restart"

check "kill" put $'kill\n' "$mnt/web/state"
expect "it is stopped" stopped "$(cat "$mnt/web/state")"
expect "process 1 is gone" "" "$(orbctl_local list -qr)"
check "start" put $'start\n' "$mnt/web/state"
whole "after a kill"

kill -KILL "$(pid1 web)"
check "after a crash it is stopped" wait_for 30 is "$mnt/web/state" stopped
check "start" put $'start\n' "$mnt/web/state"
whole "after a crash"

# A reboot: the record of the run is there, but it belongs to another boot.
remember_machines
run=$ORBCTL_LOCAL_HOME/machines/$(cat "$ORBCTL_LOCAL_HOME/names/web")/run
read -r pid start _ index <"$run"
check "stop" put $'stop\n' "$mnt/web/state"
echo "$$ $start 00000000-0000-0000-0000-000000000000 $index" >"$run"
: "$pid"
echo refresh >"$mnt/.orbfs/ctl"
check "after a reboot it is stopped" wait_for 30 is "$mnt/web/state" stopped
expect "without an address" "" "$(cat "$mnt/web/ip")"
expect_errno "and runs nothing" EHOSTDOWN run_script web true
check "start" put $'start\n' "$mnt/web/state"
whole "after a reboot"
remember_machines

# The log tells of the boots.
expect_match "the log has a line for the boot" '\[[0-9:]{8}\] web is up' \
	"$(cat "$mnt/web/log")"
expect "and one for each of them" 6 "$(grep -c 'web is up' "$mnt/web/log")"
check_fails "the log cannot be written" put x "$mnt/web/log"

check "stop" put $'stop\n' "$mnt/web/state"
check "rmdir" rmdir "$mnt/web"
expect_nothing_left "nothing is left on the host"
unmount
