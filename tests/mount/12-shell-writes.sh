#!/usr/bin/env bash
# Goal: each way in which programs write does what was meant, and tells errors.
. "$(dirname "$0")/lib.sh"
need python3 "to write as programs do"
shells=(sh bash)
command -v dash >/dev/null && shells+=(dash)
command -v busybox >/dev/null && shells+=("busybox sh")

engine fake
fake seed 1 web running
mount_orbfs
exec=$mnt/web1/exec
ran=$work/fake/machines/web1/home/ran

# ran_is SENTENCE LINES: what the scripts since the last look have left.
ran_is() {
	expect "$1" "$2" "$(cat "$ran" 2>/dev/null | xargs)"
	rm -f "$ran"
}

# Each shell's own way to open, flush, write and close.
for shell in "${shells[@]}"; do
	# shellcheck disable=SC2086 # its words
	run() { $shell -c "$1" sh "$exec"; }
	check "$shell: echo >" run 'echo "echo 1 >>ran" > "$1"'
	ran_is "it ran once" 1
	check "$shell: echo >>" run 'echo "echo 2 >>ran" >> "$1"'
	ran_is "it ran once" 2
	check "$shell: (a; b) >" \
		run '(echo "echo 3 >>ran"; echo "echo 4 >>ran") > "$1"'
	ran_is "both ran, in order" "3 4"
	check "$shell: a document" run 'cat > "$1" <<\END
for i in 5 6
do
	echo $i >>ran
done
END'
	ran_is "its lines were one script" "5 6"
	check "$shell: printf without a newline" \
		run 'printf "echo 7 >>ran" > "$1"'
	wait_for 30 test -s "$ran"
	ran_is "it ran at the close" 7
	check "$shell: : >" run ': > "$1"'
	ran_is "it ran nothing" ""
	check_fails "$shell: the status of the script comes from write" \
		run 'echo "exit 3" > "$1"'
	check_fails "$shell: and with >>" run 'echo "exit 3" >> "$1"'
	check_fails "$shell: and in a document" run 'cat > "$1" <<\END
exit 3
END'
	check_fails "$shell: a list stops at the first that fails" \
		run 'set -e; (echo "exit 3"; echo "echo 8 >>ran") > "$1"'
	ran_is "what comes after it does not run" ""
done

# Programs.
expect_errno "the errno of a failed script is EIO" EIO put $'exit 3\n' "$exec"
check "tee" eval 'echo "echo 1 >>ran" | tee "$exec"'
ran_is "it ran once" 1
check_fails "tee tells that a script failed" eval 'echo false | tee "$exec"'
printf 'echo 2 >>ran\necho 3 >>ran\n' >"$work/script"
check "cp" cp "$work/script" "$exec"
ran_is "the whole file was one script" "2 3"
check "cat" eval 'cat "$work/script" >"$exec"'
ran_is "the whole file was one script" "2 3"
check "dd" dd if="$work/script" of="$exec" status=none
ran_is "the whole file was one script" "2 3"
check "dd in small blocks" dd if="$work/script" of="$exec" bs=5 status=none
ran_is "each line ran when it was whole" "2 3"
check "install" install -m 600 "$work/script" "$work/installed"
echo false >"$work/bad"
expect_errno "cp tells that a script failed" EIO cp "$work/bad" "$exec"
expect_errno "dd tells that a script failed" EIO \
	dd if="$work/bad" of="$exec" status=none
check "python: open('w')" python3 -c '
import sys
with open(sys.argv[1], "w") as f:
    f.write("echo 4 >>ran\n")' "$exec"
ran_is "it ran once" 4
check "python: open('a')" python3 -c '
import sys
with open(sys.argv[1], "a") as f:
    f.write("echo 5 >>ran\n")' "$exec"
ran_is "it ran once" 5
check "python: open('r+b'), unbuffered" python3 -c '
import sys
with open(sys.argv[1], "r+b", buffering=0) as f:
    f.write(b"echo 6 >>ran\n")
    f.write(b"echo 7 ")
    f.write(b">>ran\n")' "$exec"
ran_is "lines ran as they were whole" "6 7"
check_fails "python is told that a script failed" python3 -c '
import sys
with open(sys.argv[1], "w") as f:
    f.write("exit 3\n")' "$exec"
check "perl or awk print to it" eval \
	'awk -v f="$exec" "BEGIN { print \"echo 8 >>ran\" > f; exit close(f) }"'
ran_is "it ran once" 8

# What writes nothing runs nothing.
ran_before=$(calls run)
check "touch" touch "$exec"
check "truncate" truncate -s 0 "$exec"
check "opening to write and closing" python3 -c '
import os, sys
os.close(os.open(sys.argv[1], os.O_WRONLY))
os.close(os.open(sys.argv[1], os.O_RDWR | os.O_TRUNC))' "$exec"
check "dd of nothing" dd if=/dev/null of="$exec" status=none
check "cp of nothing" cp /dev/null "$exec"
expect "none of these started anything" "$ran_before" "$(calls run)"

# The other control files.
for shell in "${shells[@]}"; do
	run() { $shell -c "$1" sh "$mnt/web1"; }
	check "$shell: echo stop > state" run 'echo stop > "$1/state"'
	expect "it has stopped" stopped "$(cat "$mnt/web1/state")"
	check "$shell: echo start >> state" run 'echo start >> "$1/state"'
	expect "it runs" running "$(cat "$mnt/web1/state")"
	check_fails "$shell: a bad verb fails the echo" \
		run 'echo jump > "$1/state"'
	check "$shell: echo KEY VALUE > config" \
		run 'echo "cpus 2" > "$1/config"'
	check_fails "$shell: a bad key fails the echo" \
		run 'echo "colour red" > "$1/config"'
	check "$shell: : > state does nothing" run ': > "$1/state"'
	check "$shell: : > config does nothing" run ': > "$1/config"'
done
expect "it runs still" running "$(cat "$mnt/web1/state")"
check "touch state" touch "$mnt/web1/state" "$mnt/web1/config"
expect "each start was one" ${#shells[@]} "$(called 'start web1')"
expect "each stop was one" ${#shells[@]} "$(called 'stop web1')"
expect "one setting changed" 1 "$(called 'config set .*')"
expect_errno "an empty line is no verb and no error" 0 put $'\n' \
	"$mnt/web1/state"
unmount
