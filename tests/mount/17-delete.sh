#!/usr/bin/env bash
# Goal: rmdir deletes a stopped machine, that one only, and loses none.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 4 web running
fake seed 9 db stopped
mount_orbfs
deleted() {
	calls delete
}

check "rmdir deletes a stopped machine" rmdir "$mnt/db1"
expect "by name, and without a question" 1 "$(called 'delete -f db1')"
expect "its id was checked before" 1 "$(called 'info db1 -f json')"
expect_errno "it is gone" ENOENT stat "$mnt/db1"
expect_errno "it cannot be deleted twice" ENOENT rmdir "$mnt/db1"
check "its name is free" mkdir "$mnt/db1"

# What rmdir must not do.
n=$(deleted)
expect_errno "a running machine" EBUSY rmdir "$mnt/web1"
expect "its error says what to do" \
	"delete: web1 is running; first: echo stop > state" \
	"$(cat "$mnt/web1/error")"
expect_errno ".orbfs" EPERM rmdir "$mnt/.orbfs"
expect_errno "run" EPERM rmdir "$mnt/web2/run"
expect_errno "run/last" EPERM rmdir "$mnt/web2/run/last"
expect_errno "a control file" ENOTDIR rmdir "$mnt/web2/state"
expect_errno "one that is not there" ENOENT rmdir "$mnt/nobody"
expect_errno "a machine is no file" EISDIR unlink "$mnt/db2"
expect_errno "the mount itself" EBUSY rmdir "$mnt"
fake on stuck.web2
renew
expect "one stuck in stopping says so" stopping "$(cat "$mnt/web2/state")"
expect_errno "and is not deleted" EBUSY rmdir "$mnt/web2"
expect_match "its error says so" 'delete: web2 is stopping; .*kill' \
	"$(cat "$mnt/web2/error")"
fake on stuck.web2 hibernating
renew
expect "one in a state that nobody knows" unknown "$(cat "$mnt/web2/state")"
expect_errno "is not deleted" EBUSY rmdir "$mnt/web2"
fake off
expect "orbctl was asked for none of that" "$n" "$(deleted)"

# Started elsewhere since the last look.
ls "$mnt" >/dev/null
cat "$mnt/db2/state" >/dev/null
"$work/fake/orbctl" start db2
expect_errno "one that was started elsewhere just now" EBUSY rmdir "$mnt/db2"
expect "is not deleted" "$n" "$(deleted)"

# The name is another's by now.
ls "$mnt" >/dev/null
fake reid db3
expect_errno "a name that was re-used is not deleted" EIO rmdir "$mnt/db3"
expect "not even at a second try of the kernel" "$n" "$(deleted)"
expect_match ".orbfs/error says so" "db3: .*belongs to another machine" \
	"$(cat "$mnt/.orbfs/error")"
expect "the other machine is shown" stopped "$(cat "$mnt/db3/state")"
check "and can be deleted, when that is meant" rmdir "$mnt/db3"

# Deleted elsewhere.
ls "$mnt" >/dev/null
"$work/fake/orbctl" delete -f db4
n=$(deleted)
check "one that was deleted elsewhere just now is deleted" rmdir "$mnt/db4"
expect "without another call" "$n" "$(deleted)"

# A slow one.
fake on delay.delete held
expect_ms 1000 "rmdir of a slow engine returns" rmdir "$mnt/db5"
check_fails "the machine is not shown any more" test -e "$mnt/db5"
expect_ms 300 "ls meanwhile" ls -l "$mnt" "$mnt/web1"
expect_errno "its name is not free yet" EBUSY mkdir "$mnt/db5"
expect_match ".orbfs/error says why" "db5: .*being deleted" \
	"$(cat "$mnt/.orbfs/error")"
expect_ms 300 "other machines work meanwhile" put $'true\n' "$mnt/web1/exec"
fake off
check "it is free at the end" wait_for 30 mkdir "$mnt/db5"

# Failures.
fake on fail.delete 1 1 '[-32098] delete rootfs: remove all x2: operation not permitted'
expect_errno "a protected file is EPERM" EPERM rmdir "$mnt/db6"
expect_match "the machine is there, with the reason" \
	"delete: .*operation not permitted" "$(cat "$mnt/db6/error")"
expect "and stopped" stopped "$(cat "$mnt/db6/state")"
fake on panic.delete
expect_errno "a panic is EIO" EIO rmdir "$mnt/db6"
fake off
fake on disk-full.db6
fake set db6 disk_bytes 1000000
expect_errno "a full disk is ENOSPC" ENOSPC rmdir "$mnt/db6"
expect_match "its error says what to do" "no space left.*disk 0" \
	"$(cat "$mnt/db6/error")"
refresh
check "that advice is good" put $'disk 0\n' "$mnt/db6/config"
check "it can be deleted then" rmdir "$mnt/db6"

# A failure that comes when rmdir has returned.
fake on latency 0.5
fake on fail.delete always 1 '[-32098] delete db7 data: exit status 1'
check "rmdir that fails later returns" rmdir "$mnt/db7"
check "then the machine is back" wait_for 30 test -e "$mnt/db7/state"
fake off
expect_match "with the reason" "delete: .*exit status 1" \
	"$(cat "$mnt/db7/error")"
check "and can be deleted" rmdir "$mnt/db7"

# Done, although the call failed: the look after it tells.
fake on fail.info 1 1 'machine not found'
check "one of which the engine does not know is gone" rmdir "$mnt/db8"
fake off

# A deletion that never ends holds nothing up.
fake on hang.delete
expect_ms 1000 "rmdir of an engine that hangs returns" rmdir "$mnt/db9"
expect_ms 300 "ls meanwhile" ls -l "$mnt"
check "stop, then rmdir" eval 'put stop "$mnt/web3/state"'
fake off
check "as a user does it" rmdir "$mnt/web3"
unmount
mount_orbfs
expect "what was not deleted is there" stopped "$(cat "$mnt/db9/state")"
unmount
