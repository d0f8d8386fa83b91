#!/usr/bin/env bash
# Goal: rm -rf of everything changes nothing in any guest and loses no machine.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine one two three
check "three is stopped" put $'stop\n' "$mnt/three/state"

# What each guest holds: data of its own, in many places.
cat >"$work/fill" <<'END'
for d in /root/a/b /srv/data /etc/mine /var/lib/mine /opt/x /home/me; do
	mkdir -p "$d"
	for i in 1 2 3; do
		echo "$(hostname) $d $i" >"$d/file $i"
	done
	ln -s /etc/passwd "$d/link"
	chmod 640 "$d/file 2"
done
head -c 300000 /dev/urandom >/root/big
END
cat >"$work/look" <<'END'
cd /
# A start writes the names of the machine anew, and who else is made a user of
# this computer shows in its machines, too, whose root lies over its own.
find root srv etc var/lib/mine opt/x home usr/local/bin \
	-path etc/hostname -o -path etc/hosts -o -path etc/resolv.conf \
	-o -path 'etc/passwd*' -o -path 'etc/group*' -o -path 'etc/shadow*' \
	-o -path 'etc/gshadow*' -o -path 'etc/sub?id*' -o -path etc/.pwd.lock \
	-o -path etc -o -printf '%p %y %m %U:%G %s %T@ %l\n' | LC_ALL=C sort
find root srv etc/mine var/lib/mine opt/x home -type f \
	-exec sha256sum {} + | LC_ALL=C sort
END
check "three is filled" put $'start\n' "$mnt/three/state"
for name in one two three; do
	check "$name is filled" cp "$work/fill" "$mnt/$name/exec"
	check "$name is looked at" cp "$work/look" "$mnt/$name/exec"
	cp "$mnt/$name/exec" "$work/$name.before"
	expect_match "$name has something to lose" 'root/big' \
		"$(tail -n 60 "$work/$name.before")"
done
check "three is stopped again" put $'stop\n' "$mnt/three/state"
ids=$(ls "$ORBCTL_LOCAL_HOME/machines")
one=$(pid1 one) two=$(pid1 two)

unharmed() {
	expect "$1: all are listed" $'one\nthree\ntwo' "$(ls "$mnt")"
	expect "$1: the engine has them, too" $'one\nthree\ntwo' \
		"$(orbctl_local list -q | sort)"
	expect "$1: they are the same ones" "$ids" \
		"$(ls "$ORBCTL_LOCAL_HOME/machines")"
	expect "$1: the states are as they were" $'running\nrunning\nstopped' \
		"$(cat "$mnt"/{one,two,three}/state)"
	expect "$1: nothing was stopped and started either" "$one $two" \
		"$(pid1 one) $(pid1 two)"
}

# What begins at the bottom goes through all of files/ of the machines that run
# before it removes anything; ten seconds of that are enough.
removal() { # removal SENTENCE COMMAND...
	local sentence=$1
	shift
	expect_match "$sentence is refused" '(not permitted|busy|EPERM)' \
		"$(timeout 10 "$@" 2>&1 >/dev/null | head -n 200 | sort -u)"
	unharmed "$sentence"
}
removal "rm -rf *" bash -c 'rm -rf "$0"/*' "$mnt"
removal "rm -rf of a stopped machine" rm -rf "$mnt/three"
removal "rm -r of a running one" rm -r --interactive=never "$mnt/one"
removal "find -delete" find "$mnt" -mindepth 1 -maxdepth 2 -delete
removal "find -delete of a stopped machine" find "$mnt/three" -delete
removal "find -exec rm" find "$mnt/three" -depth -exec rm -rf {} +
removal "rm -rf of the mount" rm -rf "$mnt"
removal "perl's rmtree" perl -MFile::Path -e 'rmtree($ARGV[0])' "$mnt/three"

# What meets a control file first does not get as far as files/.
expect_within 10 "rm -rf of a running machine gives up soon" \
	bash -c '! rm -rf "$0" 2>/dev/null' "$mnt/two"
unharmed "rm -rf of a running one"

# Python's says nothing at all when it is told to.
timeout 10 python3 -c '
import os, shutil, sys
for name in sorted(os.listdir(sys.argv[1])):
    shutil.rmtree(os.path.join(sys.argv[1], name), ignore_errors=True)' "$mnt" >"$work/said" 2>&1
unharmed "python's rmtree of all"
check "python's rmtree of a stopped machine" python3 -c '
import shutil, sys
shutil.rmtree(sys.argv[1], ignore_errors=True)' "$mnt/three"
unharmed "python's rmtree of a stopped machine"
check_fails "rsync-like emptying" bash -c \
	'shopt -s dotglob; rm -rf "$0"/three/* && rmdir "$0/three"' "$mnt"
unharmed "a removal of all in it first"

check "three is started" put $'start\n' "$mnt/three/state"
for name in one two three; do
	check "$name is looked at again" cp "$work/look" "$mnt/$name/exec"
	check "$name: not a byte has changed" \
		cmp "$work/$name.before" "$mnt/$name/exec"
done

# What is meant is still possible.
check "stop" put $'stop\n' "$mnt/three/state"
check "rmdir of a stopped machine, by somebody else, deletes it" \
	rmdir "$mnt/three"
expect "only that one" $'one\ntwo' "$(ls "$mnt")"
expect_errno "rmdir of one that runs is refused" EBUSY rmdir "$mnt/one"
expect_match "with the way out in error" 'stop' "$(cat "$mnt/one/error")"
unmount
