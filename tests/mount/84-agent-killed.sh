#!/usr/bin/env bash
# Goal: the agent's death fails what is open, and the next access has another agent.
. "$(dirname "$0")/files.sh"

mount_orbfs
make_machine one
f=$(files one)/srv n=$(native one)/srv
head -c 50000000 /dev/urandom >"$n/big"
mkdir "$n/many"
(cd "$n/many" && seq 3000 | xargs touch)
expect "files are there" big "$(names "$f" -I many)"

# kill_agent: and see that it was one. What is asked before the daemon knows
# of it is lost with it.
deaths() {
	grep -cE 'the agent (has ended|does not listen)' "$log"
}
kill_agent() {
	local pid before
	pid=$(agent_here one)
	check "the agent is there" test -n "$pid"
	before=$(deaths)
	kill -KILL "$pid"
	check "and has gone" wait_for 30 eval '[ "$(deaths)" -gt "$before" ]'
}
# again: the next access works.
again() {
	expect_within 20 "$1: the next look works" ls "$f/many"
	expect "$1: all is there" 3000 \
		"$(find "$f/many" -type f | wc -l)"
	expect "$1: content as well" "$(md5sum <"$n/big")" "$(md5sum <"$f/big")"
	check "$1: it can be written to" put "$1" "$f/written"
	expect "$1: as it is" "$1" "$(cat "$n/written")"
}

exec 5<"$f/big" 6>"$f/out"
printf before >&6
kill_agent
expect_errno "a write to what is open is EIO" EIO bash -c \
	'printf after >&6 && printf more >&6'
expect_errno "a read of what is open is EIO" EIO head -c 1 <&5
exec 5<&- 6>&-
again "with open files"
expect "what was written before is there" before "$(cat "$n/out")"
check "and a line says why" grep -q . "$mnt/one/error"

# In the middle of each.
during() { # SENTENCE COMMAND...: it may fail, with EIO; it must end.
	local sentence=$1 pid
	shift
	("$@") >/dev/null 2>"$work/during" &
	pid=$!
	sleep 0.1
	kill_agent
	if wait_for 40 eval '! _is_alive "$pid"'; then
		_ok "$sentence ends when the agent dies"
	else
		_not_ok "$sentence ends when the agent dies"
		kill -KILL "$pid"
	fi
	wait "$pid" 2>/dev/null
	if grep -v 'Input/output error' "$work/during" | grep -q .; then
		_not_ok "$sentence fails with nothing but EIO" \
			"$(head -n 5 "$work/during")"
	fi
}
reader() {
	while dd if="$f/big" of=/dev/null bs=1M iflag=direct; do :; done
}
writer() {
	while dd if=/dev/zero of="$f/zeros" bs=1M count=200 conv=fsync; do
		:
	done
}
lister() {
	while (cd "$f/many" && touch "$n/many/7" && ls -lU); do :; done
}
quiet() { "$@" 2> >(grep -v -e records -e copied >&2); }
during "a read" quiet reader
again "after a read"
rm -f "$f/zeros"
during "a write" quiet writer
again "after a write"
timeout 3 bash -c "$(declare -f lister)
	f='$f' n='$n' lister" >/dev/null 2>"$work/listed" &
lister=$!
sleep 0.2
kill_agent
check "a listing ends" wait_for 30 eval '! _is_alive "$lister"'
wait "$lister" 2>/dev/null
expect_within 20 "the next listing works" ls "$f/many"

# A program that holds a directory goes on in it.
cd "$f/many" || exit 1
kill_agent
expect_within 20 "a directory that somebody is in is still one" ls
cd / || exit 1
unmount
