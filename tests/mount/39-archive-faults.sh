#!/usr/bin/env bash
# Goal: exports and imports are one call of orbctl each; one that fails says why and leaves neither file nor machine.
. "$(dirname "$0")/lib.sh"

need zstd "to make archives"
export TMPDIR=$work/tmp # where archives lie on their way
mkdir -p "$TMPDIR"
engine fake
fake seed 2 web running
fake set web2 state stopped
mount_orbfs
archive=$mnt/web1/archive.tar.zst

# left: what lies about of archives, and runs for them.
left() {
	find "$TMPDIR" -mindepth 2
	cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' |
		grep -aoF "$TMPDIR"
}
nothing_left() {
	[ -z "$(left)" ]
}

expect "the archive is a file to be read" "-r-------- 0" \
	"$(stat -c '%A %s' "$archive")"
check "looking at it asks nobody" eval 'ls -l "$mnt/web1" && touch -c "$archive"
	: <"$archive"'
expect "no export was made" 0 "$(calls export)"
check "it is copied" cp "$archive" "$work/web.tar.zst"
expect "by one export" 1 "$(called "export web1 $TMPDIR/.*\.tar\.zst")"
check "it is whole" zstd -tq "$work/web.tar.zst"
check "nothing is left of it" wait_for 30 nothing_left
expect_errno "it is not written" EACCES cp "$work/web.tar.zst" "$archive"
expect_errno "nor removed" EPERM rm -f "$archive"

# fails_with SENTENCE ERRNO REGEX: the next export does
fails_with() {
	expect_errno "export: $1 is $2" "$2" cp "$archive" "$work/bad"
	expect_match "and the machine's error says why" "$3" \
		"$(cat "$mnt/web1/error")"
	check "nothing is left" wait_for 30 nothing_left
	fake off
}
fake on fail.export 1 1 "[-32098] export 'web1': no space left on device"
fails_with "a full disk" ENOSPC 'no space left.*make room'
fake on fail.export 1 1 "[-32098] machine not found: 'web1'"
fails_with "a machine that went meanwhile" ENOENT 'not found'
fake on fail.export 1 1 '[-32098] something new'
fails_with "anything else" EIO 'export: something new'
fake on panic.export
fails_with "a panic" EIO 'export: panic'
fake on version 1.9.0
fails_with "an old OrbStack" EOPNOTSUPP 'archives need OrbStack 2.0'
check "then it works" cp "$archive" "$work/web.tar.zst"
expect "and the error is gone" "" "$(cat "$mnt/web1/error")"

fake on hang.export
fake on ignore-term
interruptible cp "$archive" "$work/bad" 2>/dev/null &
reader=$!
check "an export hangs" wait_for 30 eval '[ -n "$(left)" ]'
expect_within 1 "nothing else does" ls -l "$mnt/web2"
expect_errno "its machine cannot go" EBUSY rename "$mnt/web1" "$mnt/x"
expect_interrupt "Ctrl-C frees who reads" "$reader"
check "and ends a program that ignores TERM" wait_for 30 nothing_left
fake off

# Imports.
check "an archive is copied in" cp "$work/web.tar.zst" "$mnt/back.tar.zst"
expect "by one import" 1 "$(called "import -n back $TMPDIR/.*\.tar\.zst")"
expect "the machine is there" stopped "$(cat "$mnt/back/state")"
check "nothing is left of the file" wait_for 30 nothing_left
import_fails() { # SENTENCE ERRNO REGEX
	expect_errno "import: $1 is $2" "$2" \
		cp "$work/web.tar.zst" "$mnt/bad.tar.zst"
	expect_match "and .orbfs/error says why" "$3" \
		"$(cat "$mnt/.orbfs/error")"
	fake off
	renew
	expect "no machine, and no file" "$ours back web1 web2" \
		"$(names "$mnt")"
	check "nothing is left" wait_for 30 nothing_left
}
fake on fail.import 1 1 "[-32098] import: no space left on device"
import_fails "a full disk" ENOSPC 'bad: import: .*no space left.*make room'
fake on fail.import 1 1 "[-32098] machine already exists: 'bad'"
import_fails "a name that came meanwhile" EEXIST 'already exists'
fake on fail.import 1 1 "[-32098] import: read archive: unexpected EOF"
import_fails "a damaged one" EINVAL 'damaged, or of another program'
fake on panic.import
import_fails "a panic" EIO 'import: panic'
fake on version 1.9.0
import_fails "an old OrbStack" EOPNOTSUPP 'archives need OrbStack 2.0'
mv "$work/fake/orbctl" "$work/fake/gone"
expect_errno "without orbctl it is ENODEV" ENODEV \
	cp "$work/web.tar.zst" "$mnt/bad.tar.zst"
mv "$work/fake/gone" "$work/fake/orbctl"
n=$(calls import)
head -c 100 "$work/web.tar.zst" >"$work/short"
expect_errno "what breaks off is EINVAL" EINVAL cp "$work/short" \
	"$mnt/bad.tar.zst"
expect_errno "a name that is taken is EEXIST" EEXIST cp "$work/web.tar.zst" \
	"$mnt/web1.tar.zst"
expect "orbctl is asked for neither" "$n" "$(calls import)"
fake on hang.import
interruptible cp "$work/web.tar.zst" "$mnt/bad.tar.zst" 2>/dev/null &
writer=$!
check "an import hangs" wait_for 30 eval '[ "$(calls import)" -gt "$n" ]'
expect_interrupt "Ctrl-C frees who writes" "$writer"
check "and ends the import" wait_for 30 nothing_left
fake off
renew
expect "no machine is made of it" "$ours back web1 web2" "$(names "$mnt")"
unmount
