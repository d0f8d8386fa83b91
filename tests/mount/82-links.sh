#!/usr/bin/env bash
# Goal: no symbolic link of a machine leads to a file of the host, or of another.
. "$(dirname "$0")/files.sh"

mount_orbfs
make_machine one two
f=$(files one)
# The host has a file that no machine has, where links of a machine lead to.
secret=$work/secret
echo host >"$secret"
depth=$(tr -cd / <<<"$f" | wc -c)
up=$(printf '../%.0s' $(seq $((depth + 10))))

as_root one "
	mkdir -p /srv/a/b /srv/swap /etc/mine
	echo mine >/etc/mine/file
	echo guest >/srv/a/file
	ln -s /etc/mine/file /srv/absolute
	ln -s '$secret' /srv/out
	ln -s '${up}etc/mine/file' /srv/up
	ln -s '$up${secret#/}' /srv/up-out
	ln -s / /srv/root
	ln -s .. /srv/a/b/parent
	ln -s a/b/../../absolute /srv/mid
	ln -s 'deep/../../../../../..$secret' /srv/mid-out
	ln -s a/b /srv/deep
	ln -s 'deep/../file' /srv/dotdot
	ln -s 'root/../../..$secret' /srv/root-out
	ln -s '/proc/self/root$secret' /srv/proc-out
	ln -s '/proc/1/cwd/../..$secret' /srv/cwd-out
	ln -s '../two' /machine
	ln -s '../../two/files/etc/hostname' /srv/two"
expect "an absolute link leads to the machine's own file" mine \
	"$(cat "$f/srv/absolute")"
expect "one with too many .. as well" mine "$(cat "$f/srv/up")"
expect "one with .. behind names" mine "$(cat "$f/srv/mid")"
expect ".. behind a link counts where that leads" guest "$(cat "$f/srv/dotdot")"
expect "the root is the machine's" "$(as_root one 'ls -A / | xargs')" \
	"$(names "$f/srv/root/")"
for link in out up-out mid-out root-out proc-out cwd-out two ../machine; do
	check_fails "$link leads nowhere" cat "$f/srv/$link"
done
for link in $(cd "$f/srv" && find . -type l); do
	case $(readlink "$f/srv/$link") in
	/*) _not_ok "$link is shown as a relative link" ;;
	esac
	real=$(realpath -m "$f/srv/$link")
	case $real in
	"$f" | "$f"/*) ;;
	*) _not_ok "$link stays below files/" "$real" ;;
	esac
	# Some programs make room for so much, and take what fits.
	shown=$(readlink "$f/srv/$link")
	[ "$(stat -c %s "$f/srv/$link")" -ge "${#shown}" ] ||
		_not_ok "$link is as long as it says"
done
expect "an absolute link is as long as it is shown" \
	"$(readlink "$f/srv/absolute" | tr -d '\n' | wc -c)" \
	"$(stat -c %s "$f/srv/absolute")"
expect "what is written through a link does not go out" host "$(
	put changed "$f/srv/out" 2>/dev/null
	cat "$secret"
)"
check "a link that is made outside" ln -s /etc/mine/file "$f/srv/made"
expect "is in the machine what was written" /etc/mine/file \
	"$(as_root one 'readlink /srv/made')"
expect "and leads to the machine's file here" mine "$(cat "$f/srv/made")"

# A directory that becomes a link, and back, while it is walked.
as_root one "mkdir -p /srv/swap/dir; echo guest >/srv/swap/dir/secret
	ln -s '${work}' /srv/swap/link"
timeout 60 env ORBCTL_LOCAL_HOME="$ORBCTL_LOCAL_HOME" \
	"$top/ops/local/orbctl-local" run -m one -u root sh -c '
	cd /srv/swap; i=0
	while [ "$i" -lt 400 ]; do
		mv dir dir.was && mv link dir
		mv dir link && mv dir.was dir
		i=$((i + 1))
	done' </dev/null >/dev/null 2>&1 &
swapper=$!
read_all() {
	while _is_alive "$swapper"; do
		cat "$f/srv/swap/dir/secret" "$f/srv/swap/./dir/../dir/secret"
	done 2>/dev/null | sort -u
}
expect "a link swapped in during a walk leads nowhere either" guest \
	"$(read_all)"
wait "$swapper"
unmount

mount_orbfs -o symlinks=raw
expect "links are shown as they are if that is asked for" /etc/mine/file \
	"$(readlink "$(files one)/srv/absolute")"
unmount
