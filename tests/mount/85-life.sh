#!/usr/bin/env bash
# Goal: files/ goes with the machine's life, and nothing is left behind.
. "$(dirname "$0")/files.sh"

mount_orbfs
check "a machine is made" mkdir "$mnt/one"
expect_within 30 "its files are waited for" \
	grep -q . "$(files one)/etc/hostname"
f=$(files one)/srv
echo kept >"$f/file"
seen=$(as_root one 'find / -xdev -name ".orbfs*" 2>/dev/null; ls -A /dev/shm')
expect "the agent has no file in the machine" "" "$seen"

exec 5<"$f/file" 6>"$f/out"
printf kept >&6
expect_within 20 "a machine with open files stops" put $'stop\n' \
	"$mnt/one/state"
expect_errno "what was open is lost" EIO bash -c \
	'printf x >&6 && printf y >&6'
exec 5<&- 6>&-
expect_errno "a stopped machine is down" EHOSTDOWN cat "$f/file"
expect_errno "to look at" EHOSTDOWN ls "$(files one)/etc"
expect_errno "to write to" EHOSTDOWN put x "$f/new"
expect_errno "to make in" EHOSTDOWN mkdir "$(files one)/srv/new"
check "files/ itself can be looked at" stat "$(files one)"
find "$mnt" -maxdepth 3 >/dev/null 2>&1
expect "and no look starts it" stopped "$(cat "$mnt/one/state")"
check "it starts" put $'start\n' "$mnt/one/state"
expect "and has its files" kept "$(cat "$f/file")"
expect "what was written before the stop, too" kept "$(cat "$f/out")"

exec 5<"$f/file"
check "it restarts" put $'restart\n' "$mnt/one/state"
expect_errno "what was open is lost" EIO bash -c 'cat <&5'
exec 5<&-
expect_within 20 "what is asked next is answered" cat "$f/file"
expect "as it was" kept "$(cat "$f/file")"

exec 5<"$f/file"
check "it is renamed while a file is open" rename "$mnt/one" "$mnt/two"
exec 5<&-
f=$(files two)/srv
expect_within 20 "its files are under the new name" cat "$f/file"
expect_errno "and not under the old one" ENOENT cat "$(files one)/srv/file"
expect "it runs one agent" 1 "$(in_guest two .orbfs-agent- | wc -l)"

# A restart that orbfs is not told of.
orbctl_local restart two >/dev/null 2>&1 </dev/null
check "a restart by somebody else is got over" wait_for 30 cat "$f/file"
orbctl_local stop two >/dev/null 2>&1 </dev/null
refresh
is_down() {
	! cat "$f/file"
}
check "a stop as well" wait_for 30 is_down
orbctl_local start two >/dev/null 2>&1 </dev/null
check "and a start" wait_for 30 is "$f/file" kept

exec 5<"$f/file"
check "stop" put $'stop\n' "$mnt/two/state"
exec 5<&-
check "rmdir" rmdir "$mnt/two"
expect_errno "a machine that is gone has no files" ENOENT ls "$(files two)"
unmount
no_agents() {
	local p
	for p in /proc/[0-9]*; do
		! grep -qa -e '\.orbfs-agent-' "$p/cmdline" ||
			! grep -zqxF -e "ORBCTL_LOCAL_HOME=$ORBCTL_LOCAL_HOME" \
			"$p/environ" || return 1
	done
}
check "no agent is left on this computer" wait_for 30 no_agents
