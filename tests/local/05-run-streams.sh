# Goal: the three streams of run are byte-exact and kept apart, on pipes and sockets.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local web
head -c 10485760 /dev/urandom >"$work/in"
"$orb" run -m web cat <"$work/in" | cat >"$work/out"
cmp "$work/in" "$work/out" || fail '10 MiB through a pipe differ'
cat "$work/in" | "$orb" run -m web sh -c 'cat >&2' 2>"$work/out" >"$work/empty"
cmp "$work/in" "$work/out" || fail '10 MiB to stderr differ'
[ ! -s "$work/empty" ] || fail 'stderr leaks into stdout'
call "$orb" run -m web sh -c 'echo out; echo err >&2; kill -KILL $$'
is 'streams and death' "$rc|$out|$err" '137|out|err'
is 'end of input arrives' "$("$orb" run -m web cat </dev/null | wc -c)" 0
is 'closed stdin' "$("$orb" run -m web echo x <&-)" x

# stdin and stdout as one socket, as a daemon in C may give them.
cat >"$work/socket.pl" <<'END'
use Socket;
socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, 0) or die;
my $pid = fork;
if (!$pid) {
	close $ours;
	open STDIN, '<&', $theirs; open STDOUT, '>&', $theirs;
	exec @ARGV;
}
close $theirs;
syswrite $ours, "ping\n";
shutdown $ours, 1;
local $/;
my $got = <$ours>;
waitpid $pid, 0;
print $got;
exit($? >> 8);
END
is 'a socket' "$(perl "$work/socket.pl" "$orb" run -m web sh -c 'cat; exit 0')" ping
done_testing
