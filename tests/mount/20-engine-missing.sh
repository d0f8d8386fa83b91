#!/usr/bin/env bash
# Goal: orbctl may be missing, come, go and come back; nobody hangs.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 2 web running
mv "$work/fake/orbctl" "$work/fake/away"
mount_orbfs
expect_match "the start says that there is no such program" \
	"^orbfs: $work/fake/orbctl: no such program yet" "$(cat "$log")"
expect_errno "ls is ENODEV" ENODEV ls "$mnt"
expect_match ".orbfs/error says why" \
	'^list: orbctl is not installed or not to be found' \
	"$(cat "$mnt/.orbfs/error")"
expect_errno "a machine is ENODEV" ENODEV cat "$mnt/web1/state"
expect_errno "mkdir is ENODEV" ENODEV mkdir "$mnt/fresh"
expect_match "and says why" "orbctl is not installed" \
	"$(cat "$mnt/.orbfs/error")"
expect_errno "rmdir is ENODEV" ENODEV rmdir "$mnt/web1"
check "the daemon's own files are there" cat "$mnt/.orbfs/version" \
	"$mnt/.orbfs/stats" "$mnt/.orbfs/config"

mv "$work/fake/away" "$work/fake/orbctl"
expect "orbctl comes: its machines show" "$ours web1 web2" "$(names "$mnt")"
expect "no error is left" "" "$(cat "$mnt/.orbfs/error")"
check "they work" put $'true\n' "$mnt/web1/exec"
cat "$mnt/web1/ip" >/dev/null

mv "$work/fake/orbctl" "$work/fake/away"
refresh
expect_ms 400 "orbctl goes: the last list is shown" ls -l "$mnt"
expect "whole" "$ours web1 web2" "$(names "$mnt")"
expect "states are shown" running "$(cat "$mnt/web1/state")"
expect_match "addresses that were told" '^192' "$(cat "$mnt/web1/ip")"
expect_errno "a script is ENODEV" ENODEV put $'true\n' "$mnt/web1/exec"
expect_match "and says why" "orbctl is not installed|No such device" \
	"$(cat "$mnt/web1/error")"
expect_errno "a verb is ENODEV" ENODEV put stop "$mnt/web1/state"
expect_match "and says why" "stop: orbctl is not installed" \
	"$(cat "$mnt/web1/error")"
expect_errno "a setting is ENODEV" ENODEV put $'cpus 2\n' "$mnt/web1/config"
expect_errno "mkdir is ENODEV" ENODEV mkdir "$mnt/fresh"
expect_errno "mv is ENODEV" ENODEV mv "$mnt/web1" "$mnt/fresh"
expect "the machines have their names" "$ours web1 web2" "$(names "$mnt")"
expect_errno "details that were not told are ENODEV" ENODEV \
	cat "$mnt/web2/config"

# Not a program, not for us.
echo "not a program" >"$work/fake/orbctl"
refresh
expect_ms 400 "a file that is no program" ls "$mnt"
chmod 755 "$work/fake/orbctl"
refresh
expect_ms 400 "one that only looks like a program" ls "$mnt"
rm "$work/fake/orbctl"
mkdir "$work/fake/orbctl"
refresh
expect_ms 400 "a directory" ls "$mnt"
rmdir "$work/fake/orbctl"

mv "$work/fake/away" "$work/fake/orbctl"
refresh
check "orbctl is back" put stop "$mnt/web1/state"
expect "the verb is done" stopped "$(cat "$mnt/web1/state")"
expect "the error is empty" "" "$(cat "$mnt/web1/error")"

# OrbStack as a whole does not run.
fake on fail.list always 1 'timed out waiting for services to start'
refresh
expect "OrbStack is away: the last list is shown" "$ours web1 web2" \
	"$(names "$mnt")"
unmount
mount_orbfs
expect_errno "without a list it is ENODEV" ENODEV ls "$mnt"
expect_match "and .orbfs/error says why" 'OrbStack does not run' \
	"$(cat "$mnt/.orbfs/error")"
fake off
expect "it comes back" "$ours web1 web2" "$(names "$mnt")"
unmount

# One that is found on the PATH, when there is none.
_engine=(--engine orbctl)
saved=$PATH
mkdir "$work/bin" "$work/home"
PATH=$work/bin:$PATH
HOME=$work/home mount_orbfs
expect_errno "none on the PATH" ENODEV ls "$mnt"
ln -s "$work/fake/orbctl" "$work/bin/orbctl"
export FAKE_ORBCTL=$work/fake
unmount
HOME=$work/home mount_orbfs
expect "one that comes there is found" "$ours web1 web2" "$(names "$mnt")"
unmount
PATH=$saved

# A relative path is meant from where it was said.
_engine=(--engine orbctl --orbctl fake/orbctl)
cd "$work" || exit 1
mount_orbfs
expect "one that is named from here is found" "$ours web1 web2" "$(names "$mnt")"
expect "and shown as what it is" "program $work/fake/orbctl" \
	"$(grep program "$mnt/.orbfs/config")"
cd / || exit 1
unmount
