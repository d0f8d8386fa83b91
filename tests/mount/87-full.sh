#!/usr/bin/env bash
# Goal: a full disk of the machine is told to who writes, and nothing is lost silently.
. "$(dirname "$0")/files.sh"

mount_orbfs
make_machine one
as_root one 'mkdir -p /srv/small && mount -t tmpfs -o size=4m none /srv/small'
f=$(files one)/srv/small

cat >"$work/write.py" <<'END'
# Write until something says no; print who did, and what of it is there.
import errno, os, sys
path, mode, block = sys.argv[1], sys.argv[2], int(sys.argv[3])
fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
said = None
for i in range(16 * (1 << 20) // block):
    try:
        os.write(fd, bytes([i % 251]) * block)
    except OSError as e:
        said = ("write", e.errno)
        break
if not said and mode == "fsync":
    try:
        os.fsync(fd)
    except OSError as e:
        said = ("fsync", e.errno)
try:
    os.close(fd)
except OSError as e:
    if not said:
        said = ("close", e.errno)
print(said[0] if said else "nobody", errno.errorcode[said[1]] if said else "")
END
for mode in close fsync; do
	for block in 4096 131072 1048576; do
		said=$(python3 "$work/write.py" "$f/full" "$mode" "$block")
		expect_match "16 MiB in blocks of $block do not fit ($said)" \
			'^(write|fsync|close) ENOSPC$' "$said"
		check "what fitted is there" test \
			"$(as_root one 'stat -c %s /srv/small/full')" -gt 3000000
		rm -f "$f/full"
	done
done
head -c 3000000 /dev/urandom >"$work/three"
check "what fits is written" cp "$work/three" "$f/three"
expect_errno "a copy of what does not says so" ENOSPC \
	cp "$work/three" "$f/four"
rm -f "$f/four"
check "what was there is as it was" cmp "$work/three" "$f/three"
rm -f "$f/three"
check "there is room again" cp "$work/three" "$f/five"
expect "df tells of it" 4096 "$(df --output=size -k "$f" | tail -n 1 | xargs)"
expect_errno "fallocate of too much" ENOSPC fallocate -l 8M "$f/six"
unmount

# A read-only file system.
mount_orbfs
# It is busy until the agent of the mount before has ended.
check "it becomes read-only" wait_for 30 \
	as_root one 'mount -o remount,ro /srv/small'
f=$(files one)/srv/small
expect_errno "a read-only file system" EROFS touch "$f/new"
expect_errno "says so" EROFS rm "$f/five"
expect_errno "to each" EROFS bash -c 'echo x >>"$1"' sh "$f/five"
check "and can be read" cmp "$work/three" "$f/five"
as_root one 'umount /srv/small'
unmount
