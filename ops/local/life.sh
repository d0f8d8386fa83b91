# life.sh: create, clone, start, stop, restart, delete, rename.
#
# Every operation holds the lock of its machine.  A create or clone that fails
# or is told to end takes back what it made; one that was killed leaves a
# directory without a record, which nobody lists and the next create or delete
# clears away.

. "$parts/net.sh"
. "$parts/cgroup.sh"

stop_grace=5

# ulid: prints an ID: 48 bits of time in ms, then 80 random ones.
ulid()
{
	read -r u_hex </proc/sys/kernel/random/uuid
	date +%s%3N | awk -v hex="$u_hex" '{
		digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
		time = $1
		for (i = 0; i < 10; i++) {
			id = substr(digits, time % 32 + 1, 1) id
			time = int(time / 32)
		}
		gsub(/-/, "", hex)
		for (i = 0; i < 16; i++) {
			high = index("0123456789abcdef", substr(hex, 2 * i + 1, 1)) - 1
			low = index("0123456789abcdef", substr(hex, 2 * i + 2, 1)) - 1
			id = id substr(digits, (high * 16 + low) % 32 + 1, 1)
		}
		print id
	}'
}

# host_image: sets host_distro, host_version, host_number and host_arch.
host_image()
{
	host_distro=linux host_version= host_number=
	if [ -r /etc/os-release ]; then
		while IFS='=' read -r hi_key hi_value; do
			hi_value=${hi_value#[\"\']}
			hi_value=${hi_value%[\"\']}
			case $hi_key in
			ID)	host_distro=$hi_value ;;
			VERSION_CODENAME) host_version=$hi_value ;;
			VERSION_ID) host_number=$hi_value ;;
			esac
		done </etc/os-release
	fi
	host_version=${host_version:-${host_number:-current}}
	host_arch=$(uname -m)
	case $host_arch in
	x86_64)	host_arch=amd64 ;;
	aarch64) host_arch=arm64 ;;
	esac
}

# image_choose WORD: WORD is DISTRO[:VERSION[:ARCH]]; sets r_distro,
# r_version, r_arch, r_base, or why and fails.
image_choose()
{
	host_image
	ic_distro=${1%%:*} ic_version=
	case $1 in *:*) ic_version=${1#*:} ;; esac
	r_arch=${opt_arch:-$host_arch} r_base=local
	[ "$me" -eq 0 ] || r_base=pieces
	case $ic_version in
	*:*)	r_arch=${ic_version#*:} ic_version=${ic_version%%:*} ;;
	esac
	case $r_arch in
	x86_64)	r_arch=amd64 ;;
	aarch64) r_arch=arm64 ;;
	esac
	why="arch '$r_arch' does not run on this $host_arch host"
	[ "$r_arch" = "$host_arch" ] || return 1
	if [ "$ic_distro" = local ]; then
		r_distro=$host_distro r_version=$host_version
		why="unknown version '$ic_version' for 'local'"
		case $ic_version in
		''|"$host_version"|"$host_number") return 0 ;;
		esac
		return 1
	fi
	case $ic_distro in
	alma|alpine|arch|centos|debian|devuan|fedora|gentoo|kali|nixos) ;;
	openeuler|opensuse|oracle|rocky|ubuntu|void) ;;
	*)	why="unknown distro '$ic_distro'"
		return 1 ;;
	esac
	r_distro=$ic_distro
	case $ic_distro:$ic_version in
	debian:)	r_version=bookworm ;;
	debian:11)	r_version=bullseye ;;
	debian:12)	r_version=bookworm ;;
	debian:13)	r_version=trixie ;;
	ubuntu:)	r_version=noble ;;
	ubuntu:20.04)	r_version=focal ;;
	ubuntu:22.04)	r_version=jammy ;;
	ubuntu:24.04)	r_version=noble ;;
	ubuntu:25.04)	r_version=plucky ;;
	ubuntu:25.10)	r_version=questing ;;
	ubuntu:26.04)	r_version=resolute ;;
	*)		r_version=$ic_version ;;
	esac
	# The host's own distro needs no download: its root serves.
	if [ "$ic_distro" = "$host_distro" ]; then
		case $ic_version in
		''|"$host_version"|"$host_number")
			r_version=$host_version
			return 0 ;;
		esac
	fi
	case $ic_distro:$r_version in
	debian:bullseye|debian:bookworm|debian:trixie|debian:sid) ;;
	ubuntu:focal|ubuntu:jammy|ubuntu:noble|ubuntu:plucky) ;;
	ubuntu:questing|ubuntu:resolute) ;;
	debian:*|ubuntu:*)
		why="unknown version '$ic_version' for '$ic_distro'"
		return 1 ;;
	*)	why="make rootfs: no image of '$ic_distro' can be made here:"
		why="$why use local, debian or ubuntu"
		return 1 ;;
	esac
	r_base=$r_distro-$r_version
}

