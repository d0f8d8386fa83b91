# shellcheck shell=bash
#
# What the scripts about files/ share. Sourced in place of machines.sh, which
# it brings along:
#
#	files NAME		print the path of the machine's files/
#	native NAME		print the path of its root, past the mount: what
#				happens there happens in the machine
#	agent NAME		print the number, in the machine, of its agent
#	agent_here NAME		the same, as the host numbers it
#	as_root NAME TEXT	run a script in the machine as root
#	need_all PROGRAM...	a script that lacks one of them fails
#	started			how many children the daemon has started
#	manifest DIRECTORY	print what is in a tree, one line for each file
#	compare NAME [-u UID]	see that every operation does the same below
#				files/ and in a local directory

. "$(dirname "${BASH_SOURCE[0]}")/machines.sh"

FILES=${FILES:-$top/build/plain/tests/files}

files() {
	echo "$mnt/$1/files"
}

native() {
	echo "/proc/$(pid1 "$1")/root"
}

as_root() {
	guest "$1" -u root sh -c "$2"
}

agent() {
	in_guest "$1" .orbfs-agent- | tail -n 1
}

# The last number of NSpid is the one in the machine.
agent_here() {
	local wanted ns dir
	wanted=$(agent "$1") && [ -n "$wanted" ] || return 1
	ns=$(readlink "/proc/$(pid1 "$1")/ns/pid")
	for dir in /proc/[0-9]*; do
		[ "$(readlink "$dir/ns/pid" 2>/dev/null)" = "$ns" ] || continue
		if [ "$(awk '/^NSpid:/ { print $NF }' "$dir/status" \
			2>/dev/null)" = "$wanted" ]; then
			echo "${dir#/proc/}"
			return
		fi
	done
	return 1
}

need_all() {
	local program
	for program; do
		need "$program" "for this script"
	done
}

started() {
	sed -n 's/^children_started //p' "$mnt/.orbfs/stats"
}

# Type, mode, owner, size, time, links, path, target; then sums and xattrs.
manifest() {
	(
		cd "$1" || exit 1
		find . \( -type d -printf '%y %m %U:%G %P\n' \) -o \
			-printf '%y %m %U:%G %s %T@ %n %P %l\n' | sort
		find . -type f -exec md5sum {} + | sort -k 2
		find . -print0 | sort -z |
			xargs -0 getfattr -h -d -m - 2>/dev/null
	)
}

compare() {
	local here there
	here=$(files "$1")/srv/here there=$(native "$1")/srv/there
	shift
	mkdir -p "$here" "$there"
	if "$FILES/compare" "$@" "$here" "$there" >"$work/compared" 2>&1; then
		_ok "all do the same: $(tail -n 1 "$work/compared")"
	else
		_not_ok "all do the same" "$(grep -v '^ok' "$work/compared")"
	fi
}
