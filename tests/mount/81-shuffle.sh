#!/usr/bin/env bash
# Goal: 20,000 random operations do the same below files/ and beside it.
. "$(dirname "$0")/files.sh"

# The same ones each time. SHUFFLE has others, as in SHUFFLE='-n 1000000'.
mount_orbfs -o allow_other,default_permissions
make_machine one
here=$(files one)/srv/here there=$(native one)/srv/there
mkdir -p "$here" "$there"
# shellcheck disable=SC2086 # several words
if "$FILES/shuffle" ${SHUFFLE:--s 1 -n 20000} "$here" "$there" \
	>"$work/shuffled" 2>&1; then
	_ok "both sides are the same: $(head -n 1 "$work/shuffled")"
else
	_not_ok "both sides are the same" "$(head -n 100 "$work/shuffled")"
fi
unmount
