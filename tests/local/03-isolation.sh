# Goal: a machine has its own processes, names and files, and none of the host's people.
# shellcheck shell=sh disable=SC2015
. "${0%/*}/lib.sh"

mark=orbctl-local-test.$$
: >"/tmp/$mark"
: >"$work/$mark"
trap 'rm -f "/tmp/$mark"; tidy' EXIT
ok 'create' "$orb" create local web
in_web()
{
	"$orb" run -m web "$@"
}

is 'host name' "$(in_web hostname)" web
is '/etc/hostname' "$(in_web cat /etc/hostname)" web
has '/etc/hosts' "$(in_web cat /etc/hosts)" 'web.orb.local web'
is 'process 1 is the machine'\''s' "$(in_web cat /proc/1/comm)" sh
[ "$(in_web sh -c 'echo /proc/[0-9]*' | wc -w)" -lt 8 ] ||
	fail 'processes of the host are to be seen'
for ns in pid mnt uts ipc net cgroup; do
	[ "$(in_web readlink /proc/self/ns/$ns)" != "$(readlink /proc/self/ns/$ns)" ] ||
		fail "the $ns namespace is the host's"
done
is 'homes are empty' "$(in_web ls -A /home)" ''
is '/mnt, /media, /srv and /tmp are empty' \
	"$(in_web ls -A /mnt /media /srv /tmp | grep -v -e '^/.*:$' -e '^$')" ''
call in_web ls "/tmp/$mark" "$work/$mark"
[ "$rc" -ne 0 ] || fail 'files of the host are to be seen'
for file in /root/.[!.]* /root/*; do
	case $file in
	*/.bashrc|*/.profile|*/.bash_logout) continue ;;
	esac
	[ ! -e "$file" ] || ! in_web test -e "$file" || fail "$file is to be seen"
done
is 'only system directories' "$(in_web ls / | tr '\n' ' ' |
	sed 's/lib[a-z0-9]* //g')" \
	'bin boot dev etc home media mnt opt proc root run sbin srv sys tmp usr var '
is 'devices' "$(in_web ls /dev | tr '\n' ' ')" \
	'fd full null ptmx pts random shm stderr stdin stdout tty urandom zero '
in_web sh -c 'echo x >/dev/null && : >/dev/shm/x && : >/run/x' || fail 'devices do not work'

in_web sh -c 'echo mine >/etc/mine; rm /etc/fstab /usr/bin/[; mkdir /usr/share/mine' ||
	fail 'cannot write'
[ ! -e /etc/mine ] && [ -e /usr/bin/[ ] && [ ! -e /usr/share/mine ] ||
	fail 'the host changed'
in_web mv /usr/share/doc /usr/share/doc2 || fail 'a directory cannot be renamed'
ok 'restart' "$orb" restart web
is 'changes stay' "$(in_web cat /etc/mine)" mine
[ "$("$orb" run -m web ls /usr/share/doc2 | wc -l)" -gt 1 ] || fail 'rename lost'

in_web sh -c 'for i in 1 2 3; do (sleep 0.01 & ) ; done'
no_zombies()
{
	not grep -qs '^State:.Z' "/proc/$(machine_pid web)/root/proc/"[0-9]*/status
}
until_ok 5 no_zombies || fail 'process 1 does not reap'

printf '#!/bin/sh\necho from rc.local\n: >/etc/booted\n' |
	in_web sh -c 'cat >/etc/rc.local; chmod 755 /etc/rc.local'
ok 'restart' "$orb" restart web
until_ok 5 in_web test -e /etc/booted || fail 'rc.local does not run'
has 'the console log' "$("$orb" logs web)" 'from rc.local'
rm -f "/tmp/$mark"
done_testing
