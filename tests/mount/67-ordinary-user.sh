#!/usr/bin/env bash
# Goal: an ordinary user mounts and has machines, or reads one clear sentence why not.
. "$(dirname "$0")/machines.sh"

need useradd "to be an ordinary user (apt-get install passwd)"
need fusermount3 "to mount as one (apt-get install fuse3)"
need setpriv "to become one (apt-get install util-linux)"
user=orbt$$
home=$work/$user
chmod 755 "$work"
useradd -m -d "$home" -s /bin/sh "$user" || exit 1
forget_user() {
	userdel "$user" 2>/dev/null
	_finish
}
trap forget_user EXIT

# The program may lie where only root can go.
mkdir "$work/bin" "$work/libexec"
cp -L "$ORBFS" "$work/bin/orbfs"
cp -r "$top/ops/local" "$work/libexec/orbfs"
ids=$(id -u "$user"):$(id -g "$user")
# Where udev does not run, the device may be root's alone: people get one in a
# mount namespace of theirs. That has no mounts of other scripts, whose daemons
# would not end before it does.
mknod -m 666 "$work/fuse" c 10 229
as_user() {
	unshare --mount --propagation private sh -c \
		'umount -c -l -a -t fuse.orbfs; mount --bind "$0" /dev/fuse &&
			exec "$@"' "$work/fuse" \
	env -i HOME="$home" USER="$user" PATH="$PATH" XDG_DATA_HOME="$home/data" \
		setpriv --reuid "${ids%:*}" --regid "${ids#*:}" --init-groups "$@"
}
cat >"$work/session" <<'END'
cd || exit 1
mkdir vms
"$1" --engine local vms || { echo "no mount"; exit 1; }
trap 'fusermount3 -u "$HOME/vms"' EXIT
if ! mkdir vms/web; then
	cat vms/.orbfs/error
	exit 3
fi
# A mkdir does not wait for the whole of a creation.
n=0
while [ "$n" -lt 300 ] && grep -qx creating vms/web/state; do
	sleep 0.1
	n=$((n + 1))
done
cat vms/web/state
echo 'hostname; pwd; id -u; echo kept >/etc/kept' >vms/web/exec && cat vms/web/exec
echo stop >vms/web/state && cat vms/web/state
echo start >vms/web/state && cat vms/web/state
echo 'cat /etc/kept' >vms/web/exec && cat vms/web/exec
echo 'exit 3' 2>/dev/null >vms/web/exec || cat vms/web/run/last/status
timeout 5 rm -rf vms/web 2>/dev/null || cat vms/web/state
echo stop >vms/web/state && mv vms/web vms/shop && rmdir vms/shop
ls vms
# A rmdir does not wait for the whole of a deletion.
n=0
while [ "$n" -lt 300 ] && find data/orbctl-local/machines -mindepth 1 |
	grep -q .; do
	sleep 0.1
	n=$((n + 1))
done
find data/orbctl-local/machines -mindepth 1
END
if [ ! -u "$(command -v fusermount3)" ]; then
	said=$(as_user sh -c 'cd; mkdir vms; "$1" --engine local vms' sh \
		"$work/bin/orbfs" 2>&1)
	status=$?
	check_fails "without rights to mount orbfs does not start" \
		test "$status" -eq 0
	expect_match "and says so" 'fuse|mount' "$said"
	exit
fi
said=$(as_user sh "$work/session" "$work/bin/orbfs" 2>"$work/said")
status=$?
if as_user unshare --user --map-root-user true 2>/dev/null; then
	expect "the session of an ordinary user" \
		$'running\nweb\n/root\n0\nstopped\nrunning\nkept\nexited 3\nrunning' \
		"$said"
	expect "ended well" 0 "$status"
else
	expect "without user namespaces there is no machine" 3 "$status"
	expect_match "and one clear sentence" \
		'gives ordinary users no user namespaces' "$said"
fi
nobodys() {
	[ -z "$(ps -o pid= -u "$user")" ]
}
check "no process of the user stays" wait_for 30 nobodys
check_fails "nor a mount" grep -qF " $home/" /proc/self/mountinfo
expect "root's own machines are none of it" "[]" "$(orbctl_local list -f json)"
