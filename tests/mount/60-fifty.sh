#!/usr/bin/env bash
# Goal: fifty machines are made, used, stopped and deleted at once, and nothing stays on the host.
. "$(dirname "$0")/machines.sh"

mount_orbfs
names=()
for i in {1..50}; do
	names+=("m$i")
done

# each SENTENCE FUNCTION: for all at once; how many failed?
each() {
	local name pid pids=() bad=0
	for name in "${names[@]}"; do
		"$2" "$name" 2>>"$work/said" &
		pids+=("$!")
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || bad=$((bad + 1))
	done
	expect "$1" "0 of 50 failed" "$bad of 50 failed"
	[ "$bad" -eq 0 ] || head -n 5 "$work/said"
	: >"$work/said"
}
create() {
	mkdir "$mnt/$1"
}
introduce() {
	echo 'hostname; ip -o -4 addr show dev eth0 | sed "s/.*inet //; s/\/.*//"; echo "$$" >/root/mark' \
		>"$mnt/$1/exec" && cat "$mnt/$1/exec" >"$work/said.$1"
}
halt() {
	echo stop >"$mnt/$1/state"
}
begin() {
	echo start >"$mnt/$1/state"
}
recall() {
	echo 'test -s /root/mark && hostname' >"$mnt/$1/exec" &&
		is "$mnt/$1/exec" "$1"
}
drop() {
	rmdir "$mnt/$1"
}
in_state() { # in_state WORD N
	[ "$(cat "$mnt"/m*/state | grep -cx "$1")" -eq "$2" ]
}

stopwatch each "fifty mkdirs at once" create
expect "fifty are listed" 50 "$(find "$mnt" -maxdepth 1 -name 'm*' | wc -l)"
# exec waits for a machine that is being made.
each "fifty scripts at once" introduce
check "all run" wait_for 30 in_state running 50
expect "each has its own host name" "$(printf '%s\n' "${names[@]}" | sort)" \
	"$(head -qn 1 "$work"/said.m* | sort)"
expect "and its own address" 50 "$(sed -sn 2p "$work"/said.m* | sort -u | wc -l)"
expect "which ip shows" "$(sed -sn 2p "$work"/said.m* | sort)" \
	"$(head -qn 1 "$mnt"/m*/ip | sort)"
remember_machines
expect "much is there to be cleared" 50 "$(grep -c '^id' "$seen")"
check "namespaces as well" test "$(grep -c '^ns' "$seen")" -ge 250
check "and what is left is seen" test -n "$(_left)"

each "fifty stops at once" halt
expect "all are stopped" 50 "$(cat "$mnt"/m*/state | grep -cx stopped)"
expect "none has an address" "" "$(cat "$mnt"/m*/ip)"
each "fifty starts at once" begin
each "fifty scripts at once find what was kept" recall
remember_machines
each "fifty stops at once, again" halt
each "fifty rmdirs at once" drop
gone() {
	[ -z "$(ls "$mnt")" ] && [ "$(orbctl_local list -f json)" = "[]" ]
}
check "none is listed, neither here nor by the engine" wait_for 30 gone
expect_nothing_left "nothing of them is left on the host"
unmount