# image_make: has debootstrap make $home/images/$r_base unless it is there.
image_make()
{
	case $r_base in
	local|pieces) return 0 ;;
	esac
	im_dir=$home/images/$r_base
	[ ! -e "$im_dir/.complete" ] || return 0
	why='make rootfs: debootstrap is not installed (apt-get install debootstrap)'
	command -v debootstrap >/dev/null || return 1
	why='make rootfs: debootstrap needs root'
	[ "$me" -eq 0 ] || return 1
	exec 7>>"$home/images/$r_base.lock"
	flock 7
	if [ ! -e "$im_dir/.complete" ]; then
		rm -rf --one-file-system -- "$im_dir.new" "$im_dir"
		debootstrap --variant=minbase --arch="$r_arch" "$r_version" \
			"$im_dir.new" >"$home/images/$r_base.log" 2>&1 7>&- || {
			why=$(tail -n 1 "$home/images/$r_base.log")
			why="make rootfs: debootstrap: $why"
			rm -rf --one-file-system -- "$im_dir.new"
			exec 7>&-
			return 1
		}
		rm -rf -- "$im_dir.new/var/cache/apt/archives"
		: >"$im_dir.new/.complete"
		mv -- "$im_dir.new" "$im_dir"
	fi
	exec 7>&-
}

# name_take NAME: links $dir/id to names/NAME, or fails when it is taken.
name_take()
{
	ln "$dir/id" "$home/names/$1" 2>/dev/null && return
	home_lock
	nt_rc=1
	read -r nt_id 2>/dev/null <"$home/names/$1" || nt_id=
	nt_dir=$home/machines/$nt_id
	if [ -n "$nt_id" ] && ! half_live "$nt_dir"; then
		# Left by somebody who was killed: half made, or half renamed.
		nt_name=
		[ ! -e "$nt_dir/record" ] || nt_name=$(
			dir=$nt_dir
			record_load && printf %s "$r_name")
		if [ "$nt_name" != "$1" ]; then
			rm -f "$home/names/$1"
			ln "$dir/id" "$home/names/$1" 2>/dev/null && nt_rc=0
		fi
	fi
	home_unlock
	return "$nt_rc"
}

# half_live DIR: whether somebody is making the machine in DIR, or removing it.
half_live()
{
	[ -e "$1/creating" ] || return 1
	read -r hl_pid hl_start hl_boot <"$1/creating" || return 1
	is_alive "$hl_pid" "$hl_start" "$hl_boot"
}

