#!/usr/bin/env bash
# Goal: a script runs whole, as the machine's user, at home, and its end is told truly.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web

# ran SENTENCE SCRIPT OUTPUT: it succeeds and says that.
ran() {
	check "$1: it succeeds" run_script web "$2"
	expect "$1" "$3" "$(cat "$mnt/web/exec")"
}

ran "the default user" 'id -un' root
ran "the user's home is the directory" 'pwd; echo "$HOME"' $'/root\n/root'
ran "the host name" 'hostname; cat /etc/hostname; uname -n' $'web\nweb\nweb'
ran "stdin is empty" 'cat; read -r x || echo nothing' nothing
ran "a script of many lines is one script" \
	$'x=1\nfor i in 1 2; do\n\tx=$((x + i))\ndone\n\n# a comment\necho $x' 4
ran "a here-document inside a script" $'cat <<END\none\n  two\nEND' $'one\n  two'
ran "quotes, blanks, backslashes and dollars are left alone" \
	$'printf "%s\\n" \'a  "b"\' "c \'d\'" \\$HOME \'\\n\' "*" \'\\\\\'' \
	$'a  "b"\nc \'d\'\n$HOME\n\\n\n*\n\\\\'
ran "words beyond ASCII" $'echo \'äö ✓\'' 'äö ✓'
ran "a script that begins with a hyphen" '-e 2>/dev/null || echo went on' 'went on'
# They come through a pipe each, so they have an order when each is to be read
# before the next one is said.
both='until_() { until [ -e "/tmp/$1" ]; do sleep 0.05; done; }
echo one; until_ one; echo two >&2; until_ two; echo three; until_ three
echo four >&2'
run_script web "$both" & writer=$!
for step in 'one out' 'two err' 'three out'; do
	check "${step% *} is said" wait_for 30 grep -qx "${step% *}" \
		"$mnt/web/run/last/${step#* }"
	guest web touch "/tmp/${step% *}"
done
wait "$writer"
expect "both outputs, in the order they came" $'one\ntwo\nthree\nfour' \
	"$(cat "$mnt/web/exec")"
expect "out has what was printed" $'one\nthree' "$(last web out)"
expect "err has what was said on stderr" $'two\nfour' "$(last web err)"
expect "cmd has the script" "$both" "$(last web cmd)"
expect "status says that it ended well" "exited 0" "$(last web status)"
expect "error is empty after a success" "" "$(cat "$mnt/web/error")"
ran "nothing of one script is left for the next" 'x=kept; export x; cd /' ""
ran "and so it begins anew" 'echo "${x-unset}"; pwd' $'unset\n/root'
ran "the shell's exit trap runs" "trap 'echo bye' EXIT; echo hi" $'hi\nbye'

# ended SCRIPT STATUS
ended() {
	expect_errno "'$1' fails with EIO" EIO run_script web "$1"
	expect "'$1': $2" "$2" "$(last web status)"
	expect "'$1' leaves a line in error" "exec: the script $2" \
		"$(cat "$mnt/web/error")"
}
ended 'exit 1' 'exited 1'
ended 'exit 77' 'exited 77'
ended 'exit 255' 'exited 255'
ended 'false' 'exited 1'
ended 'kill -9 $$' 'signaled 9'
ended 'kill -TERM $$' 'signaled 15'
ended 'no-such-command-anywhere' 'exited 127'
expect_match "what the shell says is on stderr" 'not found' "$(last web err)"
ended 'echo "open' 'exited 2'
expect_match "a mistake in the script is explained" 'nterminated' \
	"$(last web err)"
check "after failures it works" run_script web true
expect "and error is empty" "" "$(cat "$mnt/web/error")"

# held until complete
printf 'echo held; echo "$((1 + 1))"' >"$mnt/web/exec"
expect "a script without a newline runs at the close" $'held\n2' \
	"$(cat "$mnt/web/exec")"
{ printf 'echo fir'; printf 'st\n'; } >"$mnt/web/exec"
expect "two writes make one script" first "$(cat "$mnt/web/exec")"
: >"$mnt/web/exec"
touch "$mnt/web/exec"
expect "opening, truncating and touching run nothing" first \
	"$(cat "$mnt/web/exec")"

# through one open file
exec 3<>"$mnt/web/exec"
printf 'echo mine; echo wrong >&2\n' >&3
printf 'echo elsewhere\n' >"$mnt/web/exec"
expect "an open file gives what it ran itself" $'mine\nwrong' "$(cat <&3)"
exec 3>&-
expect "another open gives the run that ended last" elsewhere \
	"$(cat "$mnt/web/exec")"
exec 3<>"$mnt/web/exec"
printf 'echo early; until [ -e /tmp/go ]; do sleep 0.05; done; echo late\n' >&3 &
writer=$!
# Before anything was run through it, a file opened so is at its end.
check "the script runs" wait_for 30 grep -q running "$mnt/web/run/last/status"
IFS= read -r early <&3
expect "output can be read while the script runs" early "$early"
expect "its status is running meanwhile" running "$(last web status)"
guest web touch /tmp/go
wait "$writer"
expect "the writer ends with the script" 0 "$?"
expect "the rest follows, and then the end" late "$(cat <&3)"
exec 3>&-

check "stop" put $'stop\n' "$mnt/web/state"
expect_errno "a stopped machine runs nothing" EHOSTDOWN run_script web true
expect_match "error says so" 'stopped' "$(cat "$mnt/web/error")"
expect "and exec does not start it" stopped "$(cat "$mnt/web/state")"
expect "the output of before can still be read" $'early\nlate' \
	"$(cat "$mnt/web/exec")"
check "start" put $'start\n' "$mnt/web/state"
ran "started again, it runs" 'echo again' again
unmount
