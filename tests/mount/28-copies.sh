#!/usr/bin/env bash
# Goal: a copy of a machine's directory onto another runs no old output.
#
# All of a directory but files/: that is another script's, with real machines.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 2 web running
mount_orbfs
harmless web1 web2
put $'echo "touch harm"; echo "echo bad >harm"\n' "$mnt/web1/exec"
# How many scripts were run; a look at stats runs something, too.
scripts() {
	grep -c 'trap : TERM' "$work/fake/calls"
}
n=$(scripts)
nothing_ran() { # SENTENCE
	expect "$1: nothing was run" "$n" "$(scripts)"
	expect "$1: nothing was stopped, set or renamed" 0 \
		"$(called '(stop|restart|config (set|add|reset)|delete|rename) .*')"
	expect "$1: no harm is done" "" "$(find "$work/fake" -name harm)"
	expect "$1: the machines run" "running running" \
		"$(cat "$mnt"/web?/state | xargs)"
}

# From one machine to another.
check_fails "cp -r of a machine's parts onto another does not go through" \
	copy_parts "$mnt/web1" "$mnt/web2"
nothing_ran "cp -r"
check_fails "nor does cp of exec by name" \
	cp "$mnt/web1/exec" "$mnt/web2/exec"
expect_errno "cat of old output into exec is EINVAL" EINVAL \
	bash -c 'cat "$1" >"$2"' sh "$mnt/web1/exec" "$mnt/web2/exec"
expect_match "and the error says why" 'output is not run as a script' \
	"$(cat "$mnt/web2/error")"
expect_errno "so is dd in large blocks" EINVAL \
	dd if="$mnt/web1/exec" of="$mnt/web2/exec" bs=1M status=none
expect_errno "and tee" EINVAL bash -c 'tee "$2" <"$1" >/dev/null' sh \
	"$mnt/web1/exec" "$mnt/web2/exec"
cat "$mnt/web1/exec" >"$work/output"
expect_errno "its own exec does not take it, either" EINVAL \
	cp "$work/output" "$mnt/web1/exec"
nothing_ran "one exec into another"

# Out of the mount.
mkdir "$work/saved"
check "cp -r out of the mount" copy_parts "$mnt/web1" "$work/saved"
expect "has the state" running "$(cat "$work/saved/state")"
check "has the output" cmp "$work/output" "$work/saved/exec"
check "and the record" cmp "$mnt/web1/run/last/cmd" "$work/saved/run/last/cmd"
check "tar of all that can be read" eval \
	'tar --exclude="./*/files" -cf - -C "$mnt" . | tar -tf - >"$work/list"'
expect "names every machine's state" 2 "$(grep -c '/state$' "$work/list")"
nothing_ran "out of the mount"

# And back.
check_fails "cp -r back onto the machine does not go through" \
	copy_parts "$work/saved" "$mnt/web1"
check_fails "nor onto another" copy_parts "$work/saved" "$mnt/web2"
check_fails "nor by tar" eval \
	'tar -cf - -C "$work/saved" . | tar -xf - -C "$mnt/web2"'
nothing_ran "back"
check_fails "a saved directory is no new machine's content" \
	cp -r "$work/saved" "$mnt/copy"
expect "the machine that it made is empty of the old one's output" "" \
	"$(cat "$mnt/copy/exec")"
expect "and ran nothing" "$n" "$(scripts)"

# What is no output of ours runs as ever.
check "what is no output runs" put $'echo fresh\n' "$mnt/web2/exec"
expect "as ever" fresh "$(cat "$mnt/web2/exec")"
check "a script may equal an output of before the last run" \
	put $'echo again\n' "$mnt/web2/exec"
unmount