# sweep: clears what killed creates and deletes left.
sweep()
{
	for sw_dir in "$home"/machines/*/ "$home"/machines/.gone-*/; do
		sw_dir=${sw_dir%/}
		case $sw_dir in
		*/.gone-*) ;;
		*)	[ ! -e "$sw_dir/record" ] || continue ;;
		esac
		# A create makes this mark first of all in its directory.
		[ -e "$sw_dir/creating" ] && ! half_live "$sw_dir" || continue
		(
			dir=$sw_dir
			id=${sw_dir##*/}
			id=${id#.gone-}
			! machine_running || kill_now
			leftovers_clear
			for sw_name in "$home"/names/*; do
				[ "$sw_name" -ef "$dir/id" ] || continue
				rm -f -- "$sw_name"
			done
			tree_remove "$dir"
		) 2>/dev/null
	done
	return 0
}

# machine_dir VERB NOUN: takes an ID and makes the directory, locked.
machine_dir()
{
	id=$(ulid)
	r_id=$id
	dir=$home/machines/$id
	making_verb=$1 making_noun=$2
	trap 'making_abort; exit 143' TERM INT HUP
	proc_stat $$
	making=1
	mkdir -- "$dir" || making_fail "cannot write to $home"
	printf '%s %s %s\n' $$ "$ps_start" "$boot_id" >"$dir/creating"
	printf '%s\n' "$id" >"$dir/id"
	exec 9>>"$dir/lock"
	flock 9
	mkdir -- "$dir/work" "$dir/root"
	mkfifo -- "$dir/go"
}

# machine_new NAME VERB NOUN: machine_dir, and the name.
machine_new()
{
	r_name=$1
	machine_dir "$2" "$3"
	name_take "$1" || making_fail "machine already exists: '$1'"
}

# making_abort: takes back what machine_new and its caller made.
making_abort()
{
	trap '' TERM INT HUP
	[ -n "${making-}" ] || return 0
	making=
	! machine_running || kill_now
	leftovers_clear
	rm -f -- "$dir/record"
	[ ! "$home/names/$r_name" -ef "$dir/id" ] ||
		rm -f -- "$home/names/$r_name"
	tree_remove "$dir" 2>/dev/null
}

# making_fail TEXT
making_fail()
{
	making_abort
	fail "$making_verb '$making_noun': $1"
}

# making_done: from here on the machine is whole and listed.
making_done()
{
	record_save || making_fail "cannot write the record"
	making=
	trap - TERM INT HUP
	rm -f -- "$dir/creating"
	machine_unlock
}

# tree_remove DIR: first out of sight, then away.  In a user namespace the
# files may belong to numbers that only the namespace can touch.
tree_remove()
{
	tr_gone=${1##*/}
	tr_gone=$home/machines/.gone-${tr_gone#.gone-}
	proc_stat $$
	printf '%s %s %s\n' $$ "$ps_start" "$boot_id" >"$1/creating" &&
	{ [ "$1" = "$tr_gone" ] || mv -T -- "$1" "$tr_gone"; } || return 1
	if [ "$me" -eq 0 ]; then
		rm -rf --one-file-system -- "$tr_gone"
	else
		user_map
		# shellcheck disable=SC2086
		unshare $map rm -rf --one-file-system -- "$tr_gone"
	fi
}

# user_map: sets map to the options that make us root of a user namespace: with
# a whole range of numbers where newuidmap allows it, else with our own alone.
user_map()
{
	map='--user --map-root-user'
	if command -v newuidmap >/dev/null &&
	    unshare $map --map-auto true 2>/dev/null; then
		map="$map --map-auto"
	fi
}

# leftovers_clear: what a machine that does not run may still have.
leftovers_clear()
{
	# The address is where a link to our id is, whatever was written down.
	for lc_path in "$home"/addr/*; do
		[ "$lc_path" -ef "$dir/id" ] || continue
		net_give "${lc_path##*/}"
	done
	cgroup_remove
	rm -f -- "$dir/run" "$dir/starting"
}

# machine_boot NEW: starts the machine in $dir (locked, record loaded, not
# running).  On failure sets why.
machine_boot()
{
	ip4= ip6= gateway= veth= bridge= index=-
	proc_stat $$
	printf '%s %s %s\n' $$ "$ps_start" "$boot_id" >"$dir/starting"
	why='no address is free, or the bridge cannot be made'
	if [ "$me" -eq 0 ] && [ "$r_isolate_network" != true ]; then
		net_take || return 1
	fi
	cgroup_make
	[ ! -e "$dir/log" ] || log_trim
	: >>"$dir/log"
	exec 6<>"$dir/go"
	mb_out=$(boot_run "$1" 5<"$dir/go" 6>&- 9>&- 4>>"$dir/log" \
		2>"$dir/boot.err")
	case $mb_out in
	"pid "*"
ready")	pid=${mb_out#pid } pid=${pid%%
*} ;;
	"ready
pid "*)	pid=${mb_out##*pid } ;;
	*)	exec 6>&-
		why=$(head -n 1 -- "$dir/boot.err" 2>/dev/null)
		[ -n "$why" ] || why=$(tail -n 1 -- "$dir/log")
		[ "$me" -eq 0 ] || boot_why_user
		leftovers_clear
		return 1 ;;
	esac
	proc_stat "$pid" || ps_start=0
	printf '%s %s %s %s\n' "$pid" "$ps_start" "$boot_id" "$index" \
		>"$dir/run.new"
	mv -f "$dir/run.new" "$dir/run"
	rm -f "$dir/starting" "$dir/boot.err"
	printf 'go\n' >&6
	exec 6>&-
}

