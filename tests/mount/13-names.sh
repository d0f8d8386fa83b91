#!/usr/bin/env bash
# Goal: bad names are refused before anything is spawned, each with its reason.
. "$(dirname "$0")/lib.sh"
need python3 "to rename"

engine fake
fake seed 2 web stopped
mount_orbfs -o ttl=3600
ls "$mnt" >/dev/null
listed=$(calls)

# refused NAME ERRNO REGEX
refused() {
	local shown=${1//$'\n'/?}
	shown=${shown:0:20}
	expect_errno "mkdir of '$shown' is $2" "$2" mkdir -- "$mnt/$1"
	expect_match "and .orbfs/error says why" "$3" \
		"$(cat "$mnt/.orbfs/error")"
	expect "in one line" 1 "$(wc -l <"$mnt/.orbfs/error")"
	expect_errno "mv to '$shown' is $2" "$2" rename "$mnt/web1" "$mnt/$1"
	expect_match "and the machine's error says why" "rename: .*$3" \
		"$(cat "$mnt/web1/error")"
}

why="cannot be a machine's name"
refused Web EINVAL "'Web' $why"
refused my_web EINVAL "'my_web' $why"
refused my.web EINVAL "'my.web' $why"
refused "my web" EINVAL "'my web' $why"
refused web- EINVAL "'web-' $why"
refused -web EINVAL "'-web' $why"
refused --all EINVAL "'--all' $why"
refused wéb EINVAL "$why"
refused $'we\nb' EINVAL "$why"
refused docker EINVAL "'docker' $why"
refused all EINVAL "'all' $why"
refused default EINVAL "'default' $why"
refused list EINVAL "'list' $why"
refused 'a;rm' EINVAL "$why"
# shellcheck disable=SC2016 # as it is
refused '$(id)' EINVAL "$why"
refused .web EINVAL "'.web' $why"
refused '*' EINVAL "$why"
refused "untitled folder" EINVAL "$why"
refused "$(printf 'n%.0s' {1..64})" ENAMETOOLONG "at most 63 characters"
refused "$(printf 'n%.0s' {1..255})" ENAMETOOLONG "at most 63 characters"
expect_errno "a name that no system call takes" ENAMETOOLONG \
	mkdir "$mnt/$(printf 'n%.0s' {1..256})"

# Names that are taken.
expect_errno "mkdir of a machine" EEXIST mkdir "$mnt/web2"
expect_errno "mkdir of .orbfs" EEXIST mkdir "$mnt/.orbfs"
expect_errno "mv onto another machine" EEXIST rename "$mnt/web1" "$mnt/web2"
expect "says that the name is taken" "rename: web2: the name is taken" \
	"$(cat "$mnt/web1/error")"
expect_errno "mv onto .orbfs" EPERM rename "$mnt/web1" "$mnt/.orbfs"
expect_errno "mv of .orbfs" EPERM rename "$mnt/.orbfs" "$mnt/other"
expect_errno "a bad name is not there to be removed" ENOENT \
	rmdir -- "$mnt/Web"

expect "not one orbctl call came of it" "$listed" "$(calls)"
expect "the machines are there as before" "$ours web1 web2" "$(names "$mnt")"

# Names that are good.
n=0
for name in a 0 9lives x--y "$(printf 'n%.0s' {1..63})"; do
	check "mkdir of '${name:0:20}'" mkdir "$mnt/$name"
	n=$((n + 1))
done
expect "each was created" "$n" "$(calls create)"
expect ".orbfs/error is empty after success" "" "$(cat "$mnt/.orbfs/error")"
unmount
