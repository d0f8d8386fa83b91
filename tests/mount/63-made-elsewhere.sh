#!/usr/bin/env bash
# Goal: what is done to machines past the mount shows in it at the next look.
. "$(dirname "$0")/machines.sh"

mount_orbfs -o ttl=0.2
expect "nothing at first" "" "$(ls "$mnt")"
check "a machine is made past the mount" orbctl_local create local web
shows() { # shows NAMES
	[ "$(ls -x -w 200 "$mnt")" = "$1" ]
}
check "it shows" wait_for 30 shows web
expect "running" running "$(cat "$mnt/web/state")"
check "it runs scripts" run_script web hostname
expect "as itself" web "$(cat "$mnt/web/exec")"
ip=$(cat "$mnt/web/ip")
expect_match "with an address" '^[0-9.]+' "$ip"

check "stopped past the mount" orbctl_local stop web
check "it shows" wait_for 30 is "$mnt/web/state" stopped
expect "without an address" "" "$(cat "$mnt/web/ip")"
expect_errno "it runs nothing" EHOSTDOWN run_script web true
check "started past the mount" orbctl_local start web
check "it shows" wait_for 30 is "$mnt/web/state" running
expect "the address is asked for anew" "$(guest web ip -o -4 addr show eth0 |
	sed 's/.*inet //; s/\/.*//')" "$(head -n 1 "$mnt/web/ip")"

check "its process 1 dies by itself" kill -KILL "$(pid1 web)"
check "it shows" wait_for 30 is "$mnt/web/state" stopped
expect "without an address" "" "$(cat "$mnt/web/ip")"
check "it starts again" put $'start\n' "$mnt/web/state"
check "and works" run_script web true

check "renamed past the mount" orbctl_local rename web shop
check "it shows" wait_for 30 shows shop
expect "running" running "$(cat "$mnt/shop/state")"
check "under the new name it can be used" run_script shop 'echo mine'
expect "and answers" mine "$(cat "$mnt/shop/exec")"

check "configured past the mount" orbctl_local config set machine.shop.cpu 1
configured() {
	grep -qE '"cpus":[[:space:]]*1[,[:space:]]' "$mnt/shop/config"
}
check "it shows" wait_for 30 configured

# Deleted, and the name used again for another machine.
config=$(grep '"id"' "$mnt/shop/config")
check "deleted past the mount" orbctl_local delete -f shop
check "another one of that name" orbctl_local create local shop
other() {
	local now
	now=$(grep '"id"' "$mnt/shop/config") && [ "$now" != "$config" ]
}
check "the other one shows" wait_for 30 other
check "the other one can be used" run_script shop hostname
expect "and answers" shop "$(cat "$mnt/shop/exec")"
check "deleted past the mount" orbctl_local delete -f shop
check "it is gone" wait_for 30 shows ""
expect_errno "its files are, too" ENOENT cat "$mnt/shop/state"
check "the name can be used" mkdir "$mnt/shop"
check "by a machine that runs" wait_for 30 is "$mnt/shop/state" running
unmount
