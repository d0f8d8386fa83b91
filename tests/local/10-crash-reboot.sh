# Goal: a machine whose process 1 died, or that ran before a reboot, is stopped and whole.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

state()
{
	"$orb" info "$1" -f json | sed -n 's/.*"state": "\(.*\)".*/\1/p'
}

ok 'create' "$orb" create local web
"$orb" run -m web sh -c 'echo kept >/root/kept'
pid=$(machine_pid web)
kill -KILL "$pid"
stopped()
{
	[ "$(state web)" = stopped ]
}
until_ok 5 stopped || fail "the state is $(state web)"
is 'list says so' "$("$orb" list -qr)" ''
ok 'start' "$orb" start web
is 'running' "$(state web)" running
is 'whole' "$("$orb" run -m web cat /root/kept)" kept

# A reboot: same numbers, another boot.
id=$(cat "$ORBCTL_LOCAL_HOME/names/web")
run=$ORBCTL_LOCAL_HOME/machines/$id/run
ok 'stop' "$orb" stop web
proc_start=$(awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$$/stat")
echo "$$ $proc_start 00000000-0000-0000-0000-000000000000 2" >"$run"
is 'after a reboot' "$(state web)" stopped
ok 'start' "$orb" start web
is 'running' "$(state web)" running
is 'whole' "$("$orb" run -m web cat /root/kept)" kept

# A PID that somebody else has now.
ok 'stop' "$orb" stop web
read -r boot </proc/sys/kernel/random/boot_id
echo "$$ 1 $boot 2" >"$run"
is 'another process with that number' "$(state web)" stopped
ok 'stop' "$orb" stop web
kill -0 $$ || fail 'stop kills strangers'
echo "$$ 1 $boot 2" >"$run"
ok 'delete' "$orb" delete -f web

ok 'create' "$orb" create local web
"$orb" run -m web sh -c 'echo $$' >/dev/null
kill -KILL "$(machine_pid web)"
ok 'delete after a crash' "$orb" delete -f web
done_testing
