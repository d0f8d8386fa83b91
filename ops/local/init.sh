# init.sh: process 1 of a machine.
#
# It reaps orphans, runs /etc/rc.local if that is executable, and on TERM asks
# all others to end and ends itself, which makes the kernel kill what is left.
# The same shell does for all of it: `wait` reaps whatever child ends.
#
# Descriptor 1 leads to the process that boots us and 2 to the console log.
# Descriptor 5 brings one word once the boot is on record; when it ends
# without, nobody knows of us and we must not stay.

leave()
{
	trap '' TERM HUP INT
	echo "[$(date +%T)] stopping"
	kill -TERM -1 2>/dev/null
	kill -CONT -1 2>/dev/null
	# Whoever stops us sets the limit; this one is for a lonely TERM.  HUP is
	# for shells, which take no TERM; sooner it would cut off TERM's handlers.
	tries=0
	while [ "$tries" -lt 200 ] && others; do
		[ "$tries" -ne 25 ] || kill -HUP -1 2>/dev/null
		tries=$((tries + 1))
		sleep 0.02
	done
	echo "[$(date +%T)] stopped"
	exit 0
}

# others: whether any process but this one is left.
others()
{
	for path in /proc/[0-9]*; do
		[ "$path" = /proc/1 ] || return 0
	done
	return 1
}

trap leave TERM
trap '' HUP INT
echo ready
exec 1>&2
IFS= read -r word <&5 || exit 1
exec 5<&-
cd /
exec </dev/null

echo "[$(date +%T)] $(cat /proc/sys/kernel/hostname) is up"
if [ -x /etc/rc.local ]; then
	setsid /etc/rc.local </dev/null &
fi
while :; do
	sleep infinity &
	wait $!
done
