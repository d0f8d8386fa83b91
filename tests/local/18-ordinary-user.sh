# Goal: an ordinary user has machines too, or one clear sentence why not.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

command -v useradd >/dev/null || missing 'useradd is not installed: apt-get install passwd'
user=orbt$$
useradd -m -d "$work/$user" "$user" || fail 'useradd fails'
trap 'userdel "$user"; tidy' EXIT
cat >"$work/as-user" <<'END'
unset ORBCTL_LOCAL_HOME
orb=$1
cd || exit 1
set -e
"$orb" create local mine
"$orb" run -m mine sh -c 'hostname; id -u; echo data >/etc/data; pwd'
"$orb" list -qr
"$orb" clone mine other
"$orb" run -m other cat /etc/data
"$orb" export mine mine.tar.zst
"$orb" import -n third mine.tar.zst
"$orb" run -m third cat /etc/data
"$orb" run -m third sh -c 'sleep 1009 & exit 3' || echo "status $?"
"$orb" stop mine
"$orb" start mine
"$orb" push -m mine mine.tar.zst /root/a
"$orb" pull -m mine /root/a b
cmp mine.tar.zst b
"$orb" info mine -f json | grep '"ip4"'
"$orb" delete -f -a
"$orb" list -f json
find .local/share/orbctl-local/machines -mindepth 1
END
# The tools of the test may lie where only root can go.
cp -r "$(dirname "$(readlink -f "$orb")")" "$work/program"
if ! su -s /bin/sh "$user" -c 'unshare --user --map-root-user true' 2>/dev/null; then
	call su -s /bin/sh "$user" -c "unset ORBCTL_LOCAL_HOME; cd; '$work/program/orbctl-local' create local mine"
	is 'one clear sentence' "$rc|$out" '1|'
	has 'that says why' "$err" 'gives ordinary users no user namespaces'
	done_testing
fi
call su -s /bin/sh "$user" -c "sh '$work/as-user' '$work/program/orbctl-local'"
is 'the session of a user' "$rc|$out|$err" '0|mine
0
/root
mine
data
data
status 3
  "ip4": "",
[]|'

# Another user in the machine needs a range of numbers, from newuidmap.
cat >"$work/as-user" <<'END'
unset ORBCTL_LOCAL_HOME
cd || exit 1
"$1" create local mine -u someone || exit 1
"$1" run -m mine sh -c 'id -un; pwd; : >~/file; stat -c %U ~/file'
"$1" delete -f mine
find .local/share/orbctl-local/machines -mindepth 1
END
call su -s /bin/sh "$user" -c "sh '$work/as-user' '$work/program/orbctl-local'"
if command -v newuidmap >/dev/null; then
	is 'another user' "$rc|$out|$err" '0|someone
/home/someone
someone|'
else
	is 'another user' "$rc|$err" "1|[-32098] create 'mine': setup: another user than root needs newuidmap (apt-get install uidmap)"
fi

# A kernel that grants no user namespaces.
cat >"$work/as-user" <<'END'
unset ORBCTL_LOCAL_HOME
cd || exit 1
unshare --user --map-current-user --keep-caps sh -c '
	echo 0 >/proc/sys/user/max_user_namespaces && exec "$1" create local mine' sh "$1"
rc=$?
find .local/share/orbctl-local/machines -mindepth 1
exit "$rc"
END
call su -s /bin/sh "$user" -c "sh '$work/as-user' '$work/program/orbctl-local'"
is 'without user namespaces' "$rc|$out" '1|'
has 'one clear sentence' "$err" "[-32098] create 'mine': setup: this kernel gives ordinary users no user namespaces"

left()
{
	[ -z "$(ps -o pid= -u "$user")" ]
}
until_ok 5 left || fail 'processes of the user are left'
done_testing
