# shellcheck shell=sh
# lib.sh: what the tests of orbctl-local share.  Source it first; it makes a
# state directory of its own and, at the end, deletes all machines in it and
# checks that nothing is left on the host.
#
#	is WHAT GOT WANT	compares two strings
#	has WHAT TEXT PART	PART occurs in TEXT
#	ok WHAT COMMAND...	COMMAND succeeds
#	call COMMAND...		sets rc, out, err; never fails
#	until_ok SECONDS COMMAND...	polls until COMMAND succeeds
#	done_testing		the last line of a test
# The first failure ends the test.

set -u
here=$(cd "${0%/*}" && pwd)
orb=${ORBCTL_LOCAL:-$here/../../ops/local/orbctl-local}

missing()
{
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	exit 1
}

[ -n "${ANY_USER-}" ] || [ "$(id -u)" -eq 0 ] ||
	missing 'these tests need root: run them with sudo'
for tool in unshare nsenter setpriv flock ip awk tar zstd perl mkfifo; do
	command -v "$tool" >/dev/null || missing "$tool is not installed:\
 apt-get install util-linux iproute2 mawk tar zstd perl-base coreutils"
done

work=$(mktemp -d /var/tmp/orbctl-local-test.XXXXXX) || exit 1
chmod 755 "$work"
ORBCTL_LOCAL_HOME=$work/home
export ORBCTL_LOCAL_HOME
HOME=${HOME:-/root}
export HOME

fail()
{
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	exit 1
}

is()
{
	[ "$2" = "$3" ] || fail "$1
 got: $2
want: $3"
}

has()
{
	case $2 in
	*"$3"*)	;;
	*)	fail "$1
     got: $2
without: $3" ;;
	esac
}

ok()
{
	ok_what=$1
	shift
	"$@" || fail "$ok_what (status $?)"
}

call()
{
	out=$("$@" 2>"$work/err") && rc=0 || rc=$?
	err=$(cat "$work/err")
}

until_ok()
{
	uo_left=$(($1 * 50))
	shift
	until "$@"; do
		[ "$uo_left" -gt 0 ] || return 1
		uo_left=$((uo_left - 1))
		sleep 0.02
	done
}

not()
{
	! "$@"
}

# machine_pid NAME: process 1, as the host numbers it.
machine_pid()
{
	mp_id=$(cat "$ORBCTL_LOCAL_HOME/names/$1")
	read -r mp_pid mp_rest <"$ORBCTL_LOCAL_HOME/machines/$mp_id/run"
	echo "$mp_pid"
}

milliseconds()
{
	date +%s%3N
}

# nothing_left: no process, network device, cgroup or mount of our machines.
nothing_left()
{
	nl_bad=
	nl_found=$(find /proc/[0-9]*/fd -lname "$ORBCTL_LOCAL_HOME/*" \
		2>/dev/null | head -n 3)
	[ -z "$nl_found" ] || nl_bad="processes: $nl_found"
	if [ -e "$ORBCTL_LOCAL_HOME/net" ]; then
		read -r nl_tag nl_rest <"$ORBCTL_LOCAL_HOME/net"
		for nl_path in /sys/class/net/orb"$nl_tag"*; do
			[ ! -e "$nl_path" ] || nl_bad="$nl_bad device: $nl_path"
		done
	fi
	while read -r nl_id; do
		for nl_path in /sys/fs/cgroup/orbctl-local/"$nl_id" \
		    /sys/fs/cgroup/*/orbctl-local/"$nl_id"; do
			[ ! -e "$nl_path" ] || nl_bad="$nl_bad cgroup: $nl_path"
		done
	done <"$work/ids"
	if grep -q " $ORBCTL_LOCAL_HOME" /proc/self/mountinfo; then
		nl_bad="$nl_bad mounts"
	fi
	for nl_path in "$ORBCTL_LOCAL_HOME"/machines/* \
	    "$ORBCTL_LOCAL_HOME"/machines/.[!.]* \
	    "$ORBCTL_LOCAL_HOME"/names/* "$ORBCTL_LOCAL_HOME"/addr/*; do
		[ ! -e "$nl_path" ] || nl_bad="$nl_bad file: $nl_path"
	done
	[ -z "$nl_bad" ]
}

note_ids()
{
	ls "$ORBCTL_LOCAL_HOME/machines" >>"$work/ids" 2>/dev/null || :
}

tidy()
{
	trap - EXIT
	note_ids
	"$orb" delete -f -a >/dev/null 2>&1
	rm -rf -- "$work"
}
: >"$work/ids"
trap tidy EXIT
trap 'exit 143' TERM INT HUP

done_testing()
{
	note_ids
	"$orb" delete -f -a || fail 'delete -f -a fails'
	until_ok 5 nothing_left || fail "left behind: $nl_bad"
	exit 0
}