# boot_why_user: the usual reason why an ordinary user cannot have machines.
boot_why_user()
{
	unshare --map-root-user true 2>/dev/null ||
		why="this kernel gives ordinary users no user namespaces, so only root can have machines ($why)"
}

# boot_run NEW: the outer step in its namespaces, apart from us in all ways:
# own session, own directory, no descriptor but the ones it needs.
boot_run()
{
	M_NEW=$1 M_DIR=$dir M_NAME=$r_name M_BASE=$r_base M_PARTS=$parts
	M_IP4=$ip4 M_IP6=$ip6 M_GATEWAY=$gateway M_VETH=$veth
	M_BRIDGE=$bridge M_HOST_PID=$$ M_MOUNTS=$r_mounts
	M_HOME=$(cd -P -- "$home" && pwd -P)
	M_LOWER=/ M_ROOT=0 M_PTS_GID=,gid=5
	case $r_base in
	local|pieces) ;;
	*)	M_LOWER=$M_HOME/images/$r_base ;;
	esac
	export M_NEW M_DIR M_NAME M_BASE M_PARTS M_IP4 M_IP6 M_GATEWAY \
		M_VETH M_BRIDGE M_HOST_PID M_MOUNTS M_HOME M_LOWER M_ROOT \
		M_PTS_GID
	cgroup_join
	map=--cgroup
	if [ "$me" -eq 0 ]; then
		M_ROOT=1
	else
		M_PTS_GID=
		user_map
	fi
	cd /
	# shellcheck disable=SC2086
	setsid unshare $map --mount --uts --ipc --net --propagation private \
		sh "$parts/boot.sh" outer </dev/null
}

# wait_gone SECONDS: waits until process 1 has ended, with all it had.
wait_gone()
{
	wg_left=$(($1 * 50))
	while is_alive "$pid" "$run_start" "$run_boot"; do
		[ "$wg_left" -gt 0 ] || return 1
		wg_left=$((wg_left - 1))
		sleep 0.02
	done
}

# kill_now: ends the machine that machine_running just found, at once.  The
# kernel kills all of a PID namespace with its process 1.
kill_now()
{
	cgroup_thaw
	kill -KILL "$pid" 2>/dev/null
	wait_gone 20
}

# machine_halt FORCE: stops the machine in $dir (locked), running or not.
machine_halt()
{
	if machine_running; then
		cgroup_thaw
		if [ -n "$1" ] || ! kill -TERM "$pid" 2>/dev/null ||
		    ! wait_gone "$stop_grace"; then
			kill_now || return 1
		fi
	fi
	leftovers_clear
}

