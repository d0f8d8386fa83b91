#!/usr/bin/env bash
# Goal: whatever a list says, what is shown is true, and nothing else is shown.
. "$(dirname "$0")/lib.sh"

# What a sanitizer keeps of freed memory is not the daemon's size.
export ASAN_OPTIONS="quarantine_size_mb=8:$ASAN_OPTIONS"
engine fake
fake seed 2 web running
fake seed 1 db stopped
mount_orbfs
all="$ours db1 web1 web2"
expect "the machines are shown" "$all" "$(names "$mnt")"

# in_mode MODE: a list in that mode has come, or what was known is shown.
in_mode() {
	fake off
	[ $# -eq 0 ] || fake on list-mode "$@"
	renew
	names "$mnt"
}
bad_answer() {
	local n
	n=$(calls list)
	expect "$1: what is known stays" "$all" "$(in_mode "$1")"
	check "$1: .orbfs/error says so" \
		wait_for 30 grep -q "not a list of machines" "$mnt/.orbfs/error"
	expect "$1: it was asked three times" 3 "$(($(calls list) - n))"
	expect "$1: once is not seen" "$all" "$(in_mode "$1" 1)"
	check "$1: and the error goes" \
		wait_for 30 is "$mnt/.orbfs/error" ""
}
bad_answer junk
bad_answer truncated

expect "null is no machine" "$ours" "$(in_mode null)"
expect "all are back" "$all" "$(in_mode)"
expect "nothing is no machine" "$ours" "$(in_mode empty)"
expect "all are back" "$all" "$(in_mode)"
expect "unknown keys are ignored" "$all" "$(in_mode unknown-keys)"
expect "of duplicates the first counts" "$all" "$(in_mode duplicate)"
expect "twice" "$all" "$(renew; names "$mnt")"
expect "the states are right" "running running stopped" \
	"$(cat "$mnt"/web?/state "$mnt/db1/state" | xargs)"
expect "wrong types are unknown, or no machine" "$all odd-1 odd-2" \
	"$(in_mode wrong-types | sed 's/.orbfs db1 odd-1 odd-2 \(.*\)/.orbfs db1 \1 odd-1 odd-2/')"
expect "what is told of them is shown" "running stopped" \
	"$(cat "$mnt"/odd-?/state | xargs)"
check_fails "nothing of names that are no text" test -e "$mnt/7"
expect "no name that would lead elsewhere" "" \
	"$(in_mode evil-names >"$work/evil" 2>&1
	tr ' ' '\n' <"$work/evil" | grep -E '^\.$|^\.\.$|^-|/|hidden|etc|line')"
for name in db1 web1 web2; do
	check "$name is among them" test -e "$mnt/$name/state"
done
check "find survives the others" find "$mnt" -maxdepth 2
expect_errno "a long name is not there" ENAMETOOLONG \
	stat "$mnt/$(printf 'n%.0s' {1..300})"
in_mode non-ascii >"$work/foreign" 2>&1
for name in größe café 機械 rocket-🚀 pair-🚀; do
	expect "$name is shown and can be looked at" running \
		"$(cat "$mnt/$name/state")"
done
expect "quotes are kept" running "$(cat "$mnt/quote-\"-\\/state")"
expect "all are back" "$all" "$(in_mode)"

# Words for states.
in_mode unknown-states >/dev/null
expect "each state is one of our words" "" \
	"$(cat "$mnt"/*/state | grep -vxE 'creating|running|failed|unknown')"
expect "words that nobody knows are unknown" 1 \
	"$(cat "$mnt"/*/state | grep -c unknown)"
in_mode >/dev/null
for word in creating starting stopping stopped; do
	fake on "stuck.web1" "$word"
	renew
	expect "$word is shown" "$word" "$(cat "$mnt/web1/state")"
done
fake on stuck.web1 error
renew
expect "error is failed" failed "$(cat "$mnt/web1/state")"
expect "the others are what they are" running "$(cat "$mnt/web2/state")"

# Notices around the answer.
for place in stdout stderr both; do
	for time in before after; do
		fake off
		fake on banner "$place" "$time"
		renew
		expect "a notice on $place $time: the list" "$all" \
			"$(names "$mnt")"
		expect "and the details" dev "$(refresh
			put $'cpus 1\n' "$mnt/web1/config"
			sed -n 's/.*"user":.*"\(.*\)",/\1/p' "$mnt/web1/config")"
		expect "and a script" yes "$(put $'echo yes\n' "$mnt/web1/exec"
			grep -x yes "$mnt/web1/exec")"
	done
done
expect "no notice is an error" "" "$(cat "$mnt/.orbfs/error")"
fake off
fake on banner stderr before
fake on fail.stop 1 1 "[-32098] stop 'web1': it is broken"
expect_errno "a failure below a notice" EIO put stop "$mnt/web1/state"
expect_match "has its own reason" '^stop: .*it is broken' \
	"$(cat "$mnt/web1/error")"

# The older shape, other versions, other words.
fake off
fake on shape 2.0
fake on version 2.0.4
fake on not-found old
fake on ip-form null
expect "the shape of 2.0" "$all" "$(renew; names "$mnt")"
expect_match "its details" '"user":.*"dev"' "$(cat "$mnt/web2/config")"
expect_match "its addresses" '^192' "$(cat "$mnt/web2/ip")"
"$work/fake/orbctl" delete -f db1
check "a machine that is gone, in old words" eval '! cat "$mnt/db1/config"'
fake off

# Too much of everything.
fake on list-mode nested
refresh
check "a list nested without end" ls "$mnt/web1"
fake off
fake on list-mode huge
fake on late.list held
refresh
expect_ms 500 "a list without end is not waited for" ls "$mnt/web1"
fake off late.list
settled() {
	refresh
	ls "$mnt" >/dev/null
	grep -q . "$mnt/.orbfs/error" || test -e "$mnt/huge"
}
check "it is refused, or taken" wait_for 20 settled
fake off
renew
expect "all are back" "$ours web1 web2" "$(names "$mnt" -I huge)"
expect_match "the daemon has kept its size" '^[0-9]{1,5}$' \
	"$(awk '/^VmRSS/ { print $2 }' "/proc/$daemon/status")"
unmount
