# Goal: run ends what its session leaves, spares other sessions, and dies with the command.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local web
running()
{
	"$orb" run -m web sh -c 'for p in /proc/[0-9]*; do
		read -r c <$p/comm; [ "$c" = sleep ] || continue
		tr "\0" " " <$p/cmdline; done 2>/dev/null' | grep -q "sleep $1 "
}

ok 'run' "$orb" run -m web sh -c 'sleep 1001 & sleep 0.1'
not running 1001 || fail 'a background process outlives its session'
ok 'run' "$orb" run -m web sh -c "trap '' HUP TERM; nohup sleep 1002 >/dev/null 2>&1 &"
not running 1002 || fail 'one that ignores HUP and TERM outlives its session'
ok 'run' "$orb" run -m web bash -c 'set -m; sleep 1003 & sleep 0.1'
not running 1003 || fail 'one with its own group outlives its session'
# setsid takes a moment to make the session; the command waits for that.
ok 'run' "$orb" run -m web sh -c 'setsid sleep 1004 </dev/null >/dev/null 2>&1 &
	until [ "$(cut -d" " -f6 "/proc/$!/stat")" = "$!" ]; do :; done'
running 1004 || fail 'one with its own session is killed'

for signal in TERM INT HUP; do
	env --default-signal "$orb" run -m web sh -c 'sleep 1005; exit 5' &
	pid=$!
	until_ok 5 running 1005 || fail 'the command does not start'
	kill -$signal "$pid"
	wait "$pid" && rc=0 || rc=$?
	[ "$rc" -gt 128 ] || fail "$signal gives status $rc"
	not running 1005 || fail "the command outlives $signal"
done

"$orb" run -m web sh -c 'trap "" HUP TERM; while :; do sleep 1006; done' &
pid=$!
until_ok 5 running 1006 || fail 'the command does not start'
start=$(milliseconds)
kill -TERM "$pid"
wait "$pid"
[ $(($(milliseconds) - start)) -lt 10000 ] || fail 'TERM takes too long'
not running 1006 || fail 'a stubborn command outlives TERM'

"$orb" run -m web sleep 1007 &
pid=$!
until_ok 5 running 1007 || fail 'the command does not start'
kill -KILL "$pid"
wait "$pid" 2>/dev/null
until_ok 5 not running 1007 || fail 'the command outlives a killed orbctl-local'

"$orb" run -m web sleep 1008 &
pid=$!
until_ok 5 running 1008 || fail 'the command does not start'
ok 'stop' "$orb" stop web
wait "$pid" && rc=0 || rc=$?
[ "$rc" -gt 128 ] || fail "run gives $rc when its machine stops"
done_testing
