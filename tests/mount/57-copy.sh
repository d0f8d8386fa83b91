#!/usr/bin/env bash
# Goal: copying a machine's control files, out of the mount or onto another, runs nothing and breaks nothing.
#
# All that a machine's directory holds is copied but files/: that is the whole
# guest with its /proc and /sys, which are the kernel's, and the host's.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web other
# Output that would leave a trace if it ran as a script.
check "an output that is a script, too" run_script web \
	'echo "touch /tmp/copied; echo copied >>/root/trace"; hostname >/root/own'
check "the other has one of its own" run_script other \
	'echo "touch /tmp/copied; echo other >>/root/trace"; hostname >/root/own'
output=$(cat "$mnt/web/exec")
untouched() { # untouched SENTENCE NAME...
	local sentence=$1 name
	shift
	for name; do
		expect "$sentence: nothing ran in $name" "own" \
			"$(guest "$name" sh -c 'ls /root /tmp | grep -xE "own|copied|trace"')"
		expect "$sentence: $name runs" running "$(cat "$mnt/$name/state")"
	done
}

# copy_control FROM TO: cp -r of all but files/; TO is a directory.
copy_control() {
	cp -r "$1"/{state,ip,config,exec,error,log,run} "$2"
}

# What disk it uses, a machine changes by itself.
config_of() {
	grep -v '"disk_used"' "$mnt/$1/config"
}

# out
mkdir "$work/copy"
check "cp -r to a directory elsewhere" copy_control "$mnt/web" "$work/copy"
expect "the state is a file with a word" running "$(cat "$work/copy/state")"
expect "the output is in the copy" "$output" "$(cat "$work/copy/exec")"
expect "so is the address" "$(cat "$mnt/web/ip")" "$(cat "$work/copy/ip")"
check "the config of the copy is JSON with the name" \
	grep -qE '"name":[[:space:]]*"web"' "$work/copy/config"
expect "the record of the last run as well" "exited 0" \
	"$(cat "$work/copy/run/last/status")"
check "tar reads it" tar -C "$mnt" --exclude=web/files -cf "$work/web.tar" web
untouched "out" web

# onto another machine: exec holds old output
config=$(config_of other)
stopwatch copy_control "$mnt/web" "$mnt/other" 2>"$work/said"
check_fails "a copy onto another machine is not all well" test "$status" -eq 0
expect_match "cp says that the output is no script" \
	'exec.*Invalid argument' "$(cat "$work/said")"
expect_match "cp says that the config is another machine's" \
	'config.*(Operation not permitted|Invalid argument)' "$(cat "$work/said")"
untouched "onto another" web other
expect "the other's config is what it was" "$config" "$(config_of other)"
expect_match "and its error tells why" '.' "$(cat "$mnt/other/error")"
expect "its last run is still its own" "$output" "$(cat "$mnt/web/exec")"

# back from the copy, later: the bytes that exec gave
check_fails "cp -r back onto the machine" copy_control "$work/copy" "$mnt/web"
untouched "back" web
check_fails "cp -r back onto another" copy_control "$work/copy" "$mnt/other"
untouched "back onto another" web other

# With cat and a redirection, as a careless hand does it.
check_fails "cat of one exec into another's" \
	bash -c 'cat "$0" >"$1"' "$mnt/web/exec" "$mnt/other/exec"
untouched "by cat" web other

# A state that is copied is an order that changes nothing.
check "the word running for one that runs" cp "$work/copy/state" "$mnt/other/state"
check "its own config, written back as it is" \
	bash -c 'cat "$0" >"$1" && cp "$1" "$0"' "$mnt/other/config" "$work/config"
expect "config is what it was" "$config" "$(config_of other)"

# A copy to a name that is none makes a machine, an own one.
check "a directory for the copy is a machine" mkdir "$mnt/third"
stopwatch copy_control "$mnt/web" "$mnt/third" 2>"$work/said"
check_fails "a copy to a new name is not all well" test "$status" -eq 0
check "but the machine is there" wait_for 30 is "$mnt/third/state" running
expect "nothing of the old output ran in it" "" \
	"$(guest third sh -c 'ls /root /tmp | grep -xE "own|copied|trace"')"
check "it is a machine of its own" run_script third hostname
expect "with its own name" third "$(cat "$mnt/third/exec")"
untouched "to a new one" web other
check "a script that was never an output runs" \
	run_script other 'echo "new words" >/root/new'
expect "and did" "new words" "$(guest other cat /root/new)"
unmount
