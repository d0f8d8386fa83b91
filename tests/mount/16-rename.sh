#!/usr/bin/env bash
# Goal: mv renames a machine, never more, and never silently less.
. "$(dirname "$0")/lib.sh"
need python3 "to rename"

engine fake
fake seed 3 web running
fake seed 2 db stopped
mount_orbfs
put $'echo mine >out; echo hello\n' "$mnt/web1/exec"
ip=$(cat "$mnt/web1/ip")
exec 5<"$mnt/web1/state"

check "mv renames a machine" mv "$mnt/web1" "$mnt/shop"
expect "by orbctl's rename" 1 "$(called 'rename web1 shop')"
expect "the new name is there, the old is not" \
	"$ours db1 db2 shop web2 web3" "$(names "$mnt")"
expect "it runs as before" running "$(cat "$mnt/shop/state")"
expect "it has its address" "$ip" "$(cat "$mnt/shop/ip")"
expect_match "config tells the new name" '"name":.*"shop"' \
	"$(cat "$mnt/shop/config")"
expect "the record of the last run came along" hello "$(cat "$mnt/shop/exec")"
expect "an open file stays open" running "$(cat <&5)"
exec 5<&-
check "scripts run under the new name" put $'cat out\n' "$mnt/shop/exec"
expect "in the same machine" mine "$(cat "$mnt/shop/exec")"
expect_errno "the old name is gone" ENOENT cat "$mnt/web1/state"
check "the old name is free" mkdir "$mnt/web1"
check "and can be had back" mv "$mnt/web1" "$mnt/web9"
expect "a stopped machine can be renamed" 0 "$(errno_of mv "$mnt/db1" "$mnt/dbx")"
expect "it stays stopped" stopped "$(cat "$mnt/dbx/state")"

# What mv must not do.
renames=$(calls rename)
expect_errno "onto another machine" EEXIST mv -T "$mnt/shop" "$mnt/web2"
expect_errno "into another machine" EPERM mv "$mnt/shop" "$mnt/web2"
expect_errno "into .orbfs" EPERM mv "$mnt/shop" "$mnt/.orbfs"
expect_errno "into run" EPERM rename "$mnt/shop" "$mnt/web2/run/x"
expect_errno "a control file" EPERM rename "$mnt/shop/state" "$mnt/shop/x"
expect_errno "a control file onto another" EPERM \
	rename "$mnt/shop/state" "$mnt/shop/exec"
expect_errno "a control file into the root" EPERM \
	rename "$mnt/shop/state" "$mnt/x"
expect_errno "one machine's control file onto another's" EPERM \
	rename "$mnt/shop/exec" "$mnt/web2/exec"
expect_errno "run" EPERM rename "$mnt/shop/run" "$mnt/shop/x"
expect_errno "one that is not there" ENOENT rename "$mnt/none" "$mnt/x"
check "onto itself is nothing" rename "$mnt/shop" "$mnt/shop"
check_fails "out of the mount" mv "$mnt/shop" "$work/shop"
check_fails "out of the mount, a stopped one" mv "$mnt/db2" "$work/db2"
echo true >"$work/file"
check_fails "a file into the root" mv "$work/file" "$mnt/"
check_fails "a file into a machine" mv "$work/file" "$mnt/shop/new"
mkdir "$work/dir"
check_fails "a directory into the root" mv "$work/dir" "$mnt/shop"
expect "orbctl was asked for none of that" "$renames" "$(calls rename)"
expect "least of all to delete" 0 "$(calls delete)"
expect "all machines are there" "$ours db2 dbx shop web2 web3 web9" \
	"$(names "$mnt")"
expect_match "exchanging two machines is not offered" '^(EINVAL|EPERM|EEXIST)$' \
	"$(errno_of python3 -c 'import ctypes, os, sys
c = ctypes.CDLL(None, use_errno=True)
a, b = (s.encode() for s in sys.argv[1:])
if c.renameat2(-100, a, -100, b, 2):
    sys.exit(os.strerror(ctypes.get_errno()))' "$mnt/shop" "$mnt/web2")"

# A slow one.
fake on late.rename held
expect_ms 1000 "mv of a slow engine returns" mv "$mnt/web2" "$mnt/slow"
expect "the new name shows at once" running "$(cat "$mnt/slow/state")"
expect_errno "the old name is gone" ENOENT stat "$mnt/web2"
expect_errno "one change at a time" EBUSY rename "$mnt/slow" "$mnt/slow2"
expect "its error says so" \
	"rename: slow is running; wait for the end of that" \
	"$(cat "$mnt/slow/error")"
expect_ms 300 "ls meanwhile" ls -l "$mnt" "$mnt/slow"
put $'echo 2\n' "$mnt/slow/exec" & pid=$!
wait_asks "$pid"
check "what needs it waits for the end" _is_alive "$pid"
fake off
wait "$pid"
expect "and runs then" 0 "$?"
expect "in it" 2 "$(cat "$mnt/slow/exec")"

# Failures.
fake on fail.rename 1 1 "[-32098] machine already exists: 'gone'"
expect_errno "a name that was taken elsewhere is EEXIST" EEXIST \
	rename "$mnt/web3" "$mnt/gone"
expect_match "the machine's error says so" "rename: .*already exists" \
	"$(cat "$mnt/web3/error")"
check_fails "the new name is not there" test -e "$mnt/gone"
fake on disk-full.web3
fake set web3 disk_bytes 1000000
expect_errno "a full disk is ENOSPC" ENOSPC mv "$mnt/web3" "$mnt/gone"
expect_match "its error says what to do" "no space left.*disk 0" \
	"$(cat "$mnt/web3/error")"
refresh
check "that advice is good" put $'disk 0\n' "$mnt/web3/config"
check "it can be renamed then" mv "$mnt/web3" "$mnt/free"
expect "its error is empty then" "" "$(cat "$mnt/free/error")"
fake on delay.rename held
fake on disk-full.free
check "mv that fails later returns" mv "$mnt/free" "$mnt/short"
expect "the new name shows at first" running "$(cat "$mnt/short/state")"
fake off delay.rename
check "then the old name is back" wait_for 30 test -e "$mnt/free/state"
expect_match "with the reason" "rename: .*no space left" \
	"$(cat "$mnt/free/error")"
check_fails "and the new name is gone" test -e "$mnt/short"
fake off
fake on fail.rename 1 2 'panic: boom'
expect_errno "a panic is EIO" EIO rename "$mnt/free" "$mnt/short"
check "and nothing has changed" test -e "$mnt/free/state"

# Done, although the call failed: the look after it tells.
fake on late.rename 1.5
rename "$mnt/free" "$mnt/done"
fake off
check "it has its new name" wait_for 30 is "$mnt/done/error" ""

# Renamed elsewhere: the same machine under another name.
put $'echo kept\n' "$mnt/done/exec"
"$work/fake/orbctl" rename "done" elsewhere
refresh
check "a rename that was made elsewhere shows" test -e "$mnt/elsewhere/state"
check_fails "and the old name is gone" test -e "$mnt/done"
expect "it is the same machine: its record is there" kept \
	"$(cat "$mnt/elsewhere/exec")"
unmount
