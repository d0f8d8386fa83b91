#!/usr/bin/env bash
# Goal: ip has the machine's addresses, or is empty, and is never wrong.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 2 web running
fake seed 1 db stopped
mount_orbfs -o ttl=0.2
ip=$mnt/web1/ip
stale() {
	sleep 0.3
}

expect "two lines, IPv4 first" "$(fake get web1 ip4) $(fake get web1 ip6)" \
	"$(xargs <"$ip")"
expect "each with its newline" 2 "$(wc -l <"$ip")"
expect "empty when it does not run" "" "$(cat "$mnt/db1/ip")"
expect "of size 0" 0 "$(stat -c %s "$mnt/db1/ip")"
expect "and no error" "" "$(cat "$mnt/db1/error")"
expect "that is no question to orbctl" 0 "$(called 'info db1 .*')"
stale
n=$(called 'info web1 .*')
cat "$ip" >/dev/null
stale
cat "$ip" >/dev/null
expect "it is kept for as long as the machine runs" "$n" \
	"$(called 'info web1 .*')"

# Stop, start, restart.
put stop "$mnt/web1/state"
expect "empty at once after a stop" "" "$(cat "$ip")"
fake set web1 num 77
put start "$mnt/web1/state"
expect "the new one after a start" "$(fake get web1 ip4)" "$(head -n 1 "$ip")"
fake set web1 num 78
put restart "$mnt/web1/state"
expect "and after a restart" "$(fake get web1 ip4)" "$(head -n 1 "$ip")"
"$work/fake/orbctl" stop web1
stale
check "empty after a stop elsewhere" wait_for 30 is "$ip" ""
fake set web1 num 79
"$work/fake/orbctl" start web1
stale
begins() { # FILE TEXT
	[ "$(head -n 1 "$1")" = "$2" ]
}
check "the new one after a start elsewhere" wait_for 30 begins "$ip" \
	"$(fake get web1 ip4)"

# An address that comes late.
fake on ip-after 4
put restart "$mnt/web1/state"
expect "empty until the engine has one" "" "$(cat "$ip")"
check "then it is there" wait_for 30 grep -q '^192' "$ip"
fake on ip-after never
for form in absent empty null; do
	fake on ip-form "$form"
	put restart "$mnt/web1/state"
	expect "an address that is $form is empty" "" "$(cat "$ip")"
	expect_errno "and no error" 0 cat "$ip"
done
check "scripts run without an address" put $'true\n' "$mnt/web1/exec"
fake off
stale
check "it is asked for until it is there" wait_for 30 grep -q '^192' "$ip"

# Faults.
fake on fail.info always 1 '[-32098] busy'
expect_match "what was told stays through failures" '^192' "$(cat "$ip")"
expect_errno "what was not told is EIO" EIO cat "$mnt/web2/ip"
expect_match "and the error says why" '^info: busy' "$(cat "$mnt/web2/error")"
fake off
fake on info-mode junk
expect_errno "an answer that makes no sense is EIO" EIO cat "$mnt/web2/ip"
cat "$mnt/web2/config" >/dev/null 2>&1
for mode in null empty truncated junk wrong-types; do
	fake on info-mode "$mode"
	expect "an address is never an old one: $mode" "" \
		"$(cat "$mnt/web2/ip" 2>/dev/null)"
	expect_match "and the error says why" "info: .*not a machine's record" \
		"$(cat "$mnt/web2/error")"
	fake on info-mode "$mode" 1
	expect_match "once is not seen" '^192' \
		"$(put restart "$mnt/web2/state"; cat "$mnt/web2/ip")"
	put stop "$mnt/web2/state"
	put start "$mnt/web2/state"
done
fake on info-mode unknown-keys
expect_match "unknown keys are ignored" '^192' "$(cat "$mnt/web2/ip")"
fake off
expect "the error is empty in the end" "" "$(put restart "$mnt/web2/state"
	cat "$mnt/web2/error")"
fake on hang.info
put restart "$mnt/web2/state"
interruptible cat "$mnt/web2/ip" >/dev/null & pid=$!
wait_asks "$pid"
expect_ms 300 "one that hangs holds up nobody: its state" \
	cat "$mnt/web2/state"
expect_ms 300 "another's address" cat "$mnt/web1/ip"
expect_ms 300 "ls" ls -l "$mnt" "$mnt/web2"
expect_interrupt "and can be interrupted" "$pid"
fake off
unmount
