#!/usr/bin/env bash
# Goal: a machine made for a user runs scripts as that user, in that user's home.
. "$(dirname "$0")/machines.sh"

mount_orbfs -o user=ada
make_machine web
run_script web 'id -un; id -u; pwd; echo "$HOME $USER"; ls -ld . | cut -c1-10'
expect_match "the user, the home and the environment" \
	$'^ada\n[1-9][0-9]*\n/home/ada\n/home/ada ada\ndrwx' \
	"$(cat "$mnt/web/exec")"
expect_match "config names the user" '"user":[[:space:]]*"ada"' \
	"$(cat "$mnt/web/config")"
check "a file of the user is made" run_script web 'echo hers >note'
expect "it is where it should be, and the user's" $'ada\nhers' \
	"$(guest web sh -c 'stat -c %U /home/ada/note; cat /home/ada/note')"
expect_errno "the user is not root" EIO run_script web 'echo x >/etc/mine'

# Interrupting signals as root: a script of the user ends, too.
printf 'sleep 4321\n' >"$work/script"
start_writer "$work/script" "$mnt/web/exec"
check "a script of the user runs" wait_for 30 in_guest web 'sleep 4321'
interrupt "$writer"
expect "Ctrl-C ends the writer" 130 "$status"
check "and the user's script" wait_for 30 none_in_guest web 'sleep 4321'

# Another default user, by config.
expect_errno "a user that is none is refused" EINVAL \
	put $'user -x\n' "$mnt/web/config"
check "the user becomes root" put $'user root\n' "$mnt/web/config"
run_script web 'id -un; pwd'
expect "the next script is root's" $'root\n/root' "$(cat "$mnt/web/exec")"
check "and another's" put $'user daemon\n' "$mnt/web/config"
run_script web 'id -un; pwd'
expect "a user without a home of that name is at its own" \
	$'daemon\n/usr/sbin' "$(cat "$mnt/web/exec")"
check "a user whom the machine does not know can be named" \
	put $'user nobody-here\n' "$mnt/web/config"
expect_errno "but its scripts fail" EINVAL run_script web true
expect_match "and error says why" 'unknown user' "$(cat "$mnt/web/error")"
check "back" put $'user ada\n' "$mnt/web/config"
run_script web 'id -un'
expect "as at first" ada "$(cat "$mnt/web/exec")"
unmount
