#!/usr/bin/env bash
# Goal: scripts of 1 MiB, outputs of 10 MiB and binary output pass byte for byte.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web

# A script of exactly 1 MiB: its text is data and is summed up by itself.
size=1048576
{
	echo 'sum=0'
	awk 'BEGIN { for (i = 1; i <= 1000; i++)
		printf "sum=$((sum + %d)) # %01015d\n", i, i }'
} >"$work/head"
tail='echo "sum $sum"'
pad=$((size - $(stat -c %s "$work/head") - ${#tail} - 3))
{
	cat "$work/head"
	printf '#%*s\n%s\n' "$pad" '' "$tail"
} >"$work/script"
expect "the script has 1 MiB" "$size" "$(stat -c %s "$work/script")"
for way in 'cat "$0" >"$1"' 'dd if="$0" of="$1" bs=1M status=none' 'cp "$0" "$1"'; do
	check "a script of 1 MiB: ${way%% *}" bash -c "$way" "$work/script" \
		"$mnt/web/exec"
	expect "all of it ran: ${way%% *}" "sum 500500" \
		"$(cat "$mnt/web/exec")"
	check "cmd has all of it: ${way%% *}" \
		cmp "$work/script" "$mnt/web/run/last/cmd"
done
expect "an interpreter gets it in one piece as well" "sum 500500" "$(
	python3 - "$work/script" "$mnt/web/exec" <<'END'
import os, sys
fd = os.open(sys.argv[2], os.O_RDWR)
data = open(sys.argv[1], "rb").read()
assert os.write(fd, data) == len(data)
sys.stdout.write(os.read(fd, 1 << 20).decode())
END
)"

# More than one write: pieces that do not end in a newline belong together.
awk 'BEGIN { for (i = 0; i < 5; i++) { printf ": "
	for (j = 0; j < 69999; j++) printf "%09d ", j
	print "" } print "echo all" }' >"$work/script"
check "a script of 3.5 MiB" cp "$work/script" "$mnt/web/exec"
expect "all of it ran" all "$(cat "$mnt/web/exec")"
check "cmd has all of it" cmp "$work/script" "$mnt/web/run/last/cmd"

# 10 MiB of output, and of errors beside it.
cat >"$work/script" <<'END'
awk 'BEGIN { for (i = 0; i < 1310720; i++) printf "%07d\n", i }'
END
check "10 MiB of output" cp "$work/script" "$mnt/web/exec"
awk 'BEGIN { for (i = 0; i < 1310720; i++) printf "%07d\n", i }' >"$work/want"
check "exec gives them" cmp "$work/want" "$mnt/web/exec"
check "out has them" cmp "$work/want" "$mnt/web/run/last/out"
expect "stat knows the size" 10485760 "$(stat -c %s "$mnt/web/exec")"
expect "a part in the middle" 0655360 \
	"$(dd if="$mnt/web/exec" bs=8 skip=655360 count=1 status=none)"
cat >"$work/script" <<'END'
awk 'BEGIN { for (i = 0; i < 131072; i++) {
	printf "%07d\n", i; printf "%07d\n", -i >"/dev/stderr" } }'
END
check "both outputs at once" cp "$work/script" "$mnt/web/exec"
head -c 1048576 "$work/want" >"$work/want.out"
check "out has its own" cmp "$work/want.out" "$mnt/web/run/last/out"
expect "err has its own" "131072 -131071" \
	"$(awk 'END { print NR, $0 }' "$mnt/web/run/last/err")"
expect "exec has both" 262144 "$(wc -l <"$mnt/web/exec")"

# All bytes, some thousands of times, on either stream.
perl -e 'binmode STDOUT; print pack("C*", 0..255) x 4096;
	print "\037" x 100, "\0" x 5000, "\r\n\033[0m\377"' >"$work/bytes"
check "the bytes are in the machine" \
	orbctl_local push -m web "$work/bytes" /root/bytes
check "binary output" run_script web 'cat bytes'
check "exec gives every byte" cmp "$work/bytes" "$mnt/web/exec"
check "out as well" cmp "$work/bytes" "$mnt/web/run/last/out"
check "binary errors" run_script web 'cat bytes >&2'
check "err gives every byte" cmp "$work/bytes" "$mnt/web/run/last/err"
expect "and out has none" "" "$(last web out)"
printf '\037%032d 0\037\n\037\n' 7 >"$work/bytes"
check "the bytes are in the machine" \
	orbctl_local push -m web "$work/bytes" /root/bytes
check "what looks like the end of a script is none" \
	run_script web 'cat bytes >&2'
check "and passes" cmp "$work/bytes" "$mnt/web/run/last/err"
unmount
