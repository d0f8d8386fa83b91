#!/usr/bin/env bash
# Goal: .orbfs tells of the daemon and takes commands; two daemons get along.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 2 web running
mount_orbfs -o ttl=3600
own=$mnt/.orbfs

expect_match "version" '^orbfs [0-9]+\.[0-9]+' "$(cat "$own/version")"
expect "config tells the mount point" "mountpoint $mnt" \
	"$(grep '^mountpoint ' "$own/config")"
expect "and the engine" "engine orbctl" "$(grep '^engine ' "$own/config")"
expect "and how long a list serves" "ttl 3600" "$(grep '^ttl ' "$own/config")"
stat_of() {
	awk -v k="$1" '$1 == k { print $2 }' "$own/stats"
}
cat "$mnt/web1/ip" >/dev/null
put $'true\n' "$mnt/web1/exec"
put jump "$mnt/web1/state" 2>/dev/null
expect "stats count the machines" 2 "$(stat_of machines)"
expect "and the calls" "$(calls list) $(calls info) $(calls run)" \
	"$(stat_of engine_list) $(stat_of engine_info) $(stat_of engine_run)"
no_child() {
	[ "$(stat_of children_running)" -eq 0 ]
}
check "no child runs" no_child
fake on latency 0.1
refresh
ls "$mnt" >/dev/null
fake off
check "and the time that they took" test "$(stat_of engine_list_ms)" -ge 100
hits=$(stat_of cache_hits)
cat "$mnt/web1/state" >/dev/null
check "what was at hand is counted" test "$(stat_of cache_hits)" -gt "$hits"
exec 5<"$mnt/web1/ip" 6<"$mnt/web2/ip"
expect "open files are counted" 3 "$(stat_of handles)"
exec 5<&- 6<&-
check "memory is told" test "$(stat_of memory)" -gt 1000000
expect "no machine's files/ are connected" 0 "$(stat_of guests)"
requests=$(stat_of requests)
ls -l "$mnt" >/dev/null
check "requests are counted" test "$(stat_of requests)" -gt "$requests"

# ctl.
n=$(calls list)
ls "$mnt" >/dev/null
expect "the list is kept" "$n" "$(calls list)"
check "refresh" put $'refresh\n' "$own/ctl"
ls "$mnt" >/dev/null
expect "makes the next look ask" $((n + 1)) "$(wait_for 30 no_child; calls list)"
check "forget" put $'forget web1\n' "$own/ctl"
expect "forgets errors and records" "" \
	"$(cat "$mnt/web1/error" "$mnt/web1/exec" "$mnt/web1/run/last/status")"
expect "not the machine" running "$(cat "$mnt/web1/state")"
check "log-level" put $'log-level 3\n' "$own/ctl"
check "log-level back" put 'log-level 2' "$own/ctl"
refused() { # TEXT ERRNO REGEX
	expect_errno "'${1%$'\n'}' is $2" "$2" put "$1" "$own/ctl"
	expect_match "and .orbfs/error says why" "$3" "$(cat "$own/error")"
}
refused $'forget nobody\n' ENOENT "no machine 'nobody'"
refused $'forget\n' EINVAL "'forget' is no command"
refused $'refresh now\n' EINVAL "is no command"
refused $'log-level 9\n' EINVAL "log-level: 0 "
refused $'log-level x\n' EINVAL "log-level: 0 "
refused $'stop\n' EINVAL "'stop' is no command"
check "a good one" put $'refresh\n' "$own/ctl"
expect "clears the error" "" "$(cat "$own/error")"
check "touch and : > do nothing" eval 'touch "$own/ctl"; : >"$own/ctl"'

# Another daemon with the same engine.
first_mnt=$mnt first=$daemon
mnt=$work/other
mount_orbfs
check "a second daemon on another mount point" ls "$mnt"
mkdir "$mnt/fresh"
shows() {
	echo refresh >"$first_mnt/.orbfs/ctl"
	is "$first_mnt/fresh/state" running
}
check "each shows what the other made" wait_for 30 shows
put $'echo one >both\n' "$first_mnt/fresh/exec"
put $'cat both\n' "$mnt/fresh/exec"
expect "and both work on it" one "$(cat "$mnt/fresh/exec")"
put stop "$first_mnt/fresh/state"
check "deleted by the one" rmdir "$first_mnt/fresh"
renew
expect "the other's next look at the root shows it" "$ours web1 web2" \
	"$(names "$mnt")"
check "and it is gone" wait_for 30 eval '! test -e "$mnt/fresh/state"'
unmount
expect "the first serves on" running "$(cat "$first_mnt/web1/state")"
mnt=$first_mnt daemon=$first
unmount
