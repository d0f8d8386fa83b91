#!/usr/bin/env bash
# Goal: what is written to exec runs, and its status, output and record are so.
. "$(dirname "$0")/lib.sh"
need python3 "to read and write through one open file"

engine fake
fake seed 2 web running
fake seed 1 db stopped
mount_orbfs
exec=$mnt/web1/exec
last=$mnt/web1/run/last
home=$work/fake/machines/web1/home

expect "before any run there is no output" "" "$(cat "$exec")"
expect "nor a record" "" "$(cat "$last"/*)"

# One script, whole, to sh, in the default user's home, with an empty stdin.
check "a line" put $'echo hello\n' "$exec"
expect "its output is read from exec" hello "$(cat "$exec")"
expect "again and again" hello "$(cat "$exec")"
expect "it ran as the default user, without a user being said" 0 \
	"$(called 'run .*-u .*')"
put $'pwd\n' "$exec"
expect "in the user's home" "$home" "$(cat "$exec")"
put $'cat; echo "$? $(wc -c)"\n' "$exec"
expect "with an empty stdin" "0 0" "$(cat "$exec" | xargs)"
put $'for i in 1 2 3\ndo\n\techo "line $i"\ndone\nif true; then\necho yes\nfi\n' \
	"$exec"
expect "a script has many lines" "line 1 line 2 line 3 yes" \
	"$(xargs <"$exec")"
put $'cat <<END\ninside\nEND\ncd /; f() {\n\techo f; }\nf\n' "$exec"
expect "documents and functions" "inside f" "$(xargs <"$exec")"
put $'echo "$0 $#" "$@"\n' "$exec"
expect_match "its arguments are none of our inventions' business" '^[^ ]* ' \
	"$(cat "$exec")"
# shellcheck disable=SC2016 # for the other shell
put 'echo '"'"'$HOME "x" \ `'"'"' "$((1+1))" *'$'\n' "$exec"
expect "nothing is expanded on the way" '$HOME "x" \ ` 2 *' \
	"$(cat "$exec")"
