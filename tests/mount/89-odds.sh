#!/usr/bin/env bash
# Goal: made-up files, large directories, owners, removals and idleness.
. "$(dirname "$0")/files.sh"

mount_orbfs
make_machine one two
f=$(files one) n=$(native one)
# The computer's own system may hold files of that name.
own_files() {
	guest one -u root sh -c \
		'find / -xdev -name "*orbfs*" 2>/dev/null; ls -A /dev/shm'
}
own=$(own_files)

# ---- files that are made up while they are read
expect "a file of /proc is read to its end" \
	"$(as_root one 'cat /proc/filesystems')" "$(cat "$f/proc/filesystems")"
expect "each time" "$(as_root one 'cat /proc/sys/kernel/hostname')" \
	"$(cat "$f/proc/sys/kernel/hostname")"
# The kernel's own symbols come and go.
as_long() {
	[ "$(wc -l <"$f/proc/kallsyms")" = \
		"$(as_root one 'wc -l </proc/kallsyms')" ]
}
check "a long one, too" wait_for 30 as_long
expect "one of /sys" "$(as_root one 'cat /sys/kernel/mm/transparent_hugepage/enabled')" \
	"$(cat "$f/sys/kernel/mm/transparent_hugepage/enabled")"
expect "it is the machine's process 1" "$(as_root one 'tr "\0" " " </proc/1/cmdline')" \
	"$(tr '\0' ' ' <"$f/proc/1/cmdline")"
expect_within 60 "grep -r of a part of /proc ends" bash -c \
	'grep -rs nothing-has-this "$1" >/dev/null; :' sh "$f/proc/sys/kernel"
expect "devices are shown" c "$(stat -c %A "$f/dev/null" | cut -c 1)"
expect_errno "and cannot be used" EACCES cat "$f/dev/null"

# ---- a file that has no name any more
put kept "$f/srv/unnamed"
exec 5<>"$f/srv/unnamed"
rm "$f/srv/unnamed"
expect "what is open is opened again when its name is gone" kept \
	"$(cat /proc/self/fd/5)"
check "also to write" put new /proc/self/fd/5
expect "and is read so" new "$(cat <&5)"
check "its file system is told" stat -f /proc/self/fd/5
exec 5>&-

# ---- a program with a timer
check "signals that are handled do not interrupt" python3 -c '
import os, signal, sys
os.chdir(sys.argv[1])
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for i in range(500):
    os.mkdir("timed")
    os.chmod("timed", 0o700)
    os.rmdir("timed")
signal.setitimer(signal.ITIMER_REAL, 0)' "$f/srv"

# ---- a large directory
# What was there before is hidden by the mount, and was looked at above.
# In memory: 100,000 files on a disk may take the machine half a minute.
as_root one 'mount -t tmpfs tmpfs /srv && mkdir /srv/large && cd /srv/large &&
	seq -f file-%06g 100000 | xargs touch'
list() {
	find "$f/srv/large" -mindepth 1
}
expect_within 60 "100,000 entries are listed" eval \
	'[ "$(list | wc -l)" = 100000 ]'
expect "each once" 100000 "$(list | sort -u | wc -l)"
expect "one is looked at" 0 "$(stat -c %s "$f/srv/large/file-054321")"
as_root one 'rm /srv/large/file-000777'
check "one that goes is seen to go" wait_for 30 eval \
	'! stat "$f/srv/large/file-000777" 2>/dev/null'
expect "and is not listed" 99999 "$(list | wc -l)"
as_root one 'rm -rf /srv/large'
check "the whole goes" wait_for 30 eval '! stat "$f/srv/large" 2>/dev/null'

