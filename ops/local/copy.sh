# copy.sh: push, pull, export, import.
#
# push and pull are cp, run in the machine: it sees the host's files through
# descriptor 3, which is the host's root directory.  So one cp does it all, with
# its semantics and its messages.  The archive of export is a tar with the
# record first and the overlay's upper layer after it, with the whiteouts,
# trusted.overlay attributes and holes that make it one.

# shellcheck disable=SC1007,SC2031

. "$parts/life.sh"

# In the machine: USER WAY N-1 sources and a destination, `~` for the home.
copy_inside='
user=$1 way=$2
shift 2
entry=$(getent passwd -- "$user") || {
	printf "user: unknown user %s\n" "$user" >&2
	exit 1
}
entry=${entry#*:*:}
owner=${entry%%:*}
entry=${entry#*:}
owner=$owner:${entry%%:*}
entry=${entry#*:*:}
home=${entry%%:*}
cd -- "$home" 2>/dev/null || cd /
for word; do
	dest=$word
done
[ "$way:$dest" != push:"~" ] || {
	dest=.
	n=$#
	while [ "$n" -gt 1 ]; do
		set -- "$@" "$1"
		shift
		n=$((n - 1))
	done
	shift
	set -- "$@" .
}
into=
[ ! -d "$dest" ] || into=1
cp -R -- "$@"
status=$?
[ "$way" = push ] && [ "$owner" != 0:0 ] || exit "$status"
while [ $# -gt 1 ]; do
	if [ -n "$into" ]; then
		made=${1%/}
		made=$dest/${made##*/}
	else
		made=$dest
	fi
	[ ! -e "$made" ] || chown -hR "$owner" -- "$made"
	shift
done
exit "$status"'

# host_path PATH: sets path to how the machine sees that path of the host.  The
# directory is resolved here, for its links mean nothing inside.
host_path()
{
	case $1 in
	/*)	path=$1 ;;
	*)	path=$PWD/$1 ;;
	esac
	if [ -d "$path" ] && [ ! -L "$path" ]; then
		hp_dir=$(cd -P -- "$path" 2>/dev/null && pwd -P) &&
			path=$hp_dir
		# `dir/.` copies what is in it; the dot has to stay.
		case $1 in
		*/.|.)	path=$path/. ;;
		esac
	else
		hp_base=${path##*/}
		hp_dir=$(cd -P -- "${path%/*}/" 2>/dev/null && pwd -P) &&
			path=${hp_dir%/}/$hp_base
	fi
	path=/proc/self/fd/3$path
}

# copy_machine: the machine to copy with, running.
copy_machine()
{
	if [ -n "${opt_machine+set}" ]; then
		machine_need "$opt_machine"
	else
		default_need
	fi
	if ! machine_running; then
		machine_start
		machine_running || fail "start '$r_name': it ended at once"
	elif cgroup_frozen; then
		machine_lock
		! machine_running || cgroup_thaw
		machine_unlock
	fi
}

# copy_run WAY SOURCE... DEST
copy_run()
{
	cr_way=$1
	shift
	cr_err=$(enter_all /bin/sh -c "$copy_inside" sh \
		"${opt_user:-$r_username}" "$cr_way" "$@" 3</ 2>&1 >/dev/null) &&
		cr_rc=0 || cr_rc=$?
	while case $cr_err in */proc/self/fd/3*) ;; *) false ;; esac; do
		cr_err=${cr_err%%/proc/self/fd/3*}${cr_err#*/proc/self/fd/3}
	done
	[ -z "$cr_err" ] || printf '%s\n' "$cr_err" >&2
	exit "$cr_rc"
}

cmd_push()
{
	[ $# -gt 0 ] || usage_error 'push takes a source'
	copy_machine
	[ $# -gt 1 ] || set -- "$1" '~'
	cp_left=$(($# - 1))
	while [ "$cp_left" -gt 0 ]; do
		host_path "$1"
		set -- "$@" "$path"
		shift
		cp_left=$((cp_left - 1))
	done
	# The destination came first now; it goes to the end.
	cp_dest=$1
	shift
	copy_run push "$@" "$cp_dest"
}

cmd_pull()
{
	[ $# -gt 0 ] || usage_error 'pull takes a source'
	copy_machine
	[ $# -gt 1 ] || set -- "$1" .
	for cp_dest; do :; done
	host_path "$cp_dest"
	cp_left=$(($# - 1))
	while [ "$cp_left" -gt 0 ]; do
		set -- "$@" "$1"
		shift
		cp_left=$((cp_left - 1))
	done
	shift
	copy_run pull "$@" "$path"
}

# tar_run ARG...: tar with all that an upper layer needs.  An ordinary user's
# numbers are those of the user namespace.
tar_run()
{
	set -- tar --xattrs '--xattrs-include=*' --acls --numeric-owner \
		--force-local "$@"
	if [ "$me" -ne 0 ]; then
		user_map
		# shellcheck disable=SC2086
		set -- unshare $map "$@"
	fi
	"$@"
}

cmd_export()
{
	[ $# -eq 2 ] || usage_error 'export takes a machine and a file'
	machine_need "$1"
	command -v zstd >/dev/null || fail "export '$1': zstd is not installed"
	machine_lock
	source=$dir source_pid=
	! machine_running || source_pid=$pid
	export_made=
	[ -e "$2" ] || export_made=$2
	trap 'clone_thaw; [ -z "$export_made" ] || rm -f -- "$export_made"
		exit 143' TERM INT HUP
	[ -z "$source_pid" ] || clone_freeze
	# A pipe to zstd and not tar's own, which fills up the last block of
	# anything but a regular file with what is no zstd.
	ex_err=$(
		exec 4>&1
		{ tar_run --sparse --warning=no-file-ignored -C "$dir" \
			-cf - record upper 2>&4 || echo '!' >&4; } |
			{ zstd -q >"$2" || echo '!' >&4; } 2>&4
	)
	clone_thaw
	trap - TERM INT HUP
	case $ex_err in
	*!)	[ -z "$export_made" ] || rm -f -- "$export_made"
		fail "export '$r_name': ${ex_err%%
*}" ;;
	esac
	machine_unlock
}

# word_ok VALUE: what a field of a foreign record may be.
word_ok()
{
	case $1 in
	''|-*|*[!a-zA-Z0-9._-]*) return 1 ;;
	esac
}

# import_check: the record came from elsewhere.  Sets why.
import_check()
{
	why='its record is damaged'
	for ic_key in distro version arch variant base username; do
		eval "word_ok \"\$r_$ic_key\"" || return 1
	done
	for ic_key in "$r_isolated" "$r_isolate_network" "$r_forward_ssh_agent"; do
		case $ic_key in
		true|false) ;;
		*)	return 1 ;;
		esac
	done
	cpu_check "$r_cpu" || return 1
	case $r_memory_mib in
	''|*[!0-9]*|?????????*|0?*) return 1 ;;
	esac
	r_disk_bytes=0 r_mounts=
	host_image
	why="it is for $r_arch and this host is $host_arch"
	[ "$r_arch" = "$host_arch" ] || return 1
	why='machines of root and of other users differ in their layers'
	case $me:$r_base in
	0:pieces-user|[1-9]*:local|[1-9]*:pieces) return 1 ;;
	esac
	case $r_base in
	local|pieces|pieces-user)
		why="it lies over $r_distro $r_version and this host is $host_distro $host_version"
		[ "$r_distro $r_version" = "$host_distro $host_version" ] ;;
	*)	[ "$r_base" = "$r_distro-$r_version" ] && image_make ;;
	esac
}

cmd_import()
{
	[ $# -eq 1 ] || usage_error 'import takes a file'
	im_file=$1
	[ -r "$im_file" ] || fail "import '$im_file': cannot be read"
	command -v zstd >/dev/null || fail "import '$im_file': zstd is not installed"
	[ -z "${opt_name+set}" ] || name_check "$opt_name" ||
		fail "import '$im_file': invalid name '$opt_name': $why"
	sweep
	r_name=${opt_name-}
	machine_dir import "$im_file"
	im_err=$(tar_run --use-compress-program=zstd -xpf "$im_file" -C "$dir" --same-owner \
		record upper 2>&1 9>&-) || making_fail "${im_err%%
*}"
	{ [ -f "$dir/record" ] && [ ! -L "$dir/record" ] &&
		[ -d "$dir/upper" ] && [ ! -L "$dir/upper" ]; } ||
		making_fail 'not an export of a machine'
	# Nothing is listed before it is whole.
	mv -f "$dir/record" "$dir/foreign"
	im_id=$id
	record_load foreign || making_fail 'its record is damaged'
	rm -f "$dir/foreign"
	r_id=$im_id
	[ -z "${opt_name+set}" ] || r_name=$opt_name
	name_check "$r_name" || making_fail "invalid name '$r_name': $why"
	import_check || making_fail "$why"
	name_take "$r_name" ||
		making_fail "machine already exists: '$r_name'"
	making_done
}
