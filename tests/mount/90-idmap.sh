#!/usr/bin/env bash
# Goal: with -o idmap=user a machine's default user is shown as who mounted.
. "$(dirname "$0")/files.sh"

mount_orbfs -o idmap=user,user=me
expect "the mount says how it shows owners" "idmap user" \
	"$(grep idmap "$mnt/.orbfs/config")"
make_machine one
f=$(files one) n=$(native one)
me=$(as_root one 'id -u me'):$(as_root one 'id -g me')
check "the machine has a user of its own" test "$me" != 0:0
as_root one 'install -d -o me -g me /srv/mine && echo x >/srv/mine/file &&
	chown me:me /srv/mine/file && echo x >/srv/roots'

owner() {
	stat -c %u:%g "$1"
}
expect "that user's files are shown as mine" 0:0 "$(owner "$f/srv/mine/file")"
expect "also in a listing" 0:0 "$(find "$f/srv/mine" -name file -printf %U:%G)"
expect "mine are shown as that user's" "$me" "$(owner "$f/srv/roots")"
put new "$f/srv/mine/new"
expect "a new file is shown as mine" 0:0 "$(owner "$f/srv/mine/new")"
expect "and is that user's in the machine" "$me" "$(owner "$n/srv/mine/new")"
check "chown to me" chown 0:0 "$f/srv/roots"
expect "makes it that user's" "$me" "$(owner "$n/srv/roots")"
expect "and is shown as mine" 0:0 "$(owner "$f/srv/roots")"
check "chown to that user's number" chown "$me" "$f/srv/roots"
expect "makes it root's" 0:0 "$(owner "$n/srv/roots")"
check "another number" chown 4321:1234 "$f/srv/roots"
expect "stays what it is" "4321:1234 4321:1234" \
	"$(owner "$f/srv/roots") $(owner "$n/srv/roots")"
unmount

mount_orbfs -o idmap=user,allow_other
touch "$f/srv/mine/shared"
expect "with allow_other a new file of mine is that user's, too" "$me" \
	"$(owner "$n/srv/mine/shared")"
unmount

mount_orbfs
expect "without it numbers are as they are" "$me" \
	"$(owner "$f/srv/mine/file")"
unmount
