#!/usr/bin/env bash
# Goal: what programs around orbctl do in their own code is a line of shell over the mount.
. "$(dirname "$0")/machines.sh"

mount_orbfs
cd "$work" || exit 2
make_machine ci-a1-x ci-b2-y
a=$mnt/ci-a1-x b=$mnt/ci-b2-y

# An inventory.
expect "machines with a property of each, in one line" \
	"ci-a1-x running debian amd64 root;ci-b2-y running debian amd64 root;" \
	"$(for m in "$mnt"/*; do python3 -c '
import json, sys
c = json.load(open(sys.argv[1] + "/config"))
i = c["image"]
print(sys.argv[1].split("/")[-1], open(sys.argv[1] + "/state").read().strip(),
      i["distro"], i["arch"], c["user"], end=";")' "$m"; done)"
expect "those whose names have a form" "ci-a1-x ci-b2-y" \
	"$(cd "$mnt" && echo ci-[ab][0-9]-*)"

# Commands.
check "start one, whatever it does" put start "$a/state"
check "run a command" run_script ci-a1-x 'echo out; echo err >&2'
expect "its output by lines, stdout first" "out err" \
	"$(cat "$a"/run/last/{out,err} | paste -sd ' ')"
run_script ci-a1-x 'exit 7' 2>/dev/null
expect "success is what the caller takes for it" "exited 7" \
	"$(cat "$a/run/last/status")"
check "as another user, in another directory" run_script ci-a1-x \
	'cd /tmp && su nobody -s /bin/sh -c "id -un; pwd"'
expect "is that user's" "nobody /tmp" "$(paste -sd ' ' <"$a/exec")"
start=$(now_ms)
check_fails "a limit of time is timeout's" timeout -s INT 0.5 \
	cp <(echo 'sleep 60; echo late') "$a/exec"
check "and ends the command" test $(($(now_ms) - start)) -lt 30000
none_sleeps() {
	none_in_guest ci-a1-x "sleep 60"
}
check "in the machine as well" wait_for 30 none_sleeps
n=0
until run_script ci-a1-x 'echo x >>/tmp/tries; [ "$(wc -l </tmp/tries)" -ge 3 ]' \
	2>/dev/null || [ "$n" -ge 3 ]; do
	n=$((n + 1))
done
expect "tries are a loop's" 2 "$n"

# Files, of whomever, without a world-readable copy on the way.
echo secret >put
check "put a file where only root writes" cp put "$a/files/root/secret"
check "with a mode and an owner" install -m 600 -o nobody put \
	"$a/files/etc/secret"
expect "which it has in there" "600 nobody" \
	"$(guest ci-a1-x stat -c '%a %U' /etc/secret)"
check "get it" cp "$a/files/etc/secret" got
check "as it was" cmp put got
check "from a pipe" eval 'printf piped | tee "$a/files/srv/piped" >/dev/null'
expect "it is there" piped "$(guest ci-a1-x cat /srv/piped)"
check "from one machine to the next" cp -a "$a/files/etc/secret" \
	"$b/files/etc/"
expect "as it was" "600 nobody" "$(guest ci-b2-y stat -c '%a %U' /etc/secret)"

# Readiness, addresses, connections.
check "wait until one runs and has an address" wait_for 30 eval \
	'[ "$(cat "$a/state")" = running ] && [ -n "$(cat "$a/ip")" ]'
expect "its own words say the same" "$(head -n 1 "$a/ip")" \
	"$(run_script ci-a1-x 'hostname -I' && awk '{ print $1 }' "$a/exec")"
check "look a name up in there" run_script ci-a1-x 'getent hosts localhost'
run_script ci-b2-y 'setsid perl -MIO::Socket::INET -e "
	my \$s = IO::Socket::INET->new(Listen => 1, LocalPort => 7777,
		ReuseAddr => 1) or die; \$s->accept while 1" </dev/null >/dev/null 2>&1 & '"$apart"
reach() {
	run_script ci-a1-x "perl -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(
		PeerAddr => \"$(head -n 1 "$b/ip")\", PeerPort => 7777, Timeout => 5)'"
}
check "one machine reaches a port of the other" wait_for 30 reach

# A bootstrap that outlives its command.
printf 'sleep 0.2\necho ready >/tmp/ready\n' >"$a/files/tmp/bootstrap.sh"
check "a bootstrap is started" run_script ci-a1-x \
	'setsid sh /tmp/bootstrap.sh </dev/null >/tmp/bootstrap.log 2>&1 & '"$apart"
check "and goes on by itself" wait_for 30 is "$a/files/tmp/ready" ready
check "its log is a file" test -e "$a/files/tmp/bootstrap.log"
check "the console's log is one" grep -q . "$a/log"

# Asynchronous, several at once.
mkdir "$a/run/one" "$b/run/two"
echo 'echo done >&2' >"$a/run/one/cmd"
echo 'exit 3' >"$b/run/two/cmd"
expect "two commands in two machines, waited for" "exited 0 exited 3" \
	"$(cat "$a/run/one/wait" "$b/run/two/wait" | paste -sd ' ')"

# Make or take, delete or nothing, orphans.
check "make one unless it is there" mkdir -p "$a"
ends() { # stopped, then deleted; what is not there is no error
	[ ! -e "$1" ] || { echo stop >"$1/state" && rmdir "$1"; }
}
check "end one" ends "$b"
check "end it again" ends "$b"
printf '%s\n' ci-z9-x >known
expect "those that nobody knows of, older than a moment" ci-a1-x "$(cd "$mnt" &&
	find . -maxdepth 1 -name 'ci-*' ! -newermt '1 minute' -printf '%f\n' |
	grep -vxFf "$work/known")"
remember_machines
check "clean up by name" eval 'for m in "$mnt"/ci-*; do ends "$m"; done'
expect_nothing_left "nothing of them is left"
unmount
