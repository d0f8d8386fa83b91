#!/usr/bin/env bash
# Goal: archives of real machines are whole, made while they run, taken back as machines; what breaks off leaves nothing.
. "$(dirname "$0")/machines.sh"

export TMPDIR=$work/tmp # where archives lie on their way
mkdir -p "$TMPDIR"
for program in zstd tar; do
	need "$program" "to look into archives"
done
mount_orbfs
make_machine web
archive=$mnt/web/archive.tar.zst

# nothing_under_way: no stash, no program that works on one.
nothing_under_way() {
	[ -z "$(find "$TMPDIR" -mindepth 2 2>/dev/null)" ] &&
		! cat /proc/[0-9]*/cmdline 2>/dev/null | grep -qaF "$TMPDIR"
}
machines() {
	orbctl_local list -q | sort | paste -sd ' '
}
run_script web 'echo kept >/srv/what; ln -s what /srv/link
head -c 3000000 /dev/urandom >/srv/noise; sha256sum </srv/noise >/srv/sum
setfattr -n user.a -v b /srv/what 2>/dev/null; mkfifo /srv/pipe'
sum=$(cat "$mnt/web/files/srv/sum")

check "a machine that runs is exported" cp "$archive" "$work/web.tar.zst"
expect "it runs on" running "$(cat "$mnt/web/state")"
check "the archive is whole" zstd -tq "$work/web.tar.zst"
check "it lists its files" eval \
	'zstd -dc "$work/web.tar.zst" | tar -t | grep srv/noise'
check "nothing is under way" wait_for 30 nothing_under_way

check "two read at once" eval '
	cat "$archive" >"$work/1" & one=$!
	cat "$archive" >"$work/2" && wait "$one"'
check "the first has it whole" zstd -tq "$work/1"
check "and the second" zstd -tq "$work/2"
check "a piece is read" eval 'head -c 1000 "$archive" | cmp -n 4 - "$work/1"'
check "who goes away ends the export" wait_for 30 nothing_under_way

# A large one, interrupted: TERM ends who reads, the engine's program, and all.
run_script web 'head -c 60000000 /dev/urandom >/srv/large'
interruptible cp "$archive" "$work/part" 2>/dev/null &
reader=$!
check "it is read" wait_for 30 test -s "$work/part"
expect_interrupt "Ctrl-C frees who reads" "$reader" ended
check "and ends the export" wait_for 30 nothing_under_way
expect "the machine runs on" running "$(cat "$mnt/web/state")"
check "and works" run_script web 'rm /srv/large'
exec 3<"$archive"
dd bs=1 count=1 <&3 >/dev/null 2>&1
expect_errno "while it is read it cannot go" EBUSY rmdir "$mnt/web"
exec 3<&-
check "then it can be stopped" put stop "$mnt/web/state"
check "one that is stopped is exported" cp "$archive" "$work/stopped.tar.zst"
check "the archive is whole" zstd -tq "$work/stopped.tar.zst"

# And back.
check "a copy of it into the root" cp "$work/web.tar.zst" "$mnt/back.tar.zst"
expect "is a machine at once" stopped "$(cat "$mnt/back/state")"
check_fails "and the file is none" test -e "$mnt/back.tar.zst"
check "it starts" put start "$mnt/back/state"
check "and is asked" run_script back 'sha256sum </srv/noise; readlink /srv/link
	[ -p /srv/pipe ] && hostname'
expect "it has all that it had" "$sum"$'\nwhat\nback' "$(cat "$mnt/back/exec")"
check "cp -p works as well" cp -p "$work/stopped.tar.zst" "$mnt/second.tar.zst"
expect "and makes one" stopped "$(cat "$mnt/second/state")"
check "so does mv" mv "$work/stopped.tar.zst" "$mnt/third.tar.zst"
expect "which makes one" stopped "$(cat "$mnt/third/state")"
check_fails "and takes the file away" test -e "$work/stopped.tar.zst"
check "cat does" eval 'cat "$work/web.tar.zst" >"$mnt/fourth.tar.zst"'
expect "and makes one" stopped "$(cat "$mnt/fourth/state")"
check "from one machine to the next" cp "$archive" "$mnt/fifth.tar.zst"
expect "makes one" stopped "$(cat "$mnt/fifth/state")"
all="back fifth fourth second third web"
expect "these are all" "$all" "$(machines)"

# What cannot be.
expect_errno "a name that is taken" EEXIST cp "$work/web.tar.zst" \
	"$mnt/back.tar.zst"
expect_errno "a name of no machine" EINVAL cp "$work/web.tar.zst" \
	"$mnt/-a.tar.zst"
expect_errno "a file that is no archive by its name" EPERM cp \
	"$work/web.tar.zst" "$mnt/web.zip"
head -c 20000 "$work/web.tar.zst" >"$work/short"
expect_errno "one that breaks off" EINVAL cp "$work/short" "$mnt/bad.tar.zst"
expect_match "says so" 'bad.tar.zst: the archive breaks off' \
	"$(cat "$mnt/.orbfs/error")"
head -c 20000 /dev/urandom >"$work/junk"
expect_errno "what is none" EINVAL cp "$work/junk" "$mnt/bad.tar.zst"
expect_match "says so" 'no zstd archive' "$(cat "$mnt/.orbfs/error")"
head -c 20000 /dev/urandom | zstd -q >"$work/other"
expect_errno "an archive of something else" EINVAL cp "$work/other" \
	"$mnt/bad.tar.zst"
expect_match "says so" 'bad.*damaged, or of another program' \
	"$(cat "$mnt/.orbfs/error")"
check "an empty file is nothing" eval ': >"$mnt/bad.tar.zst"'
mkfifo "$work/slow"
interruptible cp "$work/slow" "$mnt/bad.tar.zst" 2>/dev/null &
writer=$!
exec 4>"$work/slow"
head -c 20000 "$work/web.tar.zst" >&4
check "one is being written" wait_for 30 test -s "$mnt/bad.tar.zst"
kill -INT "$writer"
writer_ended() {
	! _is_alive "$writer"
}
check "Ctrl-C ends who writes" wait_for 30 writer_ended
exec 4>&-
refresh
expect "nothing is made of any of these" "$all" "$(machines)"
expect "and nothing shown" "$all" "$(names "$mnt" | sed "s/$ours //")"
check "nothing is under way" wait_for 30 nothing_under_way

# Killed meanwhile: the next daemon clears what that one left.
exec 3<"$archive"
dd bs=1 count=1 <&3 >/dev/null 2>&1
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null
exec 3<&-
umount -l "$mnt"
mount_orbfs
check "after a crash it works" cp "$archive" "$work/again.tar.zst"
check "and is whole" zstd -tq "$work/again.tar.zst"
check "what the crash left is gone" wait_for 30 nothing_under_way
remember_machines
for name in $all; do
	put stop "$mnt/$name/state"
	check "$name is deleted" rmdir "$mnt/$name"
done
expect_nothing_left "nothing of them is left"
unmount
