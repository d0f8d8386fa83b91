# Goal: push and pull are cp, with its rules and its messages.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local web -u someone
cd "$work" || exit 1
mkdir -p src/sub
head -c 100000 /dev/urandom >src/sub/bytes
echo one >one
echo two >'t w o'
in_web()
{
	"$orb" run -m web -u root "$@"
}

ok 'one argument' "$orb" push one
is 'goes home' "$(in_web cat /home/someone/one)" one
is 'and is the user'\''s' "$(in_web stat -c %U /home/someone/one)" someone
ok 'relative destination' "$orb" push -m web 't w o' named
is 'is in the home' "$(in_web cat /home/someone/named)" two
ok 'a directory' "$orb" push -m web src /tmp/dir
in_web cat /tmp/dir/sub/bytes >got
cmp src/sub/bytes got || fail 'bytes differ'
ok 'a directory into one' "$orb" push -m web src /tmp/dir
is 'nests' "$(in_web ls /tmp/dir | tr '\n' ' ')" 'src sub '
ok 'several' "$orb" push -m web one 't w o' /tmp/dir
is 'all there' "$(in_web ls /tmp/dir | tr '\n' ' ')" 'one src sub t w o '
ok 'to a root-owned path' "$orb" push -m web one /etc/one
call "$orb" push -m web one nope /tmp/none
is 'no such directory' "$rc|$out|$err" "1||cp: target '/tmp/none': No such file or directory"
call "$orb" push -m web nope /tmp
is 'no such source' "$rc|$out|$err" "1||cp: cannot stat '$work/nope': No such file or directory"

mkdir back
ok 'pull' "$orb" pull -m web /tmp/dir back
cmp src/sub/bytes back/dir/sub/bytes || fail 'bytes differ'
ok 'relative source' "$orb" pull -m web named back/x
is 'from the home' "$(cat back/x)" two
ok 'one argument' sh -c 'cd back && "$1" pull -m web /home/someone/one' sh "$orb"
is 'comes here' "$(cat back/one)" one
call "$orb" pull -m web /nope back
is 'no such source' "$rc|$out|$err" "1||cp: cannot stat '/nope': No such file or directory"
# A link in the machine leads to the machine's file, never to the host's.
in_web sh -c 'mkdir /opt/etc; echo guest >/opt/etc/hostname; ln -s /opt/etc /root/link'
ok 'pull through a link' "$orb" pull -m web /root/link/hostname back/link
is 'the machine'\''s file' "$(cat back/link)" guest
ok 'stop' "$orb" stop web
ok 'pull starts a machine' "$orb" pull -m web /etc/hostname back/
is 'got it' "$(cat back/hostname)" web
cd /
done_testing
