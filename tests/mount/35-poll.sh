#!/usr/bin/env bash
# Goal: a program can wait for a machine's state in poll(2), and wakes whoever
# changed it; nobody waiting costs nothing.
. "$(dirname "$0")/lib.sh"

# await FILE SECONDS: wait in poll(2) for a change, print what the file says
# then; "nothing" when none came. Says "waiting" first.
await() {
	python3 -c '
import os, select, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
os.read(fd, 100)
p = select.poll()
p.register(fd, select.POLLPRI)
print("waiting", flush=True)
if p.poll(float(sys.argv[2]) * 1000):
    print(os.pread(fd, 100, 0).decode(), end="", flush=True)
else:
    print("nothing", flush=True)' "$@"
}

# awaits N: how many wait by now.
awaits() {
	[ "$(cat "$work"/await.* | grep -c waiting)" -eq "$1" ]
}

engine fake
fake seed 2 web running
mount_orbfs
for i in 1 2 3; do
	await "$mnt/web1/state" 60 >"$work/await.$i" &
	waiting[i]=$!
done
check "three wait" wait_for 30 awaits 3
check "the machine is stopped through the mount" put stop "$mnt/web1/state"
for i in 1 2 3; do
	wait "${waiting[i]}"
	expect_match "waiter $i wakes" 'waiting.(stopping|stopped)' \
		"$(cat "$work/await.$i")"
done

rm "$work"/await.*
await "$mnt/web2/state" 60 >"$work/await.1" &
check "one waits" wait_for 30 awaits 1
"$work/fake/orbctl" stop web2 >/dev/null
expect_within 10 "it wakes when the machine is stopped elsewhere" wait "$!"
expect "and reads the new state" "waiting stopped" "$(xargs <"$work/await.1")"

expect "what does not change wakes nobody" "waiting nothing" \
	"$(await "$mnt/web2/state" 0.3 | xargs)"
before=$(called ".*")
expect "of a file that never changes neither" "waiting nothing" \
	"$(await "$mnt/.orbfs/version" 1.5 | xargs)"
expect "and nothing is asked for it" "$before" "$(called ".*")"
