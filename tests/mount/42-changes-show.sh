#!/usr/bin/env bash
# Goal: what changes elsewhere shows in an open window at its next look.
. "$(dirname "$0")/lib.sh"
need gio "to watch a directory as file managers do"

engine fake
fake seed 3 m running
mount_orbfs
harmless m1
elsewhere() {
	"$work/fake/orbctl" "$@" </dev/null
}

# Watches as a window does. Linux tells it of what is done on this mount, and of
# a machine that is gone as soon as somebody has looked.
gio monitor -d "$mnt" -d "$mnt/m2" >"$work/told" 2>&1 &
monitor=$!
told() {
	grep -qE "$1" "$work/told"
}
made() {
	mkdir -p "$mnt/probe$((++n))" && told 'probe[0-9]*: created'
}
n=0
check "it watches" wait_for 30 made
check "a machine is made here" mkdir "$mnt/mine"
check "is told" wait_for 30 told 'mine: created'
check "and one that is renamed" rename "$mnt/mine" "$mnt/other"
check "is told" wait_for 30 told 'other'

elsewhere create debian new1 >/dev/null
listed() {
	[[ " $(names "$mnt") " == *" $1 "* ]]
}
unlisted() {
	! listed "$1"
}
check "a machine that is made elsewhere shows soon" wait_for 30 listed new1
elsewhere delete -f m2 >/dev/null
check "one that is deleted elsewhere goes soon" wait_for 30 unlisted m2
check "and is told to who watches it" wait_for 30 told 'm2: deleted'
expect_errno "its directory is gone" ENOENT stat "$mnt/m2"
elsewhere stop m3 >/dev/null
check "a new state shows soon" wait_for 30 is "$mnt/m3/state" stopped

# The time of the root tells programs that look from time to time.
before=$(stat -c %Y.%y "$mnt")
elsewhere create debian new2 >/dev/null
moved() {
	[ "$(stat -c %Y.%y "$mnt")" != "$before" ]
}
check "the root's time moves soon" wait_for 30 moved
kill "$monitor"
wait "$monitor" 2>/dev/null
unmount