# ---- owners: of the directory, since the user owns the machine
mkdir -p "$n/home/somebody"
chown 1234:2345 "$n/home/somebody"
put x "$f/home/somebody/file"
mkdir "$f/home/somebody/dir"
ln -s x "$f/home/somebody/link"
put x "$f/home/somebody/dir/file"
put x "$f/etc/made"
expect "what is made in somebody's directory is theirs" \
	"1234:2345 1234:2345 1234:2345 1234:2345" "$(stat -c %u:%g \
	"$n"/home/somebody/{file,dir,link,dir/file} | xargs)"
expect "and in the system's, the system's" 0:0 "$(stat -c %u:%g "$n/etc/made")"

# ---- nosuid, nodev
expect_match "the mount gives nobody rights" 'nosuid,nodev' \
	"$(grep -F " $mnt " /proc/self/mountinfo)"

# ---- removals
mkdir -p "$f/srv/project/a/b"
touch "$f/srv/project/a/b/file" "$f/srv/project/file"
manifest_of() {
	as_root one 'find /etc /srv /home -xdev | sort | md5sum'
}
before=$(manifest_of)
# They go on through all that is in it, which takes as long as it has files.
check_fails "rm -rf of a machine fails" timeout 2 rm -rf "$mnt/one"
expect "and touches nothing in it" "$before" "$(manifest_of)"
check_fails "find -delete fails" timeout 2 find "$mnt/one" -delete
expect "likewise" "$before" "$(manifest_of)"
timeout 2 python3 -c 'import shutil, sys
shutil.rmtree(sys.argv[1], ignore_errors=True)' "$mnt/one"
expect "Python's rmtree likewise" "$before" "$(manifest_of)"
check_fails "rm -rf of all fails" timeout 2 bash -c 'rm -rf "$1"/*' sh "$mnt"
expect "likewise" "$before" "$(manifest_of)"
check "rm -rf of a directory in it works" rm -rf "$f/srv/project"
check_fails "and it is gone" as_root one 'test -e /srv/project'
check "cp -r of one machine's directory into another" \
	cp -r "$f/home/somebody" "$(files two)/srv/copied"
expect "is a copy" x "$(cat "$(native two)/srv/copied/file")"
expect_errno "a rename between machines is one between file systems" EXDEV \
	rename "$f/srv" "$(files two)/srv/x"
expect_errno "and so is a link" EXDEV python3 -c 'import os, sys
os.link(sys.argv[1], sys.argv[2])' "$f/etc/made" "$(files two)/srv/x"

# ---- a user of the machine's host, with allow_other
unmount
expect "an agent that ends with the mount is not complained of" "" \
	"$(grep 'the agent has ended' "$log")"
chmod 755 "$work"
mount_orbfs -o allow_other,default_permissions
# shellcheck disable=SC2016 # for the inner shell
as_user() {
	setpriv --reuid 1234 --regid 2345 --clear-groups "$@"
}
check "somebody writes in their own directory" as_user bash -c \
	'echo y >"$1"' sh "$f/home/somebody/theirs"
expect "it is theirs" 1234:2345 "$(stat -c %u:%g "$n/home/somebody/theirs")"
expect_errno "and not in the system's" EACCES as_user touch "$f/etc/theirs"
expect_errno "nor do they read what is not for them" EACCES \
	as_user cat "$f/etc/shadow"
as_root one 'install -d -m 1777 /srv/shared && touch /srv/shared/roots'
expect_errno "the sticky bit counts" EPERM as_user rm -f "$f/srv/shared/roots"
check "they make files in what is for all" as_user touch "$f/srv/shared/mine"
expect "which are theirs" 1234:2345 "$(stat -c %u:%g "$n/srv/shared/mine")"
touch "$f/home/somebody/roots"
expect "root's are root's" 0:0 "$(stat -c %u:%g "$n/home/somebody/roots")"

# ---- nothing stays
expect "one agent serves" 1 "$(in_guest one .orbfs-agent- | wc -l)"
unmount
check "it ends with the mount" wait_for 30 none_in_guest one .orbfs-agent-
expect "and leaves no file" "$own" "$(own_files)"
