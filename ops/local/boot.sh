# boot.sh: from fresh namespaces to process 1.  Run by machine_boot (power.sh)
# in two steps, each a process of its own:
#
#	boot.sh outer	has the machine's mount, UTS, IPC, network (and user)
#			namespaces; makes the root and the network, forks
#			the inner step into a new PID namespace, prints
#			`pid N` and ends.
#	boot.sh inner	is process 1: mounts /proc, changes the root and
#			becomes init.sh.
#
# All mounts are made in the machine's own mount namespace, so that the kernel
# takes them away when the machine's last process is gone, however it went.
# The variables M_* come from machine_boot.  Any failure ends the step; the
# last line on stderr is the reason that the caller is told.

# shellcheck disable=SC1007,SC2031

set -eu

# What of the host's top level shows in a machine.  All else (homes, /root,
# mount points, what people keep at /) gets a whiteout in the upper layer: one
# device node, no copy, and a directory made over it later is opaque by the
# kernel's own doing.
shown_of_host()
{
	case $1 in
	bin|sbin|lib|lib32|lib64|libx32|libexec|usr|etc|var|opt|nix|gnu) ;;
	# Mount points of the machine; what is below them is covered.
	dev|proc|run|sys|tmp) ;;
	*)	return 1 ;;
	esac
}

# hide PATH: a whiteout for PATH (no leading slash) in the upper layer.  The
# directories above it are made with the host's modes and owners.
hide()
{
	case $1 in
	*/*)	h_list= h_rest=$1 h_dir=
		while case $h_rest in */*) ;; *) false ;; esac; do
			h_dir=${h_dir:+$h_dir/}${h_rest%%/*}
			h_rest=${h_rest#*/}
			# A symbolic link leads to a place hidden elsewhere.
			[ ! -L "/$h_dir" ] || return 0
			# What lies below a whiteout is hidden already.
			[ ! -c "upper/$h_dir" ] || return 0
			[ -d "/$h_dir" ] || return 0
			[ -d "upper/$h_dir" ] || h_list="$h_list/$h_dir"
		done
		[ -z "$h_list" ] || h_copy_above "$1" ;;
	esac
	[ -e "/$1" ] || [ -L "/$1" ] || return 0
	[ -e "upper/$1" ] || [ -L "upper/$1" ] || mknod "upper/$1" c 0 0
}

