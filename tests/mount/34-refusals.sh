#!/usr/bin/env bash
# Goal: whatever is refused leaves a line that says why.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 2 web running
mount_orbfs
w=$mnt/web1

# refused ERRNO FILE REGEX COMMAND...: and FILE then says so
refused() {
	local errno=$1 file=$2 regex=$3
	shift 3
	put $'refresh\n' "$mnt/.orbfs/ctl" # clears its error
	put $'start\n' "$w/state"          # and that of the machine
	expect "no error stands" "" "$(cat "$file")"
	expect_errno "${*/"$mnt"/} is $errno" "$errno" "$@"
	expect_match "and its error says why" "$regex" "$(cat "$file")"
	expect "in a line" 1 "$(wc -l <"$file")"
}
refused EPERM "$mnt/.orbfs/error" 'x: only machines' touch "$mnt/x"
refused EPERM "$mnt/.orbfs/error" 'x: nothing of that kind' \
	mkdir "$mnt/.orbfs/x"
refused EPERM "$mnt/.orbfs/error" 'x: nothing of that kind' \
	ln -s /etc "$mnt/x"
refused EPERM "$mnt/.orbfs/error" 'stats: it cannot be removed' \
	rm "$mnt/.orbfs/stats"
refused EPERM "$w/error" 'x: nothing of that kind' touch "$w/x"
refused EPERM "$w/error" 'x: nothing of that kind' mkdir "$w/x"
refused EPERM "$w/error" 'ip: it cannot be removed' rm -f "$w/ip"
refused EPERM "$w/error" 'ip: it cannot be moved' rename "$w/ip" "$w/address"
refused EPERM "$w/error" 'exec: it cannot be moved' \
	rename "$w/exec" "$mnt/web2/exec"
refused EPERM "$w/error" 'state: its owner and mode' chmod 666 "$w/state"
refused EPERM "$w/error" 'config: its owner and mode' chown 1 "$w/config"
refused EPERM "$w/error" 'web1: its owner and mode' chmod 755 "$w"
refused EACCES "$w/error" 'ip: it is only to be read' put x "$w/ip"
refused EACCES "$mnt/.orbfs/error" 'version: it is only to be read' \
	put x "$mnt/.orbfs/version"
unmount
