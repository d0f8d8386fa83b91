#!/usr/bin/env bash
# Goal: a file manager's window of 200 machines costs one list, and touches no guest.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/window.sh"

engine fake
fake seed 200 m running
# The list lasts as long as this, so that a second one would be a needless one.
mount_orbfs -o drafts,ttl=3600
harmless m1
refresh
: >"$work/fake/calls"

check "gio lists them with all attributes" \
	gio list -l -h -a '*' "$mnt"
expect "all of them" 200 "$(gio list "$mnt" | grep -c '^m')"
check "gio tells all of one" gio info -a '*' "$mnt/m1"
expect "of the engine there was asked" "list" "$(cut -f 3 "$work/fake/calls")"

open_window "$mnt"
mkdir -p "$work/elsewhere"
go "$work/elsewhere"
go "$mnt"
key ctrl+a
key Home
go "$mnt/m7"
expect "a window asks for no more" 1 "$(calls)"
check_fails "there is no trash on it" gio trash "$mnt/m7/state"
check_fails "nor for a machine" gio trash "$mnt/m8"
expect "no machine is gone" 200 "$(gio list "$mnt" | grep -c '^m')"
expect "none was touched" 0 "$(calls run)"

unmount
