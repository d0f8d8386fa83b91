#!/usr/bin/env bash
# Goal: names that no machine can have never reach the engine.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 1 web running
mount_orbfs -o ttl=0
noise=".DS_Store ._web1 .Trashes .Spotlight-V100 .hidden .fseventsd .git
	.Trash-0 .localized ._. .metadata_never_index -rf"
need python3 "to rename"

cd "$mnt/web1" || exit
ls "$mnt" >/dev/null
before=$(calls)
for name in $noise desktop.ini Thumbs.db; do
	expect_errno "$name is not there" ENOENT stat "$mnt/$name"
done
expect_errno "a name with a control character is not there" ENOENT \
	stat "$mnt/"$'Icon\r'
expect_errno "a name beyond all lengths says so" ENAMETOOLONG \
	stat "$mnt/$(printf 'n%.0s' {1..256})"
for name in .DS_Store desktop.ini .hidden; do
	expect_errno "a machine has no $name" ENOENT stat "./$name"
done
stat "$mnt/.orbfs/version" "$mnt/.orbfs/config" >/dev/null
cat "$mnt/.orbfs/version" "$mnt/.orbfs/stats" >/dev/null
expect "no orbctl call came of all that" "$before" "$(calls)"

for name in $noise; do
	expect_match "$name cannot be made" '^(EINVAL|EPERM)$' \
		"$(errno_of mkdir -- "$mnt/$name")"
	expect_errno "$name cannot be removed" ENOENT rmdir -- "$mnt/$name"
	expect_match "no machine can be called $name" '^(EINVAL|EPERM)$' \
		"$(errno_of rename "$mnt/web1" "$mnt/$name")"
done
cd / || exit
expect "nothing was created" 0 "$(calls create)"
expect "nothing was renamed" 0 "$(calls rename)"
expect "nothing was deleted" 0 "$(calls delete)"
expect "the machine is there as before" "$ours web1" \
	"$(names "$mnt")"
unmount
