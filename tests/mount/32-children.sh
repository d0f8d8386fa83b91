#!/usr/bin/env bash
# Goal: children get an environment, descriptors and a session of their own.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 1 web running
touch "$work/fake/record-env"
fake on tty-trap
exec 7</dev/null 8>"$work/inherited"
export HTTP_PROXY=http://127.0.0.1:1 https_proxy=http://127.0.0.1:2 \
	ALL_PROXY=x no_proxy=y SECRET=hidden TERM=xterm _FUSE_COMMFD=9
HOME='' ORBENV=GREETING GREETING=hello mount_orbfs
unset HTTP_PROXY https_proxy ALL_PROXY no_proxy
exec 7<&- 8>&-

ls "$mnt" >/dev/null
cat "$mnt/web1/ip" "$mnt/web1/log" >/dev/null
put $'env >environment; cat\n' "$mnt/web1/exec"
put $'cpus 2\n' "$mnt/web1/config"
mkdir "$mnt/more"
put stop "$mnt/more/state"
mv "$mnt/more" "$mnt/less"
rmdir "$mnt/less"
env=$work/fake/env
all=$(calls "")
record() { # KEY: the different values of all calls
	awk -F '\t' -v k="$1" '$2 == k { print $3 }' "$env" | sort -u | xargs
}
expect "each call was recorded" "$all" "$(cut -f 1 "$env" | sort -u | wc -l)"
expect "each child leads a session of its own" yes "$(record leader)"
expect "without a terminal" none "$(record tty)"
expect "stdin is a pipe for a script, else /dev/null" "/dev/null pipe" \
	"$(record stdin | tr ' ' '\n' | sed 's/socket/pipe/' | sort -u | xargs)"
expect_match "outputs are pipes" '^(pipe|socket)$' "$(record stdout)"
expect_match "both" '^(pipe|socket)$' "$(record stderr)"
expect "no other descriptor is inherited" "0 1 2" \
	"$(awk -F '\t' '$2 == "fds" { print $3 }' "$env" | sort -u | xargs)"
# 32 and 33 are the C library's own: make leaves them ignored for good.
expect "no signal is ignored" 0 \
	"$((16#$(record sigign) & ~0x180000000))"
expect_match "none has the mount as its directory" '^/$' "$(record cwd)"
vars=$(awk -F '\t' '$2 == "env" { print $3 }' "$env" | sort -u)
expect_match "HOME is always set" '(^|
)HOME=/' "$vars"
expect_match "PATH is" '(^|
)PATH=/' "$vars"
expect_match "what ORBENV names is for the user to say" 'ORBENV=GREETING' \
	"$vars"
for word in PROXY proxy SECRET TERM= _FUSE_COMMFD; do
	expect "nothing of $word" "" "$(grep "$word" <<<"$vars")"
done
expect "nor in the script's own" "" \
	"$(grep -iE 'proxy|SECRET' "$work/fake/machines/web1/home/environment")"
check_fails "no terminal was ever seen" test -e "$work/fake/tty-seen"
unmount

# Who starts it may have blocked what it waits for.
cat >"$work/blocked" <<END
#!/bin/sh
exec env --block-signal=CHLD,TERM "$ORBFS" "\$@"
END
chmod +x "$work/blocked"
ORBFS=$work/blocked mount_orbfs
expect "a daemon whose signals were blocked sees its children end" "$ours web1" \
	"$(names "$mnt")"
kill -TERM "$daemon"
check "and ends by TERM" wait_for 30 _is_dead

# Nor need there be all of the files that a program is started with.
cat >"$work/closed" <<END
#!/bin/sh
exec "$ORBFS" "\$@" <&- >&-
END
chmod +x "$work/closed"
ORBFS=$work/closed mount_orbfs
put $'echo said\ncat\n' "$mnt/web1/exec"
expect "a daemon without stdin and stdout runs scripts" said \
	"$(cat "$mnt/web1/exec")"
expect "and has nothing of its own in their place" $'/dev/null\n/dev/null' \
	"$(readlink "/proc/$daemon/fd/"[01])"
unmount
