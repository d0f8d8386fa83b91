#!/usr/bin/env bash
# Goal: twenty clones of one machine are asked for at once, all come, and each has what the machine had.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web
check "something is kept" run_script web 'echo kept >/root/what'
n=20 pids=()
for i in $(seq "$n"); do
	mkdir "$mnt/.images/machines/web/copy$i" &
	pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do
	wait "$pid" || failed=$((failed + 1))
done
expect "each mkdir succeeds" 0 "$failed"
expect "all show at once" $((n + 1)) "$(find "$mnt" -maxdepth 1 -mindepth 1 ! -name '.*' | wc -l)"
stopped() {
	[ "$(cat "$mnt"/copy*/state | grep -cx stopped)" -eq "$n" ]
}
check "all are made" wait_for 60 stopped
expect "the machine runs on" running "$(cat "$mnt/web/state")"
expect "their ids are their own" $((n + 1)) \
	"$(grep -h '"id"' "$mnt"/*/config | sort -u | wc -l)"
check "one is started" put $'start\n' "$mnt/copy$n/state"
check "and asked" run_script "copy$n" 'cat /root/what'
expect "it has what the machine had" kept "$(cat "$mnt/copy$n/exec")"

expect_match "a name that is taken is refused" 'exists' \
	"$(mkdir "$mnt/.images/machines/web/copy1" 2>&1)"
expect_match "so is that of a snapshot" 'Invalid argument' \
	"$(mkdir "$mnt/.images/machines/web/web--snap--x" 2>&1)"
expect_match "which says why" 'made in snapshots/' "$(cat "$mnt/.orbfs/error")"
unmount