# log_trim: keeps the console log bounded, at a boot.
log_trim()
{
	[ -n "$(find "$dir/log" -size +1024k)" ] || return 0
	tail -c 262144 "$dir/log" >"$dir/log.new" && mv -f "$dir/log.new" "$dir/log"
}

# size_mib SIZE: prints SIZE in MiB; a bare number is MiB already.
size_mib()
{
	sm_number=${1%%[!0-9]*}
	sm_unit=${1#"$sm_number"}
	case $sm_number in
	''|??????????*) return 1 ;;
	esac
	case $sm_unit in
	''|M|MB|MiB|m)	echo "$sm_number" ;;
	G|GB|GiB|g)	echo $((sm_number * 1024)) ;;
	T|TB|TiB|t)	echo $((sm_number * 1048576)) ;;
	*)		return 1 ;;
	esac
}

# user_make NAME: sees to it that the running machine in $dir has that user,
# with a home of its own and sudo without a password where sudo is.
user_make()
{
	case $1 in
	''|-*|*[!a-zA-Z0-9._-]*)
		why="invalid user name '$1'"
		return 1 ;;
	esac
	why=$(enter_all /bin/sh -s -- "$1" 2>&1 <<'END'
set -e
if ! getent passwd "$1" >/dev/null; then
	useradd -m -s "$(command -v bash || echo /bin/sh)" -- "$1"
fi
home=$(getent passwd "$1" | cut -d: -f6)
if [ ! -d "$home" ]; then
	mkdir -p "$home"
	[ ! -d /etc/skel ] || cp -a /etc/skel/. "$home/"
	chown -R "$1:" "$home"
fi
[ "$1" = root ] || [ ! -d /etc/sudoers.d ] || {
	printf '%s ALL=(ALL) NOPASSWD: ALL\n' "$1" >/etc/sudoers.d/90-machine
	chmod 440 /etc/sudoers.d/90-machine
}
END
	)
}

# enter_all COMMAND...: as root in all namespaces of the machine in $dir.
enter_all()
{
	machine_running || return 1
	if [ "$me" -eq 0 ]; then
		set -- --cgroup "$@"
	else
		set -- --user --preserve-credentials "$@"
	fi
	env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		nsenter --target "$pid" --mount --uts --ipc --net --pid \
		--root --wd "$@"
}

create_limits()
{
	if [ -n "${opt_cpus-}" ]; then
		cpu_check "$opt_cpus" || fail "$1: invalid number of CPUs '$opt_cpus'"
		r_cpu=$opt_cpus
	fi
	if [ -n "${opt_memory-}" ]; then
		r_memory_mib=$(size_mib "$opt_memory") ||
			fail "$1: invalid memory size '$opt_memory'"
		memory_check "$r_memory_mib" || fail "$1: $why"
	fi
	if [ -n "${opt_disk-}" ]; then
		cl_disk=$(size_mib "$opt_disk") ||
			fail "$1: invalid disk size '$opt_disk'"
		[ "$cl_disk" -eq 0 ] ||
			fail "$1: a disk limit cannot be enforced here"
	fi
}