rm -rf "${home:?}"/*
put $'# a comment alone\n' "$exec"
expect "a comment is a script" "exited 0" "$(cat "$last/status")"
n=$(calls run)
python3 - "$exec" <<'END'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
os.write(fd, b"echo a")
os.write(fd, b"b; echo")
os.write(fd, b" c\n")
os.write(fd, b"echo no newline")
os.close(fd)
END
expect "what does not end in a newline is completed" "no newline" \
	"$(cat "$exec")"
expect "in one script with what follows" $((n + 2)) "$(calls run)"
put 'echo unfinished' "$exec"
check "the close completes the last one" wait_for 30 is "$exec" unfinished

# Statuses.
status() { # SCRIPT ERRNO STATUS
	expect_errno "'$1' is $2" "$2" put "$1"$'\n' "$exec"
	expect "its status is '$3'" "$3" "$(cat "$last/status")"
}
status true 0 'exited 0'
expect "the error is empty" "" "$(cat "$mnt/web1/error")"
status 'exit 1' EIO 'exited 1'
status 'exit 7' EIO 'exited 7'
expect "the error says so" "exec: the script exited 7" \
	"$(cat "$mnt/web1/error")"
status 'exit 255' EIO 'exited 255'
# shellcheck disable=SC2016 # for the other shell
status 'kill -9 $$' EIO 'signaled 9'
# shellcheck disable=SC2016 # for the other shell
status 'kill -TERM $$' EIO 'signaled 15'
# shellcheck disable=SC2016 # for the other shell
status 'echo before; kill $$; echo after' EIO 'signaled 15'
expect "a script that ends itself does not go on" before "$(cat "$exec")"
# shellcheck disable=SC2016 # for the other shell
status 'trap "echo caught; exit 6" TERM; kill $$; echo after' EIO 'exited 6'
expect "unless it wants to" caught "$(cat "$exec")"
status 'no-such-command' EIO 'exited 127'
status 'if' EIO 'exited 2'
status 'false; true' 0 'exited 0'
status 'set -e; false; true' EIO 'exited 1'
status 'exec sh -c "exit 9"' EIO 'exited 9'
status 'exec >/dev/null 2>&1; exit 4' EIO 'exited 4'
status '(exit 3) & wait $!' EIO 'exited 3'
status "echo '[-32098] machine not found' >&2; exit 1" EIO 'exited 1'
status 'trap "exit 6" EXIT; exit 5' EIO 'exited 6'

# The record.
put $'echo out; echo err >&2; echo more; exit 3\n' "$exec" 2>/dev/null
expect "cmd has the script" 'echo out; echo err >&2; echo more; exit 3' \
	"$(cat "$last/cmd")"
expect "out has the one stream" "out more" "$(xargs <"$last/out")"
expect "err has the other" err "$(cat "$last/err")"
expect "status has the end" 'exited 3' "$(cat "$last/status")"
# Through a pipe each they have an order when the one has come before the other.
cat >"$work/steps" <<END
until_in() {
	until grep -qs "\$1" '$last'/"\$2"; do sleep .05; done
}
echo out; until_in out out; echo err >&2; until_in err err; echo more
END
expect "exec has both streams in the order they came" "out err more" \
	"$(cat "$work/steps" >"$exec"
	xargs <"$exec")"
expect "nothing of ours is in err" "" "$(put $'true\n' "$exec"
	cat "$last/err")"
put $'echo going; until [ -e go ]; do sleep .05; done; echo gone\n' "$exec" &
pid=$!
check "while it runs the record says so" wait_for 30 is "$last/status" running
check "its output can be read" wait_for 30 is "$last/out" going
expect "exec still has that of the one before" "" "$(cat "$exec")"
touch "$home/go"
wait "$pid"
expect "and at the end that of this" "going gone" "$(xargs <"$exec")"
expect "a machine has a record of its own" "" "$(cat "$mnt/web2/exec")"

# Through one open file: what it ran, as it comes, to its end.
exec 3<>"$exec"
echo 'echo one; echo two' >&3
put $'echo elsewhere\n' "$exec"
expect "the same open file gives what it ran" "one two" "$(xargs <&3)"
echo 'echo three; exit 3' >&3 2>/dev/null
echo 'echo four' >&3
expect "in order, the failed ones as well" "three four" "$(xargs <&3)"
expect "and then nothing more" "" "$(cat <&3)"
exec 3>&-
expect "another open gives the last that ended" four "$(cat "$exec")"
expect "what comes is read while it comes" "one True two True" "$(
	python3 - "$exec" "$last/status" "$home/further" <<'END'
import os, sys, threading, time
exec, status, further = sys.argv[1:]
fd = os.open(exec, os.O_RDWR)
t = threading.Thread(target=os.write, args=(fd,
    b"echo one; until [ -e further ]; do sleep .05; done; echo two\n"))
t.start()
# Before anything was run through it, a file opened so is at its end.
while open(status).read() != "running\n":
    time.sleep(0.03)
print(os.read(fd, 100).decode().strip(), t.is_alive(), end=" ")
open(further, "w").close()
print(os.read(fd, 100).decode().strip(), os.read(fd, 100) == b"")
t.join()
END
)"

# A machine that does not run.
n=$(calls '')
expect_errno "a script for a stopped machine is EHOSTDOWN" EHOSTDOWN \
	put $'true\n' "$mnt/db1/exec"
expect "the error says what to do" "db1 is stopped; first: echo start > state" \
	"$(cat "$mnt/db1/error")"
expect "it is not started by that" "stopped 0" \
	"$(fake get db1 now) $(called 'run -m db1 .*')"
check "looking does not start it either" cat "$mnt/db1/exec" \
	"$mnt/db1/run/last/status"

# The engine's failures.
fails() { # TEXT CODE ERRNO
	fake on fail.run 1 "$2" "$1"
	expect_errno "'$1' is $3" "$3" put $'true\n' "$exec"
	check "and the error has a reason" test -s "$mnt/web1/error"
}
fails "[-32098] machine not found: 'web1'" 1 ENOENT
fails 'agent not running' 1 EHOSTDOWN
fails 'user: unknown user dev' 1 EINVAL
fails 'Error: unknown flag -w' 1 EOPNOTSUPP
fails 'something new' 1 EIO
fake on panic.run
expect_errno "a panic is EIO" EIO put $'true\n' "$exec"
expect_match "and said" 'panic: runtime error' "$(cat "$mnt/web1/error")"
fake off
expect_errno "then it works" 0 put $'true\n' "$exec"
for switch in keep-cwd pass-env accept-dashdash outlive tty-trap; do
	fake on "$switch"
	expect "a script with $switch" "$home" \
		"$(put $'pwd\n' "$exec"; cat "$exec")"
	fake off
done
unmount
