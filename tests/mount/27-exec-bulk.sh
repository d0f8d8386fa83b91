#!/usr/bin/env bash
# Goal: scripts and outputs of any size and content get through as they are.
. "$(dirname "$0")/lib.sh"
need python3 "to make scripts of all kinds of bytes"

engine fake
fake seed 2 web running
mount_orbfs
exec=$mnt/web1/exec
last=$mnt/web1/run/last

# A script of a megabyte: comments, and a sum at its end.
python3 - >"$work/script" <<'END'
line = "# " + "x" * 60 + "\n"
n = (1 << 20) // len(line)
print(line * n + "echo done-%d" % n)
END
check "a script of a megabyte by cat" eval 'cat "$work/script" >"$exec"'
expect_match "ran to its end" 'done-[0-9]+$' "$(cat "$exec")"
check "its record has all of it, or the part after the last write" eval \
	'tail -n 1 "$last/cmd" | grep -q "echo done"'
check "by cp" cp "$work/script" "$exec"
expect_match "ran to its end" 'done-[0-9]+$' "$(cat "$exec")"
n=$(calls run)
check "by python in one write" python3 -c '
import os, sys
fd = os.open(sys.argv[2], os.O_WRONLY)
data = open(sys.argv[1], "rb").read()[-1000000:]
data = data[data.index(b"\n") + 1:]
assert os.write(fd, data) == len(data)
os.close(fd)' "$work/script" "$exec"
expect "was one script" $((n + 1)) "$(calls run)"
check "its record is the script" eval \
	'tail -c 900000 "$work/script" | cmp - <(tail -c 900000 "$last/cmd")'
printf 'cat <<END\n%s\nEND\n' "$(head -c 500000 /dev/zero | tr '\0' y)" \
	>"$work/script"
check "one line of half a megabyte" dd if="$work/script" of="$exec" \
	bs=1M status=none
expect "arrives whole" 500001 "$(wc -c <"$exec")"
check_fails "one of 17 MiB without a newline is refused" eval \
	'head -c 17825792 /dev/zero | tr "\0" z | dd bs=1M of="$exec" status=none'
expect_match "with a reason" "exec: a script has at most" \
	"$(cat "$mnt/web1/error")"

# Ten megabytes of output.
put $'head -c 10485760 /dev/zero | tr "\\0" x\n' "$exec"
expect "ten MiB of output arrive" 10485760 "$(wc -c <"$exec")"
expect "stat knows their length" 10485760 "$(stat -c %s "$exec")"
expect "all of it is what it was" 0 "$(tr -d x <"$exec" | wc -c)"
expect "so does the record" 10485760 "$(wc -c <"$last/out")"
exec 3<>"$exec"
echo 'head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2' >&3
expect "and through the same open file" 5000000 "$(cat <&3 | wc -c)"
exec 3>&-

# Bytes of all kinds, both ways.
head -c 300000 /dev/urandom >"$work/random"
put "cat '$work/random'"$'\n' "$exec"
check "random bytes come out as they are" cmp "$work/random" "$exec"
check "in the record as well" cmp "$work/random" "$last/out"
put "cat '$work/random' >&2"$'\n' "$exec"
check "and from stderr" cmp "$work/random" "$last/err"
python3 -c '
import sys
every = bytes(b for b in range(1, 256) if b != 39)
open(sys.argv[1], "wb").write(every)
open(sys.argv[2], "wb").write(b"printf %s \x27" + every + b"\x27\n")' \
	"$work/every" "$work/script"
check "a script with every byte there is" cp "$work/script" "$exec"
check "has them all" cmp "$work/every" "$exec"
put $'printf "\\037%.0s" 1 2 3; printf "\\0377 12\\037" >&2\n' "$exec"
expect "what looks like a trailer is output" "1f 1f 1f" \
	"$(od -An -tx1 "$last/out" | xargs)"
expect "on both streams" "1f 37 20 31 32 1f" \
	"$(od -An -tx1 "$last/err" | xargs)"
put $'true\n' "$exec"
expect "no output is no output" 0 "$(wc -c <"$exec")"

# What a script leaves behind does not hold it up.
expect_ms 1500 "a script that leaves a process behind ends" \
	put $'sleep 20 &\necho left\n' "$exec"
expect "with its output" left "$(cat "$exec")"
expect "and status" "exited 0" "$(cat "$last/status")"
expect_ms 1500 "one whose process has no output" \
	put $'setsid sleep 8 >/dev/null 2>&1 </dev/null &\nsleep .05\n' "$exec"

# Many at once.
pids=()
for i in {1..50}; do
	put "echo $i-\$((i + 1)); echo $i >>many"$'\n' \
		"$mnt/web$((i % 2 + 1))/exec" & pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do
	wait "$pid" || failed=$((failed + 1))
done
expect "fifty scripts at once all succeed" 0 "$failed"
expect "each ran once" "50 50" "$(cat "$work"/fake/machines/web?/home/many |
	sort -n | uniq | wc -l) $(cat "$work"/fake/machines/web?/home/many |
	wc -l)"
fake on latency 1
expect_ms 6000 "slow ones run side by side" bash -c '
for i in 1 2 3 4 5 6 7 8 9 10; do
	echo true >"$1" & pids="$pids $!"
done
for pid in $pids; do
	wait "$pid" || exit 1
done' sh "$exec"
fake off
unmount

# No more is kept of an output than was asked for.
mount_orbfs -o spool=1
put $'head -c 3000000 /dev/zero; echo end\n' "$exec"
check "a bounded spool has the newest" eval 'tail -c 4 "$exec" | grep -q end'
check "and not more than it may" test "$(wc -c <"$exec")" -le 1100000
check "but nearly as much" test "$(wc -c <"$exec")" -ge 900000
unmount
