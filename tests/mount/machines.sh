# shellcheck shell=bash
#
# What the scripts over real machines share. Sourced in place of lib.sh, which
# it brings along, it chooses the local engine:
#
#	guest NAME COMMAND...	run it in a machine, past the mount
#	in_guest NAME TEXT	print the numbers of the machine's processes
#				whose command line holds TEXT; fails for none
#	none_in_guest NAME TEXT	there is no such process
#	make_machine NAME...	mkdir each and wait until it runs
#	pid1 NAME		the host's number of the machine's process 1
#	remember_machines	note what the host has because of the machines
#	expect_nothing_left	none of what was noted is there any more
#	apart			what a script says behind "setsid COMMAND &": that
#				has left it, and is not ended with it
#	stopwatch COMMAND...	run it and set took (ms) and status
#	start_writer FILE TO	write a file's bytes in the background, with the
#				signals of a terminal's command; sets writer
#	interrupt PID		send SIGINT, wait for its end; sets took and
#				status as stopwatch does
#
# The machines of a script are below $work, so that scripts and other people's
# machines do not meet.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ "$(id -u)" -ne 0 ]; then
	_not_ok "real machines with addresses need root: run this with sudo"
	exit 1
fi
engine local
seen=$work/seen # lines: the kind of a thing, a tab, its name
: >"$seen"
took=0 status=0 writer=
# shellcheck disable=SC2016,SC2034 # for the machine; for the scripts
apart='until [ "$(cut -d" " -f6 "/proc/$!/stat")" = "$!" ]; do :; done'

guest() {
	local name=$1
	shift
	orbctl_local run -m "$name" "$@" </dev/null
}

in_guest() {
	# The look itself has the text in an argument of its own, which ends up
	# in no command line: it goes through the environment of nobody either.
	printf '%s' "$2" | orbctl_local run -m "$1" -u root sh -c '
		IFS= read -r text || [ -n "$text" ] || exit 2
		found=1
		for dir in /proc/[0-9]*; do
			line=$(tr "\0" " " <"$dir/cmdline" 2>/dev/null)
			case $line in
			*"$text"*)
				echo "${dir#/proc/}"
				found=0 ;;
			esac
		done
		exit "$found"'
}

none_in_guest() {
	! in_guest "$@" >/dev/null
}

make_machine() {
	local name
	for name; do
		check "$name is made" mkdir "$mnt/$name"
	done
	for name; do
		check "$name runs" wait_for 30 is "$mnt/$name/state" running
	done
}

pid1() {
	local id pid rest
	read -r id <"$ORBCTL_LOCAL_HOME/names/$1" || return 1
	read -r pid rest <"$ORBCTL_LOCAL_HOME/machines/$id/run" || return 1
	: "$rest"
	echo "$pid"
}

# Namespaces of a machine are those of its process 1 that are not ours.
remember_machines() {
	local run pid rest tag path
	for path in "$ORBCTL_LOCAL_HOME"/machines/*; do
		[ -d "$path" ] && printf 'id\t%s\n' "${path##*/}"
	done >>"$seen"
	for run in "$ORBCTL_LOCAL_HOME"/machines/*/run; do
		[ -e "$run" ] || continue
		read -r pid rest <"$run"
		for path in mnt uts ipc net pid cgroup; do
			printf '%s\n' "/proc/$pid/ns/$path"
		done
	done >"$work/paths"
	readlink /proc/self/ns/* | sort -u >"$work/ours"
	xargs -r readlink <"$work/paths" | sort -u |
		comm -23 - "$work/ours" | sed 's/^/ns\t/' >>"$seen"
	if read -r tag rest 2>/dev/null <"$ORBCTL_LOCAL_HOME/net"; then
		printf 'net\torb%s\n' "$tag" >>"$seen"
	fi
	: "$rest"
}

# The namespaces of all processes but those of machines of other scripts: the
# number of one of ours that has gone may be that of a new one of theirs.
_namespaces() {
	local dir id
	for dir in /proc/[0-9]*; do
		id=$(sed -n 's|.*/orbctl-local/\([^/]*\).*|\1|p;T;q' \
			"$dir/cgroup")
		[ -z "$id" ] || grep -qxF $'id\t'"$id" "$seen" || continue
		readlink "$dir"/ns/{cgroup,ipc,mnt,net,pid,uts}
	done 2>/dev/null
}

_left() {
	local kind name path
	while IFS=$'\t' read -r kind name; do
		case $kind in
		id)
			for path in /sys/fs/cgroup/orbctl-local/"$name" \
				/sys/fs/cgroup/*/orbctl-local/"$name"; do
				[ ! -e "$path" ] || echo "cgroup $path"
			done ;;
		net)
			for path in /sys/class/net/"$name"*; do
				[ ! -e "$path" ] || echo "interface $path"
			done ;;
		esac
	done <"$seen"
	sed -n 's/^ns\t//p' "$seen" | sort -u >"$work/namespaces"
	_namespaces | sort -u | comm -12 - "$work/namespaces" |
		sed 's/^/namespace /'
	grep -F -e "$ORBCTL_LOCAL_HOME" /proc/[0-9]*/mountinfo 2>/dev/null |
		sed 's/^/mount /' | head -n 5
	grep -lzxF -e "ORBCTL_LOCAL_HOME=$ORBCTL_LOCAL_HOME" \
		/proc/[0-9]*/environ 2>/dev/null |
		grep -vxFe "/proc/$$/environ" | while read -r path; do
			name=${path%/environ}
			# Our own children, and the daemon, are not meant.
			[ "${name#/proc/}" = "$daemon" ] || _is_ours "$name" ||
				echo "process $name $(tr '\0' ' ' <"$name/cmdline")"
		done
	find "$ORBCTL_LOCAL_HOME/machines" "$ORBCTL_LOCAL_HOME/names" \
		"$ORBCTL_LOCAL_HOME/addr" -mindepth 1 | head -n 5
}

# A process of this script's own session, which is no machine's.
_is_ours() {
	local line
	line=$(cat "$1/stat" 2>/dev/null) || return 0
	# shellcheck disable=SC2086
	set -- ${line##*) }
	[ "$4" = "$(ps -o sid= -p $$ | tr -d ' ')" ]
}

_nothing_left() {
	[ -z "$(_left)" ]
}

expect_nothing_left() {
	if wait_for 30 _nothing_left; then
		_ok "$1"
	else
		_not_ok "$1" "$(_left)"
	fi
}

stopwatch() {
	local start
	start=$(now_ms)
	status=0
	"$@" || status=$?
	took=$(($(now_ms) - start))
}

# Commands in the background of a script ignore SIGINT; a terminal's do not.
start_writer() {
	env --default-signal=INT cat "$1" >"$2" 2>"$work/writer.$RANDOM" &
	writer=$!
}

# Or it has ended already.
_waits() {
	! _is_alive "$1" || grep -q "^$1 ($2) [SD]" "/proc/$1/stat"
}

wait_until_waits() {
	wait_for 30 _waits "$@"
}

interrupt() {
	kill -INT "$1"
	stopwatch wait "$1"
}

# run_script NAME TEXT: one write of the text and a newline to its exec.
# (bash's own echo writes line by line.)
run_script() {
	cat >"$mnt/$1/exec" <<<"$2"
}

# last NAME WORD: a file of the record of its last script.
last() {
	cat "$mnt/$1/run/last/$2"
}
