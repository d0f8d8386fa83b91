#!/usr/bin/env bash
# Goal: two scripts run side by side in one machine, and either can be interrupted alone.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web

# How many scripts run in the machine: each has one shell that runs the daemon's
# own words, whose last argument is a token of 16 hexadecimal digits.
scripts() {
	guest web sh -c 'cat /proc/[0-9]*/cmdline | tr "\0" "\n"' |
		grep -xE '[0-9a-f]{16}' | sort -u | wc -l
}
one_script_left() {
	[ "$(scripts)" -eq 1 ]
}
no_script_left() {
	[ "$(scripts)" -eq 0 ]
}
is_within() { # is_within SECONDS DESCRIPTOR TEXT
	[ "$(timeout "$1" cat <&"$2")" = "$3" ]
}

# Each waits for the other: one after the other they would never end.
check "two pipes in the machine" guest web mkfifo /tmp/a /tmp/b
cat >"$work/one" <<'END'
echo one >/tmp/a
read -r word </tmp/b
echo "one met $word"
END
cat >"$work/two" <<'END'
read -r word </tmp/a
echo two >/tmp/b
echo "two met $word"
END
exec 3<>"$mnt/web/exec" 4<>"$mnt/web/exec"
cat "$work/one" >&3 &
one=$!
cat "$work/two" >&4 &
two=$!
check "the first reads its own output, to the end" \
	is_within 60 3 "one met two"
check "the second as well" is_within 60 4 "two met one"
wait "$one" && wait "$two"
expect "both succeed" 0 "$?"
exec 3>&- 4>&-

# Twenty at once, all met by all: each adds a file and waits for twenty.
cat >"$work/script" <<'END'
d=$(mktemp /tmp/meet.XXXXXX)
until [ "$(ls /tmp | grep -c ^meet)" -ge 20 ]; do sleep 0.05; done
END
pids=()
for _ in {1..20}; do
	start_writer "$work/script" "$mnt/web/exec"
	pids+=("$writer")
done
bad=0
for pid in "${pids[@]}"; do
	wait "$pid" || bad=$((bad + 1))
done
expect "twenty writers side by side" 0 "$bad"

# One of two is interrupted, the first or the second; the other does not notice.
for victim in first second; do
	for word in first second; do
		printf 'touch /tmp/%s.%s; until [ -e /tmp/end.%s ]; do sleep 0.08; done; : mark-%s-%s; echo %s ended\n' \
			"$victim" "$word" "$victim" "$victim" "$word" "$word" \
			>"$work/$word"
	done
	start_writer "$work/first" "$mnt/web/exec"
	first=$writer
	check "$victim: the first runs" wait_for 30 guest web \
		test -e "/tmp/$victim.first"
	start_writer "$work/second" "$mnt/web/exec"
	second=$writer
	check "$victim: the second runs beside it" wait_for 30 guest web \
		test -e "/tmp/$victim.second"
	interrupt "${!victim}"
	expect "$victim: the interrupted one is ended by the signal" 130 \
		"$status"
	check "$victim: within 200 ms ($took)" soon "$took"
	other=$([ "$victim" = first ] && echo second || echo first)
	check "$victim: its processes are gone" wait_for 30 one_script_left
	check "$victim: the other one goes on" kill -0 "${!other}"
	guest web touch "/tmp/end.$victim"
	wait "${!other}"
	expect "$victim: and succeeds" 0 "$?"
	expect "$victim: with all its output" "$other ended" \
		"$(cat "$mnt/web/exec")"
done

# One that takes no TERM is killed; the caller does not wait for that.
printf 'trap "" TERM INT HUP; echo deaf; while :; do sleep 0.3; done\n' \
	>"$work/script"
start_writer "$work/script" "$mnt/web/exec"
check "a deaf script runs" wait_for 30 one_script_left
interrupt "$writer"
check "its caller is free at once ($took)" soon "$took"
check "it is killed after a grace" wait_for 30 no_script_left
check "the writer is gone by the signal" test "$status" -eq 130
ended() {
	[ "$(last web status)" != running ]
}
check "the record is closed" wait_for 30 ended
expect_match "and says how it ended" '^signaled (9|15)$' "$(last web status)"

# A tree of processes, in pipes and subshells, goes as a whole.
printf '(sleep 7201 | cat) & sh -c "sleep 7201; true" & (exec sleep 7201)\n' \
	>"$work/script"
start_writer "$work/script" "$mnt/web/exec"
three() {
	[ "$(in_guest web 'sleep 7201' | wc -l)" -ge 4 ]
}
check "a script of many processes runs" wait_for 30 three
interrupt "$writer"
check "its caller is free at once ($took)" soon "$took"
check "all of them are gone" wait_for 30 none_in_guest web 'sleep 7201'
check "the machine works on" run_script web 'echo fine'
expect "as before" fine "$(cat "$mnt/web/exec")"
unmount
