#!/usr/bin/env bash
# Goal: every operation does below files/ what it does in a local directory.
# Deadline: 180
. "$(dirname "$0")/files.sh"

compare() { # SENTENCE [ARGUMENT...]
	local sentence=$1 here there
	shift
	here=$(files one)/srv/here there=$(native one)/srv/there
	mkdir -p "$here" "$there"
	if "$FILES/compare" "$@" "$here" "$there" >"$work/compared" 2>&1; then
		_ok "$sentence: $(tail -n 1 "$work/compared")"
	else
		_not_ok "$sentence" "$(grep -v '^ok' "$work/compared")"
	fi
	rm -rf "$here" "$there"
}

mount_orbfs
make_machine one
compare "as the owner of the mount"
unmount
mount_orbfs -o allow_other,default_permissions
compare "as one user among others" -u 12345
unmount
