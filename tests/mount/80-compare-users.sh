#!/usr/bin/env bash
# Goal: so it does for one user among others, in a directory of the user's own.
# Deadline: 1200
. "$(dirname "$0")/files.sh"

mount_orbfs -o allow_other,default_permissions
make_machine one
compare one -u 12345
unmount
