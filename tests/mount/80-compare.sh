#!/usr/bin/env bash
# Goal: every operation does below files/ what it does in a local directory.
# Deadline: 180
. "$(dirname "$0")/files.sh"

compare() { # SENTENCE DIRECTORY [ARGUMENT...]
	local sentence=$1 here there
	here=$(files one)/$2/here there=$(native one)/$2/there
	shift 2
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
compare "as the owner of the mount" srv
unmount
mount_orbfs -o allow_other,default_permissions
# A memory file system, for another one than the machine's own, and a fast one.
as_root one 'mount -t tmpfs tmpfs /mnt'
compare "as one user among others" mnt -u 12345
unmount
