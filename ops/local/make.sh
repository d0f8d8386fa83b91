# make.sh: making and removing machines so that no half of one is ever seen.
#
# A create, clone or import that fails or is told to end takes back what it
# made.  One that was killed leaves a directory without a record, which nobody
# lists; its mark `creating` names the process, and once that is gone the next
# create or delete clears the rest away.  The same mark protects a directory
# that is being removed from being removed twice.

# dash, bash and busybox know -ef: the same file, through whatever link.
# shellcheck disable=SC1007,SC2030,SC2031,SC2086,SC3013

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
		[ -e "$sw_dir/creating" ] || continue
		! half_live "$sw_dir" || continue
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
	# A link to an address may have been made by a child of a killed create
	# after all that: it belongs to no machine.
	for sw_path in "$home"/addr/*; do
		read -r sw_id 2>/dev/null <"$sw_path" || continue
		[ -d "$home/machines/$sw_id" ] || net_give "${sw_path##*/}"
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
	# A process 1 that is not on record yet waits for our word: without the
	# pipe it gives up.
	exec 6>&-
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

# tree_hide DIR: puts it out of sight, to where sweep finds it.
tree_hide()
{
	tr_gone=${1##*/}
	tr_gone=$home/machines/.gone-${tr_gone#.gone-}
	proc_stat $$
	printf '%s %s %s\n' $$ "$ps_start" "$boot_id" >"$1/creating" &&
	{ [ "$1" = "$tr_gone" ] || mv -T -- "$1" "$tr_gone"; }
}

# tree_remove DIR: first out of sight, then away.  In a user namespace the
# files may belong to numbers that only the namespace can touch.
tree_remove()
{
	tree_hide "$1" || return 1
	rm -rf --one-file-system -- "$tr_gone" && return
	[ "$me" -ne 0 ] || return 1
	user_map
	# shellcheck disable=SC2086
	unshare $map rm -rf --one-file-system -- "$tr_gone"
}

# user_map: sets map to the options that make us root of a user namespace: with
# a whole range of numbers where newuidmap allows it, else with our own alone.
user_map()
{
	map='--user --map-root-user'
	# unshare --map-auto leaves a child behind that waits for ever where
	# user namespaces are denied, so that is asked first.
	if command -v newuidmap >/dev/null &&
	    unshare --user --map-root-user true >/dev/null 2>&1 &&
	    unshare --user --map-root-user --map-auto true >/dev/null 2>&1
	then
		map="$map --map-auto"
	fi
}
