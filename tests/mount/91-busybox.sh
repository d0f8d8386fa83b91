#!/usr/bin/env bash
# Goal: files/ works in a machine that has busybox and nothing else, and few places to run a program from.
. "$(dirname "$0")/lib.sh"
need busybox "to be the machine's only program"

# A machine's root with one program. What is run in the machine is run in there,
# with mounts of its own, of which ours is none, or it would never end; all else
# is answered by the fake engine.
root=$work/root
mkdir -p "$root"/{bin,tmp,run,dev/shm,var/tmp,root,proc,etc,srv}
cp "$(command -v busybox)" "$root/bin/busybox"
for word in sh head chmod rm; do
	ln -s busybox "$root/bin/$word"
done
echo kept >"$root/etc/file"
engine fake
fake seed 1 one running
cat >"$work/places" <<'END'
mount -t tmpfs -o noexec,mode=1777 tmpfs tmp
END
# A namespace that kept the mounts of other scripts would keep their daemons.
cat >"$work/orbctl" <<END
#!/bin/sh
[ "\$1" = run ] || exec "$work/fake/orbctl" "\$@"
while [ "\$1" != sh ]; do
	shift
done
exec unshare -m --propagation private /bin/sh -c '
	umount -c -l -a -t fuse.orbfs
	cd "\$1" && mount -t proc proc proc && . "\$3" &&
	shift 3 &&
	PATH=/bin exec "\$(command -v chroot)" . "\$@"' \
	sh "$root" "$mnt" "$work/places" "\$@"
END
chmod +x "$work/orbctl"
_engine=(--engine orbctl --orbctl "$work/orbctl")
f=$mnt/one1/files

try() { # try SENTENCE
	mount_orbfs
	expect "$1: a file is read" kept "$(cat "$f/etc/file")"
	check "$1: one is written" put new "$f/srv/new"
	expect "$1: and is there" new "$(cat "$root/srv/new")"
	check "$1: the tree is walked" find "$f" -path "$f/proc" -prune -o -print
	check "$1: one is removed" rm "$f/srv/new"
	unmount
	expect "$1: nothing stays" "" "$(find "$root" -name '*orbfs*')"
}
try "/dev/shm"
cat >"$work/places" <<'END'
for d in dev/shm run tmp; do
	mount -t tmpfs -o noexec,mode=1777 tmpfs $d
done
END
try "no program may run from the first places"
cat >"$work/places" <<'END'
for d in dev/shm run tmp var/tmp; do
	mount -t tmpfs -o ro tmpfs $d
done
END
try "the first places cannot be written to"