create_mounts()
{
	[ -n "${opt_mount-}" ] || return 0
	[ -n "${opt_isolated-}" ] || fail "$1: --mount needs --isolated"
	r_mounts=$(printf '%s\n' "$opt_mount" | while IFS= read -r cm_line; do
		cm_from=${cm_line%%:*} cm_to=${cm_line#*:}
		case $cm_from:$cm_to in
		/*:/*) [ -d "$cm_from" ] && printf '%s\n' "$cm_from:$cm_to" ;;
		*) echo bad ;;
		esac || echo bad
	done)
	case "
$r_mounts
" in
	*"
bad
"*)	fail "$1: a mount is SOURCE[:DESTINATION], absolute, of a directory that exists" ;;
	esac
}

cmd_create()
{
	case $# in
	1)	name=${1%%:*} ;;
	2)	name=$2 ;;
	*)	usage_error 'create takes a distro and a name' ;;
	esac
	record_clear
	name_check "$name" || fail "create '$name': invalid name '$name': $why"
	if machine_find "$name" && [ "$found_by" = name ]; then
		fail "create '$name': machine already exists: '$name'"
	fi
	record_clear
	image_choose "$1" || fail "create '$name': $why"
	[ -z "${opt_user_data-}" ] ||
		fail "create '$name': there is no cloud-init here, so user data has no effect"
	[ -z "${opt_set_password-}" ] ||
		fail "create '$name': passwords are not asked for here; run passwd in the machine"
	create_limits "create '$name'"
	create_mounts "create '$name'"
	r_isolated=${opt_isolated:+true} r_isolated=${r_isolated:-false}
	r_isolate_network=${opt_isolate_network:+true}
	r_isolate_network=${r_isolate_network:-false}
	r_forward_ssh_agent=false
	r_username=${opt_user:-root}
	image_make || fail "create '$name': $why"
	sweep
	machine_new "$name" create "$name"
	mkdir -m 755 -- "$dir/upper" || making_fail "cannot write to $home"
	machine_boot 1 || making_fail "setup: $why"
	if [ -n "${opt_user-}" ]; then
		user_make "$opt_user" || making_fail "setup: user '$opt_user': $why"
	fi
	making_done
}

cmd_clone()
{
	[ $# -eq 2 ] || usage_error 'clone takes a source and a new name'
	machine_need "$1"
	name_check "$2" || fail "clone '$1': invalid name '$2': $why"
	source=$dir
	machine_lock
	# The source's lock moves to another descriptor: 9 is for the new one.
	exec 4>&9
	if machine_running; then
		source_pid=$pid
	else
		source_pid=
	fi
	sweep
	machine_new "$2" clone "$1"
	trap 'clone_thaw; making_abort; exit 143' TERM INT HUP
	[ -z "$source_pid" ] || clone_freeze
	if [ "$me" -eq 0 ]; then
		cp -a --reflink=auto -- "$source/upper" "$dir/upper"
	else
		user_map
		# shellcheck disable=SC2086
		unshare $map cp -a --reflink=auto -- "$source/upper" "$dir/upper"
	fi && clone_rc=0 || clone_rc=1
	clone_thaw
	[ "$clone_rc" -eq 0 ] || making_fail "copy of '$1' failed"
	r_disk_bytes=0
	making_done
	exec 4>&-
}

clone_freeze()
{
	(dir=$source; id=${source##*/}; pid=$source_pid; cgroup_freeze)
}

