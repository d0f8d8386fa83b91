#!/usr/bin/env bash
# Goal: stats of a machine are what the machine itself measures, once a second at most, and wake nobody.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web
of() { # KEY: its number, without a fraction
	awk -v k="$1" '$1 == k { printf "%.0f\n", $2 }' "$work/stats"
}
hundredths() { # KEY
	awk -v k="$1" '$1 == k { printf "%.0f\n", $2 * 100 }' "$work/stats"
}
look() {
	cat "$mnt/web/stats" >"$work/stats"
}
# near SENTENCE A B MOST: they differ by no more
near() {
	local off=$(($2 - $3))
	check "$1 ($2, $3)" test "${off#-}" -le "$4"
}
calls_for_stats() {
	awk '$1 == "engine_vitals" { print $2 }' "$mnt/.orbfs/stats"
}
check "stats are there" look
looked=$(date +%s)
check_fails "each line is a key and a number" \
	grep -vxE '[a-z0-9_]+ [0-9]+(\.[0-9]+)?' "$work/stats"
for key in uptime load1 load5 load15 cpu_time memory_used memory_total \
	disk_used disk_total net_received net_sent processes; do
	check "$key is there" test -n "$(of "$key")"
done

pid=$(pid1 web)
started=$(stat -c %Y "/proc/$pid")
near "uptime is that of the machine" "$(of uptime)" \
	$((looked - started)) 3
expect "memory_total is what the machine sees" \
	"$(guest web awk '/^MemTotal/ { printf "%.0f", $2 * 1024 }' /proc/meminfo)" \
	"$(of memory_total)"
near "disk_total is what df says in there" "$(of disk_total)" \
	"$(guest web df -kP / | awk 'NR == 2 { printf "%.0f", $2 * 1024 }')" \
	10000000
check "memory_used is less than all" test "$(of memory_used)" -lt \
	"$(of memory_total)"
check "disk_used as well" test "$(of disk_used)" -le "$(of disk_total)"

# It moves with what the machine does.
before=$(of processes) cpu=$(hundredths cpu_time) received=$(of net_received)
used=$(of memory_used)
interruptible cat >"$mnt/web/exec" <<'END' &
perl -e 'my $x = "a" x (50 << 20); 1 while (times)[0] < 0.4;
	system "touch /tmp/grown"; <STDIN>; sleep 600' & sleep 600 & wait
END
writer=$!
check "a program grows in there" wait_for 60 guest web test -e /tmp/grown
fresh() { # KEY LEAST
	look
	[ "$(of "$1")" -ge "$2" ]
}
check "processes are counted" wait_for 30 fresh processes $((before + 2))
check "memory_used grows with them" wait_for 30 fresh memory_used \
	$((used + (30 << 20)))
check "cpu_time as well" test "$(hundredths cpu_time)" -gt $((cpu + 30))
guest web sh -c 'exec 2>/dev/null; echo >/dev/udp/1.2.3.4/9' || :
check "net_received is no less than before" test "$(of net_received)" -ge \
	"$received"
interrupt "$writer"

n=$(calls_for_stats)
start=$(now_ms)
readers=()
for i in $(seq 20); do
	cat "$mnt/web/stats" >/dev/null &
	readers+=($!)
done
wait "${readers[@]}"
# One for each second that it took, and for what was begun of one.
seconds=$((($(now_ms) - start) / 1000))
check "twenty who read at once cost one question, or two" test \
	"$(calls_for_stats)" -le $((n + 2 + seconds))

put stop "$mnt/web/state"
n=$(calls_for_stats)
expect "a machine that is stopped has none" "" "$(cat "$mnt/web/stats")"
expect "nobody asked it" "$n" "$(calls_for_stats)"
expect "nor started it" stopped "$(cat "$mnt/web/state")"
unmount
