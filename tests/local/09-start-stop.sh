# Goal: start and stop are idempotent, stop without a name stops all, run starts.
# shellcheck shell=sh disable=SC3013
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local a
ok 'create' "$orb" create local b
ok 'create' "$orb" create local c
ok 'start of a running one' "$orb" start a
ok 'stop' "$orb" stop c
ok 'stop of a stopped one' "$orb" stop c
pid=$(machine_pid a)
ok 'restart' "$orb" restart a
[ "$pid" != "$(machine_pid a)" ] || fail 'restart did nothing'
# Whoever adopts it may take a moment to take note.
until_ok 5 not test -e "/proc/$pid" || fail 'the old process 1 is still there'

call "$orb" stop
is 'stop without a name' "$rc|$out" '0|'
call "$orb" status
is 'status' "$rc $out" '1 Stopped'
is 'none runs' "$("$orb" list -qr)" ''
call "$orb" start
is 'start without a name' "$rc|$out" '0|'
is 'what ran before runs' "$("$orb" list -qr | sort | tr '\n' ' ')" 'a b '
is 'status' "$("$orb" status)" Running
is 'run starts a machine' "$("$orb" run -m c hostname)" c
is 'and leaves it running' "$("$orb" list -qr | sort | tr '\n' ' ')" 'a b c '
ok 'stop -a' "$orb" stop -a
is 'none runs' "$("$orb" list -qr)" ''
ok 'start -a' "$orb" start -a
is 'all run' "$("$orb" list -qr | wc -l)" 3

# TERM reaches what runs in the machine; what ignores it is given some seconds,
# unless the machine is stopped by force: then nobody is told.
"$orb" run -m a sh -c 'setsid sh -c "trap \"echo told >/root/told; exit\" TERM
	: >/root/ready; while :; do sleep 0.05; done" </dev/null >/dev/null 2>&1 &
	until [ -e /root/ready ]; do sleep 0.05; done'
ok 'stop' "$orb" stop a
is 'it was told' "$("$orb" run -m a cat /root/told)" told
"$orb" run -m a sh -c 'rm /root/ready /root/told
	setsid sh -c "trap \"echo told >/root/told\" TERM; trap \"\" HUP
	: >/root/ready; while :; do sleep 0.05; done" </dev/null >/dev/null 2>&1 &
	until [ -e /root/ready ]; do sleep 0.05; done'
ok 'stop -f' "$orb" stop -f a
ok 'stop -f waits for nobody' "$orb" run -m a test ! -e /root/told

# A machine that nobody stops outlives its maker, and holds nothing of it.
exec 7<"$0"
pid=$(sh -c '"$1" start a && cat "$2"' sh "$orb" \
	"$ORBCTL_LOCAL_HOME/machines/$(cat "$ORBCTL_LOCAL_HOME/names/a")/run" |
	cut -d' ' -f1)
is 'stdin' "$(readlink "/proc/$pid/root" && cd "/proc/$pid/root/dev" &&
	[ "/proc/$pid/fd/0" -ef null ] && echo null)" '/
null'
# held: what process 1 has open of its maker. Its start has pipes of its own.
held() {
	for fd in "/proc/$pid/fd/"*; do
		case $(readlink "$fd") in
		/dev/null|*/machines/*/log|/run/host/init.sh) ;;
		'') ;; # closed between the listing and the look
		*) return 0 ;;
		esac
	done
	return 1
}
until_ok 5 not held || fail "process 1 holds $(ls -l "/proc/$pid/fd")"
session=$(awk '{ sub(/.*\) /, ""); print $4 }' "/proc/$pid/stat")
is 'its own session' "$session" "$pid"
done_testing
