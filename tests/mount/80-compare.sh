#!/usr/bin/env bash
# Goal: every operation does below files/ what it does in a local directory.
# Deadline: 1200
. "$(dirname "$0")/files.sh"

mount_orbfs
make_machine one
compare one
unmount
