# Goal: an export is written from its beginning to its end, into whatever file
# it is given, and one that is ended leaves no file and a machine that runs on.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local one
"$orb" run -m one -u root sh -c 'head -c 30000000 /dev/urandom >/root/big'
want=$("$orb" run -m one -u root sh -c 'cksum </root/big')

# A reader that takes it as it comes sees all of it, in order.
mkfifo "$work/pipe"
cat "$work/pipe" >"$work/copy.tar.zst" &
ok 'export into a pipe' "$orb" export one "$work/pipe"
wait $!
ok 'import of what was read' "$orb" import -n two "$work/copy.tar.zst"
is 'the same bytes' "$("$orb" run -m two -u root sh -c 'cksum </root/big')" "$want"
[ -p "$work/pipe" ] || fail 'the pipe is gone'

# Ended in the middle: nobody reads on.
"$orb" export one "$work/pipe" 2>/dev/null &
pid=$!
head -c 1000 "$work/pipe" >/dev/null
kill "$pid" 2>/dev/null
wait "$pid" && fail 'an export without a reader succeeds'
is 'it runs on' "$("$orb" run -m one echo yes)" yes

# Ended by a signal: no file is left.
setsid "$orb" export one "$work/half.tar.zst" 2>/dev/null &
pid=$!
until_ok 10 test -s "$work/half.tar.zst"
kill -TERM -"$pid" 2>/dev/null
wait "$pid"
rc=$?
if [ "$rc" -ne 0 ]; then
	[ ! -e "$work/half.tar.zst" ] || fail 'half an archive is left'
fi
is 'it runs on after that' "$("$orb" run -m one echo yes)" yes
ok 'and can be exported' "$orb" export one "$work/whole.tar.zst"
done_testing