clone_thaw()
{
	[ -z "$source_pid" ] ||
		(dir=$source; id=${source##*/}; pid=$source_pid; cgroup_thaw)
}

# machine_start: starts the machine in $dir unless it runs; takes the lock.
machine_start()
{
	! machine_running || return 0
	machine_lock
	if ! machine_running; then
		leftovers_clear
		machine_boot 0 || fail "start '$r_name': $why"
	fi
	machine_unlock
}

# each_named FUNCTION NAME...: FUNCTION for each machine, or for all when
# opt_all is set.
each_named()
{
	en_call=$1
	shift
	if [ -n "${opt_all-}" ]; then
		# shellcheck disable=SC2046
		set -- $(each_id)
	fi
	for en_name; do
		machine_need "$en_name"
	done
	for en_name; do
		# Gone meanwhile is no failure of an order to all.
		if ! machine_find "$en_name"; then
			[ -n "${opt_all-}" ] || fail "machine not found: '$en_name'"
			continue
		fi
		"$en_call"
	done
}

cmd_start()
{
	if [ $# -eq 0 ] && [ -z "${opt_all-}" ]; then
		[ -e "$home/before" ] || return 0
		while read -r cs_id; do
			! machine_find "$cs_id" || machine_start 3<&-
		done 3<"$home/before" <&3
		rm -f -- "$home/before"
		return 0
	fi
	each_named machine_start "$@"
}

stop_one()
{
	machine_lock
	machine_halt "${opt_force-}" ||
		fail "stop '$r_name': its processes do not end"
	machine_unlock
}

cmd_stop()
{
	[ $# -gt 0 ] || [ -n "${opt_all-}" ] || {
		# The whole service: all machines, and what ran is remembered.
		for cs_id in $(each_id); do
			machine_find "$cs_id" && machine_running || continue
			printf '%s\n' "$cs_id"
		done >"$home/stopped.$$"
		mv -f "$home/stopped.$$" "$home/stopped"
		opt_all=1
	}
	each_named stop_one "$@"
}

restart_one()
{
	machine_lock
	machine_halt '' || fail "restart '$r_name': its processes do not end"
	machine_boot 0 || fail "restart '$r_name': $why"
	machine_unlock
}

cmd_restart()
{
	[ $# -gt 0 ] || [ -n "${opt_all-}" ] ||
		usage_error 'restart takes a machine'
	each_named restart_one "$@"
}

delete_one()
{
	machine_lock
	machine_halt 1 || fail "delete '$r_name': its processes do not end"
	home_lock
	rm -f -- "$home/names/$r_name"
	read -r do_default 2>/dev/null <"$home/default" || do_default=
	[ "$do_default" != "$id" ] || rm -f -- "$home/default"
	home_unlock
	why=$(tree_remove "$dir" 2>&1) || {
		why=${why%%
*}
		fail "delete rootfs: remove all x2: ${why#rm: }"
	}
	machine_unlock
}

cmd_delete()
{
	[ $# -gt 0 ] || [ -n "${opt_all-}" ] ||
		usage_error 'delete takes a machine'
	for cd_name; do
		machine_need "$cd_name"
		[ "$found_by" = name ] || panic \
'runtime error: invalid memory address or nil pointer dereference'
	done
	if [ -z "${opt_force-}" ]; then
		{
			printf '%s\n' 'WARNING: This will PERMANENTLY DELETE ALL DATA in the following machines:'
			if [ -n "${opt_all-}" ]; then
				for cd_id in $(each_id); do
					machine_find "$cd_id" && printf '  %s\n' "$r_name"
				done
			else
				printf '  %s\n' "$@"
			fi
			printf 'You cannot undo this action.\n\nContinue [y/N]? '
		} >&2
		IFS= read -r cd_answer || {
			printf '\n' >&2
			exit 1
		}
		case $cd_answer in
		y|Y|yes|Yes|YES) ;;
		*)	exit 1 ;;
		esac
	fi
	each_named delete_one "$@"
	sweep
}

cmd_rename()
{
	[ $# -eq 2 ] || usage_error 'rename takes a machine and a new name'
	machine_need "$1"
	name_check "$2" || fail "rename '$r_name': invalid name '$2': $why"
	[ "$r_name" != "$2" ] || return 0
	machine_lock
	old=$r_name
	name_take "$2" ||
		fail "rename '$old': machine already exists: '$2'"
	home_lock
	r_name=$2
	record_save || fail "rename '$old': cannot write the record"
	rm -f -- "$home/names/$old"
	home_unlock
	if machine_running; then
		enter_all /bin/sh -c 'hostname -- "$1" 2>/dev/null ||
			printf %s "$1" >/proc/sys/kernel/hostname
		printf "%s\n" "$1" >/etc/hostname
		sed -i "s/^\([0-9.]*\)	$2\.orb\.local $2\$/\1	$1.orb.local $1/" \
			/etc/hosts' sh "$2" "$old" >/dev/null 2>&1 ||
			warn "the host name inside follows at the next start"
	fi
	machine_unlock
}
