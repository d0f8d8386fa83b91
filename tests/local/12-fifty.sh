# Goal: fifty creates, runs, stops and deletes at once all succeed.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

each()
{
	each_pids=
	for i in $(seq 50); do
		"$@" "$i" &
		each_pids="$each_pids $!"
	done
	for each_pid in $each_pids; do
		wait "$each_pid" || fail "$1 fails"
	done
}
make() { "$orb" create local "m$1"; }
use() { [ "$("$orb" run -m "m$1" hostname)" = "m$1" ]; }
look() { [ "$("$orb" list -q | wc -l)" -eq 50 ]; }
halt() { "$orb" stop "m$1"; }
again() { "$orb" start "m$1"; }
drop() { "$orb" delete -f "m$1"; }

each make
is 'all run' "$("$orb" list -qr | wc -l)" 50
is 'addresses differ' "$("$orb" list | awk 'NR > 2 { print $NF }' | sort -u | wc -l)" 50
each use
each look
note_ids
each halt
is 'none runs' "$("$orb" list -qr)" ''
each again
each use
each drop
is 'none is left' "$("$orb" list -f json)" '[]'

# One name, many makers: one wins.
for i in $(seq 8); do
	"$orb" create local same 2>/dev/null && echo won >>"$work/won" &
done
wait
is 'one maker' "$(wc -l <"$work/won")" 1
# Starts and stops of one machine, all at once, leave it whole.
for i in $(seq 8); do
	"$orb" start same || echo bad >>"$work/bad" &
	"$orb" stop same || echo bad >>"$work/bad" &
done
wait
[ ! -e "$work/bad" ] || fail 'a start or stop failed'
is 'usable' "$("$orb" run -m same echo x)" x
done_testing
