#!/usr/bin/env bash
# Goal: mkdir creates a machine, and nobody waits for a slow one.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 2 web running
mount_orbfs

# taken SWITCH: the fake has done what it says, as often as it says.
taken() {
	grep -q ' 0$' "$work/fake/switches/$1"
}

# Two that take a while: the image comes at the second try.
fake on create-mode download-cut 1
check "mkdir returns while the image is fetched again" mkdir "$mnt/cut"
expect "it is being created" creating "$(cat "$mnt/cut/state")"
check "the first try fails" wait_for 30 taken create-mode
fake on create-mode image-unreachable 1
check "an image server that is not reached is no end either" mkdir "$mnt/far"
check "its first try fails" wait_for 30 taken create-mode
fake off
tried_ms=$(now_ms)

check "mkdir creates a machine" mkdir "$mnt/fresh"
expect "from the default image" 1 "$(called 'create debian:bookworm fresh')"
check "it runs" wait_for 30 is "$mnt/fresh/state" running
expect_match "it has an address" '^192\.168\.' "$(cat "$mnt/fresh/ip")"
expect_match "and an id" '"id":.*"[0-9A-Z]{26}"' "$(cat "$mnt/fresh/config")"
expect "and no error" "" "$(cat "$mnt/fresh/error")"
expect "its address came with the creation" 1 "$(called 'info fresh .*')"
check "it runs scripts at once" put $'true\n' "$mnt/fresh/exec"
check "mkdir -p of one that is there" mkdir -p "$mnt/fresh"
check "mkdir of several" mkdir "$mnt/s1" "$mnt/s2" "$mnt/s3"
expect "all are there" "$ours cut far fresh s1 s2 s3 web1 web2" "$(names "$mnt")"

# A slow one.
fake on delay.create held
expect_ms 1000 "mkdir of a slow machine returns" mkdir "$mnt/slow"
expect "it is being created" creating "$(cat "$mnt/slow/state")"
expect "it has no address yet" "" "$(cat "$mnt/slow/ip")"
put $'hostname >/dev/null; echo ready\n' "$mnt/slow/exec" & exec_pid=$!
put restart "$mnt/slow/state" & state_pid=$!
put $'cpus 2\n' "$mnt/slow/config" & config_pid=$!
for pid in "$exec_pid" "$state_pid" "$config_pid"; do
	wait_asks "$pid"
done
for look in "$mnt" "$mnt/web1" "$mnt/slow" "$mnt/slow/run/last"; do
	expect_ms 200 "ls ${look#"$work/"} meanwhile" ls -l "$look"
done
expect_ms 200 "stat of a name that is new meanwhile" \
	eval '! stat "$mnt/nobody"'
expect_ms 300 "other machines work meanwhile" put $'true\n' "$mnt/web1/exec"
expect_errno "it cannot be deleted yet" EBUSY rmdir "$mnt/slow"
expect "its error says why" "delete: slow is creating; wait for the end of that" \
	"$(cat "$mnt/slow/error")"
expect_errno "nor be renamed" EBUSY mv -T "$mnt/slow" "$mnt/fast"
check "those who need it wait" _is_alive "$exec_pid"
check "so does a write to state" _is_alive "$state_pid"
check "and to config" _is_alive "$config_pid"
expect "nothing was run yet" 0 "$(called 'run -m slow .*')"
expect "nothing was restarted yet" 0 "$(called 'restart slow')"
fake off delay.create
wait "$exec_pid"
expect "the script ran when the machine did" 0 "$?"
wait "$state_pid"
expect "the write to state came through" 0 "$?"
wait "$config_pid"
expect "the write to config came through" 0 "$?"
expect "the script's output is there" ready "$(cat "$mnt/slow/exec")"
expect "it was restarted" 1 "$(called 'restart slow')"
expect "the setting was made" 1 "$(called 'config set machine.slow.cpu 2')"

# One that the engine shows as starting for a while after create returned.
fake on starting-for 4
check "a machine that starts late" mkdir "$mnt/late"
expect_match "says so" '^(starting|creating)$' "$(cat "$mnt/late/state")"
check "what needs it waits" put $'true\n' "$mnt/late/exec"
expect "until it runs" running "$(cat "$mnt/late/state")"
fake off

# An answer that comes late: what we do counts, not what a list says.
fake on late.create held
expect_ms 1000 "mkdir returns" mkdir "$mnt/silent"
refresh
expect "it is being created until the engine has answered" creating \
	"$(cat "$mnt/silent/state")"
fake off
check "it runs then" wait_for 30 is "$mnt/silent/state" running

# Many at once.
pids=()
for i in {1..20}; do
	mkdir "$mnt/many-$i" & pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do
	wait "$pid" || failed=$((failed + 1))
done
expect "twenty at once all succeed" 0 "$failed"
up() {
	[ "$(cat "$mnt"/many-*/state | sort | uniq -c | xargs)" = "20 running" ]
}
check "and all run" wait_for 30 up
expect "each was created once" 20 "$(called 'create debian:bookworm many-.*')"

# The two of the beginning.
check "the image that broke off came" wait_for 30 is "$mnt/cut/state" running
check "the one out of reach as well" wait_for 30 is "$mnt/far/state" running
check "five seconds later" test "$(($(now_ms) - tried_ms))" -gt 4000
expect "at the second try" 2 "$(called 'create .* cut')"
expect "both" 2 "$(called 'create .* far')"
expect "without an error" "" "$(cat "$mnt/cut/error" "$mnt/far/error")"
unmount

# Options.
mount_orbfs -o image=ubuntu:noble,arch=arm64,user=root
check "mkdir with options" mkdir "$mnt/other"
expect "image, architecture and user are those asked for" 1 \
	"$(called 'create -a arm64 -u root ubuntu:noble other')"
expect_match "and the machine is so" '"arch":.*"arm64"' \
	"$(cat "$mnt/other/config")"
unmount
