# Goal: the host reaches a machine, machines reach each other, and the bridge comes and goes.
# shellcheck shell=sh disable=SC2015
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local a
ok 'create' "$orb" create local b
ok 'create' "$orb" create local alone --isolate-network
read -r tag subnet <"$ORBCTL_LOCAL_HOME/net"
[ -d "/sys/class/net/orb$tag" ] || fail 'there is no bridge'
address()
{
	"$orb" info "$1" -f json | sed -n "s/.*\"$2\": \"\(.*\)\".*/\1/p"
}
listen='use IO::Socket::INET; $| = 1;
	my $l = IO::Socket::INET->new(LocalPort => 7007, Listen => 5, ReuseAddr => 1) or die;
	while (my $c = $l->accept) { print $c "hello\n"; close $c }'
connect='use IO::Socket::INET;
	my $c = IO::Socket::INET->new(PeerAddr => "$ARGV[0]:7007", Timeout => 2) or exit 1;
	print <$c>'
"$orb" run -m a sh -c 'setsid perl -e "$1" </dev/null >/dev/null 2>&1 &
	until [ "$(cut -d" " -f6 "/proc/$!/stat")" = "$!" ]; do :; done' sh "$listen"
ip=$(address a ip4)
until_ok 5 perl -e "$connect" "$ip" >/dev/null || fail 'the host does not reach a'
is 'from the host' "$(perl -e "$connect" "$ip")" hello
is 'from b' "$("$orb" run -m b perl -e "$connect" "$ip")" hello
is 'isolated: loopback only' "$("$orb" run -m alone ls /sys/class/net)" lo
is 'isolated: no address' "$(address alone ip4)" ''
ip6=$(address a ip6)
[ -z "$ip6" ] || has 'IPv6' "$("$orb" run -m a ip -6 -o addr show dev eth0)" "$ip6/64"

"$orb" stop a
is 'no address when stopped' "$(address a ip4)" ''
[ -d "/sys/class/net/orb$tag" ] || fail 'the bridge went too early'
ok 'start' "$orb" start a
is 'the same address again' "$(address a ip4)" "$ip"
"$orb" stop a
"$orb" stop b
[ ! -d "/sys/class/net/orb$tag" ] || fail 'the bridge stays'

# Another home gets another bridge and another subnet.
ok 'start' "$orb" start b
other=$work/other
ORBCTL_LOCAL_HOME=$other "$orb" create local a
read -r other_tag other_subnet <"$other/net"
ORBCTL_LOCAL_HOME=$other "$orb" delete -f a
read -r tag subnet <"$ORBCTL_LOCAL_HOME/net"
[ "$tag" != "$other_tag" ] && [ "$subnet" != "$other_subnet" ] ||
	fail "two homes share $tag or $subnet"
[ ! -d "/sys/class/net/orb$other_tag" ] || fail 'the other bridge stays'
done_testing