h_copy_above()
{
	h_path=$1
	set --
	while case $h_path in */*) ;; *) false ;; esac; do
		h_path=${h_path%/*}
		[ -d "upper/$h_path" ] || set -- "$h_path" "$@"
	done
	# In a user namespace most owners have no number to give away.
	if [ "$M_ROOT" = 1 ]; then
		tar -C / --no-recursion -cf - -- "$@" |
		tar -C upper -xpf -
	else
		(cd upper && mkdir -p -- "$@")
	fi
}

hide_people()
{
	# New things at the host's top level are hidden at each boot.
	[ "$M_BASE" != local ] || for hp_path in /* /.[!.]*; do
		hp_name=${hp_path#/}
		shown_of_host "$hp_name" || hide "$hp_name"
	done
	[ "$M_NEW" = 1 ] || return 0
	hide var/tmp
	hide var/mail
	hide var/spool/cron
	hide "${M_HOME#/}"
}

# root_files: what a new machine has of its own, in the merged view.
root_files()
{
	for rf_dir in boot home media mnt opt srv var/tmp dev proc run sys \
	    tmp root var/mail; do
		[ -e "root/$rf_dir" ] || [ -L "root/$rf_dir" ] ||
			mkdir -p "root/$rf_dir"
	done
	[ ! -d /etc/skel ] || [ -e root/root/.profile ] ||
		cp -a /etc/skel/. root/root/ 2>/dev/null || :
	chmod 700 root/root
	chmod 1777 root/var/tmp
	read -r rf_uuid </proc/sys/kernel/random/uuid
	rf_rest=$rf_uuid rf_uuid=
	while case $rf_rest in *-*) ;; *) false ;; esac; do
		rf_uuid=$rf_uuid${rf_rest%%-*}
		rf_rest=${rf_rest#*-}
	done
	rm -f root/etc/machine-id root/etc/fstab root/etc/rc.local
	# The host's books belong to nobody that a user namespace knows: there
	# the machine gets copies, so that users can be made.
	[ "$M_ROOT" = 1 ] || for rf_book in passwd group; do
		cat "/etc/$rf_book" >"root/etc/$rf_book.new"
		mv -f "root/etc/$rf_book.new" "root/etc/$rf_book"
	done
	[ "$M_ROOT" = 1 ] || (cd root/etc && rm -f shadow gshadow subuid subgid \
		.pwd.lock passwd- group- shadow- gshadow- subuid- subgid-)
	printf '%s\n' "$rf_uuid$rf_rest" >root/etc/machine-id
	: >root/etc/fstab
}

# root_names: host name, hosts and resolver, at each boot.
root_names()
{
	# They may be links, or in a user namespace nobody's that we know.
	rm -f root/etc/hostname root/etc/hosts root/etc/resolv.conf
	printf '%s\n' "$M_NAME" >root/etc/hostname
	{
		printf '127.0.0.1\tlocalhost\n'
		printf '::1\tlocalhost ip6-localhost ip6-loopback\n'
		printf '%s\t%s.orb.local %s\n' "${M_IP4:-127.0.1.1}" \
			"$M_NAME" "$M_NAME"
		[ -z "$M_GATEWAY" ] || printf '%s\t%s\n' "$M_GATEWAY" \
			'host.orb.internal host.internal'
	} >root/etc/hosts
	# A resolver on the host's own loopback is out of reach.
	rn_from=/etc/resolv.conf
	[ ! -e /run/systemd/resolve/resolv.conf ] ||
		rn_from=/run/systemd/resolve/resolv.conf
	: >root/etc/resolv.conf
	[ ! -r "$rn_from" ] || while IFS= read -r rn_line; do
		printf '%s\n' "$rn_line"
	done <"$rn_from" >root/etc/resolv.conf
}

# device_nodes: a minimal /dev.  Root copies the nodes; a user namespace may
# not make any, so there the host's are bound.
device_nodes()
{
	mount -t tmpfs -o nosuid,mode=755,size=1m dev root/dev
	mkdir -m 755 root/dev/pts
	mkdir -m 1777 root/dev/shm
	if [ "$M_ROOT" = 1 ]; then
		cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom \
			/dev/tty root/dev/
	else
		for dn_name in null zero full random urandom tty; do
			: >"root/dev/$dn_name"
			mount --bind "/dev/$dn_name" "root/dev/$dn_name"
		done
	fi
	ln -s /proc/self/fd root/dev/fd
	ln -s /proc/self/fd/0 root/dev/stdin
	ln -s /proc/self/fd/1 root/dev/stdout
	ln -s /proc/self/fd/2 root/dev/stderr
	ln -s pts/ptmx root/dev/ptmx
	mount -t devpts -o "newinstance,ptmxmode=0666,mode=620$M_PTS_GID" \
		devpts root/dev/pts
	mount -t tmpfs -o nosuid,nodev,mode=1777 shm root/dev/shm
}

# shared_mounts: SRC:DEST lines of `create --isolated --mount`.
shared_mounts()
{
	[ -n "$M_MOUNTS" ] || return 0
	printf '%s\n' "$M_MOUNTS" | while IFS= read -r sm_line; do
		sm_from=${sm_line%%:*} sm_to=${sm_line#*:}
		[ -d "root/$sm_to" ] || mkdir -p -- "root/$sm_to"
		mount --rbind -- "$sm_from" "root/$sm_to"
	done
}

# network: both ends of the cable are made from in here, where eth0 belongs,
# so that nobody has to wait for anybody; then the other end is plugged in.
network()
{
	if [ -z "$M_IP4" ]; then
		ip link set lo up 2>/dev/null || :
		return 0
	fi
	{
		printf '%s\n' 'link set lo up' \
"link add eth0 type veth peer name $M_VETH netns $M_HOST_PID" \
"addr add $M_IP4/23 dev eth0" \
'link set eth0 up' \
"route add default via $M_GATEWAY"
		[ -z "$M_IP6" ] ||
			printf '%s\n' "addr add $M_IP6/64 dev eth0 nodad"
	} | ip -batch -
	nsenter -t "$M_HOST_PID" -n \
		ip link set "$M_VETH" master "$M_BRIDGE" up
}

# overlay_whole: one overlay of the lower root.  Directories of the lower layer
# can be renamed only with a redirect, which the kernel grants to real root
# alone.
overlay_whole()
{
	[ "$M_BASE" != local ] || hide_people
	mount -t overlay -o "lowerdir=$M_LOWER,upperdir=upper,workdir=work,\
redirect_dir=on" orbctl-local root
}

# overlay_pieces: one overlay each for /usr, /etc and so on.  The kernel does not
# let a user namespace take / itself for a layer, because of the mounts in it;
# and an overlay of / never shows what is mounted below.
overlay_pieces()
{
	op_how=redirect_dir=on
	[ "$M_ROOT" = 1 ] || op_how=userxattr
	mkdir -p upper/root
	[ "$M_NEW" = 0 ] || hide_people
	mount --bind upper/root root
	for op_path in /*; do
		op_name=${op_path#/}
		shown_of_host "$op_name" || continue
		if [ -L "$op_path" ]; then
			[ -L "root/$op_name" ] || cp -d "$op_path" root/
			continue
		fi
		case $op_name in
		dev|proc|run|sys|tmp) continue ;;
		esac
		mkdir -p "upper/$op_name" "work/$op_name" "root/$op_name"
		mount -t overlay -o "lowerdir=$op_path,\
upperdir=upper/$op_name,workdir=work/$op_name,$op_how" \
			orbctl-local "root/$op_name"
	done
}

outer()
{
	cd "$M_DIR"
	case $M_BASE in
	pieces*) overlay_pieces ;;
	*)	overlay_whole ;;
	esac
	[ "$M_NEW" = 0 ] || root_files
	root_names
	# Writing it asks for no program; a user namespace needs the program.
	{ printf '%s' "$M_NAME" >/proc/sys/kernel/hostname; } 2>/dev/null ||
		hostname -- "$M_NAME"
	mount -t tmpfs -o nosuid,nodev,mode=755 run root/run
	mount -t tmpfs -o nosuid,nodev,mode=1777 tmp root/tmp
	mkdir root/run/lock root/run/host
	device_nodes
	mount -t sysfs -o ro,nosuid,nodev,noexec sysfs root/sys
	shared_mounts
	network
	unshare --pid sh -c '
		sh "$1/boot.sh" inner 2>&4 4>&- &
		echo "pid $!"' sh "$M_PARTS"
}

inner()
{
	cd "$M_DIR/root"
	mount -t proc -o nosuid,nodev,noexec proc proc
	cat "$M_PARTS/init.sh" >run/host/init.sh
	mkdir run/host/old
	pivot_root . run/host/old
	cd /
	umount -l run/host/old
	rmdir run/host/old
	# A shell starts its background jobs with INT and QUIT ignored, which
	# nobody in the machine could take back.
	exec env -i --default-signal TERM=linux LANG=C.UTF-8 \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		HOME=/root USER=root LOGNAME=root SHELL=/bin/sh \
		setsid /bin/sh /run/host/init.sh
}

"$1"
