# net.sh: a bridge per home and an address per running machine.  Root only; a
# machine of an ordinary user has its loopback and no more.
#
# $home/net holds `TAG SUBNET`: the bridge is orbTAG, the host's end of machine
# number INDEX is orbTAG-INDEX.  The subnet is chosen whenever the bridge is
# made, so that it never covers a route that the host has.  $home/addr/INDEX is
# a hard link to a machine's id file: taking an address is one atomic link(2).

# net_load: sets tag, bridge and subnet (the first two numbers and an even
# third one), or fails when there never was a network.
net_load()
{
	[ -f "$home/net" ] && read -r tag subnet <"$home/net" || return 1
	bridge=orb$tag
	subnet_head=${subnet%.*}
	subnet_third=${subnet##*.}
}

# net_address INDEX: sets ip4, ip6, gateway and veth.
net_address()
{
	ip4=$subnet_head.$((subnet_third + $1 / 256)).$(($1 % 256))
	gateway=$subnet_head.$subnet_third.1
	ip6=
	[ ! -d /proc/sys/net/ipv6 ] || ip6=$(printf \
		'fd07:b51a:1%s:1%s::%x' "${tag%???}" "${tag#???}" "$1")
	veth=$bridge-$1
}

# subnet_choose: prints the first /23 that meets no route of the host.
subnet_choose()
{
	sc_wish=
	[ ! -e "$home/config" ] || while read -r sc_key sc_value; do
		[ "$sc_key" != network.subnet4 ] || sc_wish=${sc_value%.0/23}
	done <"$home/config"
	case $sc_wish in
	*[!0-9.]*|*.*.*.*) sc_wish= ;;
	*.*.*[13579]) sc_wish= ;;
	*.*.*)	;;
	*)	sc_wish= ;;
	esac
	ip -4 route show table all | awk -v wish="$sc_wish" '
	function number(a,	p) {
		split(a, p, ".")
		return ((p[1] * 256 + p[2]) * 256 + p[3]) * 256 + p[4]
	}
	{
		i = ($1 ~ /^[0-9]/) ? 1 : 2
		if ($i !~ /^[0-9.]+(\/[0-9]+)?$/) next
		n = split($i, part, "/")
		bits = n > 1 ? part[2] : 32
		if (bits == 0) next
		from[++routes] = number(part[1])
		to[routes] = from[routes] + 2 ^ (32 - bits) - 1
	}
	function try(head, third,	a, i) {
		a = number(head "." third ".0")
		for (i = 1; i <= routes; i++)
			if (from[i] <= a + 511 && to[i] >= a)
				return
		print head "." third
		found = 1
		exit
	}
	END {
		if (split(wish, w, ".") == 3) try(w[1] "." w[2], w[3])
		if (found) exit
		for (t = 138; t < 160; t += 2) try("192.168", t)
		for (t = 0; t < 256; t += 2) try("10.138", t)
		for (t = 0; t < 256; t += 2) try("172.29", t)
	}'
}

# bridge_up: makes the bridge unless it is there.
bridge_up()
{
	net_load && [ -d "/sys/class/net/$bridge" ] && return
	# Two homes must not choose the same subnet at the same moment.
	command exec 7>>/run/orbctl-local.lock && flock -w 60 7 || return 1
	home_lock
	bridge_make && bm_rc=0 || bm_rc=1
	home_unlock
	exec 7>&-
	return "$bm_rc"
}

bridge_make()
{
	if net_load; then
		[ ! -d "/sys/class/net/$bridge" ] || return 0
	else
		read -r tag </proc/sys/kernel/random/uuid
		tag=${tag%%-*}
		tag=${tag#??}
	fi
	subnet=$(subnet_choose)
	[ -n "$subnet" ] || return 1
	bridge=orb$tag
	bm_ip6=
	[ ! -d /proc/sys/net/ipv6 ] ||
		bm_ip6="addr add fd07:b51a:1${tag%???}:1${tag#???}::1/64 dev $bridge nodad"
	printf '%s\n' "link add $bridge type bridge" \
		"addr add $subnet.1/23 dev $bridge" \
		"link set $bridge up" "$bm_ip6" | ip -batch - || return 1
	printf '%s %s\n' "$tag" "$subnet" >"$home/net.new" &&
		mv -f "$home/net.new" "$home/net"
	net_load
}

# net_take: gives the machine in $dir an address; sets index and what
# net_address sets.
net_take()
{
	nt_last=
	[ ! -e "$dir/index" ] || read -r nt_last <"$dir/index"
	for nt_pass in 1 2; do
		for index in ${nt_last:-} $(seq 2 510); do
			[ ! -e "$home/addr/$index" ] || continue
			ln "$dir/id" "$home/addr/$index" 2>/dev/null || continue
			bridge_up || {
				rm -f "$home/addr/$index"
				return 1
			}
			net_address "$index"
			printf '%s\n' "$index" >"$dir/index"
			return 0
		done
		net_sweep
	done
	return 1
}

# net_sweep: takes back the addresses of machines that died by themselves.
net_sweep()
{
	for ns_path in "$home"/addr/*; do
		[ -e "$ns_path" ] || continue
		read -r ns_id <"$ns_path" || continue
		ns_run=$home/machines/$ns_id/run
		if [ -e "$ns_run" ]; then
			read -r ns_a ns_b ns_c ns_d <"$ns_run" || ns_a=
			is_alive "$ns_a" "$ns_b" "$ns_c" && continue
		elif [ -e "$home/machines/$ns_id/starting" ]; then
			read -r ns_a ns_b ns_c <"$home/machines/$ns_id/starting"
			is_alive "$ns_a" "$ns_b" "$ns_c" && continue
		fi
		rm -f "$ns_path"
	done
}

# net_give INDEX: gives an address back; the last one takes the bridge along.
net_give()
{
	net_load || return 0
	[ ! -e "/sys/class/net/$bridge-$1" ] ||
		ip link del "$bridge-$1" 2>/dev/null
	rm -f "$home/addr/$1"
	net_unused || return 0
	home_lock
	net_unused && [ -d "/sys/class/net/$bridge" ] &&
		ip link del "$bridge" 2>/dev/null
	home_unlock
}

net_unused()
{
	for nu_path in "$home"/addr/*; do
		[ ! -e "$nu_path" ] || return 1
	done
}
