#!/usr/bin/env bash
# Goal: each of several users may do below files/ what a local directory allows.
# Deadline: 1200
. "$(dirname "$0")/files.sh"

mount_orbfs -o allow_other,default_permissions
make_machine one
compare one -m
unmount
