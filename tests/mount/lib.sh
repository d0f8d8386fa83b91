# shellcheck shell=bash
#
# What the scripts of tests/mount share. A script looks like this:
#
#	#!/usr/bin/env bash
#	# Goal: a stopped machine says so.
#	. "$(dirname "$0")/lib.sh"
#
#	engine fake
#	fake seed 1 web stopped
#	mount_orbfs
#	expect "state is the engine's word" stopped "$(cat "$mnt/web1/state")"
#	expect_errno "it runs nothing" EHOSTDOWN put $'true\n' "$mnt/web1/exec"
#	unmount
#
# It prints "ok - sentence" or "not ok - sentence" for each check and goes on
# after one that failed. At its end, however that comes, all it started is
# ended, unmounted and removed, and the daemon's log is shown if a check
# failed. Variables a script reads:
#
#	work	a directory of its own, gone at the end
#	mnt	the mount point; set it before mount_orbfs for another one
#	daemon	the process id of the daemon of the last mount_orbfs
#	log	what that daemon logged
#	top	the top of the sources
#
# ORBFS in the environment names another daemon than build/orbfs.

set -uo pipefail
export LC_ALL=C
umask 022

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
ORBFS=${ORBFS:-$top/build/orbfs}
work=$(mktemp -d "${TMPDIR:-/tmp}/orbfs-test.XXXXXX") || exit 2
work=$(cd "$work" && pwd -P)
mnt=$work/vms
log=$work/log
daemon=

_daemons=() # process ids, to be ended
_mounts=()  # mount points, to be unmounted
_failed=0
_engine=()

# Sanitizers write to files, as a daemon in the background has no terminal.
_san="log_path=$work/sanitizer:abort_on_error=0"
export ASAN_OPTIONS="detect_leaks=1:$_san:${ASAN_OPTIONS-}"
export UBSAN_OPTIONS="print_stacktrace=1:$_san:${UBSAN_OPTIONS-}"
export TSAN_OPTIONS="$_san:${TSAN_OPTIONS-}"

# ---- checks -----------------------------------------------------------------

_ok() {
	echo "ok - $1"
}

# _not_ok SENTENCE [WHY]
_not_ok() {
	echo "not ok - $1"
	[ -z "${2-}" ] || printf '%s\n' "$2" | sed 's/^/    /'
	_failed=1
	return 1
}

# check SENTENCE COMMAND...: the command succeeds.
check() {
	local sentence=$1 said
	shift
	if said=$("$@" 2>&1); then
		_ok "$sentence"
	else
		_not_ok "$sentence" "$* gave $?: ${said:0:2000}"
	fi
}

# check_fails SENTENCE COMMAND...: it does not.
check_fails() {
	local sentence=$1 said
	shift
	if said=$("$@" 2>&1); then
		_not_ok "$sentence" "$* succeeded: ${said:0:2000}"
	else
		_ok "$sentence"
	fi
}

# expect SENTENCE WANTED GOT: two texts are the same.
expect() {
	if [ "$2" = "$3" ]; then
		_ok "$1"
	else
		_not_ok "$1" "wanted: ${2:0:1000}"$'\n'"got:    ${3:0:1000}"
	fi
}

# expect_match SENTENCE REGEX TEXT: an extended expression matches somewhere.
expect_match() {
	if [[ $3 =~ $2 ]]; then
		_ok "$1"
	else
		_not_ok "$1" "wanted a match of: $2"$'\n'"got: ${3:0:1000}"
	fi
}

# expect_errno SENTENCE NAME COMMAND...: it fails with EBUSY, ...; 0: succeeds.
expect_errno() {
	local sentence=$1 name=$2
	shift 2
	expect "$sentence" "$name" "$(errno_of "$@")"
}

# What a busy computer adds to a time that is promised, in milliseconds. A fault
# that nobody is to wait for has to last longer than both together. It is less
# than what a child is given between TERM and KILL.
busy_ms=1500

# expect_within SECONDS SENTENCE COMMAND...: it succeeds, and in that time.
expect_within() {
	expect_ms "$(($1 * 1000))" "${@:2}"
}

# expect_ms MILLISECONDS SENTENCE COMMAND...: the same for short times.
expect_ms() {
	local limit=$1 sentence=$2 start took
	shift 2
	start=$(now_ms)
	if ! "$@" >"$work/said" 2>&1; then
		_not_ok "$sentence" "$* gave $?: $(head -c 1000 "$work/said")"
		return
	fi
	took=$(($(now_ms) - start))
	if [ "$took" -le $((limit + busy_ms)) ]; then
		_ok "$sentence"
	else
		_not_ok "$sentence" "it took $took ms"
	fi
}

# interruptible COMMAND... &: with Ctrl-C's effect as in a terminal; a shell
# without job control has its background jobs ignore SIGINT. Only with "&".
interruptible() {
	[ "$BASHPID" != "$$" ] || exit 2
	exec env --default-signal=INT,QUIT "$@"
}

# wait_asks PID: it waits for a mount's answer, or has ended.
wait_asks() {
	wait_for 30 _asks "$1"
}
_asks() {
	! _is_alive "$1" ||
		grep -qE 'fuse|request_wait|folio_wait|poll' "/proc/$1/wchan"
}

# The same of one that SIGINT ends; what is to become a command in the
# background of a script ignores that at first.
_asks_and_listens() {
	local ignored
	ignored=$(sed -n 's/^SigIgn:.//p' "/proc/$1/status")
	[ $((16#${ignored:-0} & 2)) -eq 0 ] && _asks "$1"
}

# soon MILLISECONDS: what took that long did not wait for anything.
soon() {
	[ "$1" -le $((200 + busy_ms)) ]
}

# expect_interrupt SENTENCE PID [ended]: SIGINT ends a process that waits within
# 200 ms; with "ended" it may have ended by itself before.
expect_interrupt() {
	local start took
	if ! wait_for 30 _asks_and_listens "$2" || { [ -z "${3-}" ] && ! _is_alive "$2"; }; then
		_not_ok "$1" "it does not wait: $(cat "/proc/$2/wchan" 2>&1)"
		kill -KILL "$2" 2>/dev/null
		wait "$2" 2>/dev/null
		return 1
	fi
	start=$(now_ms)
	kill -INT "$2" 2>/dev/null
	while _is_alive "$2" && [ $(($(now_ms) - start)) -lt 10000 ]; do
		sleep 0.01
	done
	took=$(($(now_ms) - start))
	if soon "$took"; then
		_ok "$1"
	else
		_not_ok "$1" "it took $took ms"
		kill -KILL "$2" 2>/dev/null
	fi
	wait "$2" 2>/dev/null
}

# need PROGRAM WHAT-FOR: a script that cannot be run fails and says so.
need() {
	command -v "$1" >/dev/null 2>&1 && return
	_not_ok "$1 is needed $2, and is not on this computer"
	exit 1
}

# ---- help for checks ----------------------------------------------------------

now_ms() {
	local now=${EPOCHREALTIME/[.,]/}
	echo "${now%???}"
}

# wait_for SECONDS COMMAND...: ask again until it succeeds; 1 if it never does.
# The seconds are no promise but patience, for a busy computer too.
wait_for() {
	local end=$(($(now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.03
	done
}

# put TEXT FILE: write it as it is, in one write(2) up to 64 KiB.
put() {
	printf '%s' "$1" >"$2"
}

# rename OLD NEW: rename(2) and nothing else; mv has looks and words of its own.
rename() {
	python3 -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$@"
}

# refresh: the next look at the root asks the engine.
refresh() {
	echo refresh >"$mnt/.orbfs/ctl"
}

# renew: ask the engine, and wait for the end of that, be it good or bad, which
# one look does not do with an engine that takes its time.
renew() {
	refresh
	ls -U "$mnt" >/dev/null 2>&1
	wait_for 30 grep -qx "children_running 0" "$mnt/.orbfs/stats"
}

# What the root holds beside machines.
# shellcheck disable=SC2034 # for the scripts
ours=".by .images .orbfs"

# names DIRECTORY [FLAGS]: what ls shows, in one line; -U: in readdir's order.
names() {
	# shellcheck disable=SC2011 # what ls shows is what counts here
	ls -A "${@:2}" "$1" | xargs
}

# copy_parts FROM TO: cp -r of all that one machine's directory holds but
# files/, into the directory TO.
copy_parts() {
	local part status=0
	for part in "$1"/*; do
		[ "${part##*/}" = files ] || cp -r "$part" "$2" || status=1
	done
	return "$status"
}

# harmless MACHINE...: ends the script when files/ of a machine of the fake can
# be looked into. What runs there runs on this computer, so files/ would be
# this computer's own root: a script that copies or removes whole directories
# begins with this.
harmless() {
	local name
	for name; do
		if ls -U "$mnt/$name/files/" >/dev/null 2>&1; then
			_not_ok "files/ of a fake machine shows nothing"
			exit 1
		fi
	done
	_ok "files/ of a fake machine shows nothing"
}

# is FILE TEXT: the file has this content; for wait_for.
is() {
	[ "$(cat "$1")" = "$2" ]
}

# errno_of COMMAND...: print the name of the error that made it fail, 0 when it
# succeeds. What counts is the text that it prints last.
errno_of() {
	local said status
	said=$("$@" 2>&1 >/dev/null)
	status=$?
	if [ "$status" -eq 0 ]; then
		echo 0
		return
	fi
	said=$(tail -n 1 <<<"$said")
	case $said in
	*'Operation not permitted'*) echo EPERM ;;
	*'No such file or directory'*) echo ENOENT ;;
	*'Interrupted system call'*) echo EINTR ;;
	*'Input/output error'*) echo EIO ;;
	*'No such device or address'*) echo ENXIO ;;
	*'Argument list too long'*) echo E2BIG ;;
	*'Bad file descriptor'*) echo EBADF ;;
	*'Resource temporarily unavailable'*) echo EAGAIN ;;
	*'Cannot allocate memory'*) echo ENOMEM ;;
	*'Permission denied'*) echo EACCES ;;
	*'Device or resource busy'*) echo EBUSY ;;
	*'File exists'*) echo EEXIST ;;
	*'Invalid cross-device link'*) echo EXDEV ;;
	*'No such device'*) echo ENODEV ;;
	*'Not a directory'*) echo ENOTDIR ;;
	*'Is a directory'*) echo EISDIR ;;
	*'Invalid argument'*) echo EINVAL ;;
	*'File too large'*) echo EFBIG ;;
	*'No space left on device'*) echo ENOSPC ;;
	*'Read-only file system'*) echo EROFS ;;
	*'Broken pipe'*) echo EPIPE ;;
	*'File name too long'*) echo ENAMETOOLONG ;;
	*'Function not implemented'*) echo ENOSYS ;;
	*'Directory not empty'*) echo ENOTEMPTY ;;
	*'Too many levels of symbolic links'*) echo ELOOP ;;
	*'No data available'*) echo ENODATA ;;
	*'Value too large for defined data type'*) echo EOVERFLOW ;;
	*'Operation not supported'*) echo EOPNOTSUPP ;;
	*'Transport endpoint is not connected'*) echo ENOTCONN ;;
	*'Connection timed out'*) echo ETIMEDOUT ;;
	*'Host is down'*) echo EHOSTDOWN ;;
	*'Software caused connection abort'*) echo ECONNABORTED ;;
	*'Stale file handle'*) echo ESTALE ;;
	*) echo "exit $status: $said" ;;
	esac
}

# ---- engines ------------------------------------------------------------------

# engine fake|local: which one the next mount_orbfs uses; fake unless said.
engine() {
	case $1 in
	fake)
		mkdir -p "$work/fake"
		ln -sf "$top/tests/fake_orbctl" "$work/fake/orbctl"
		_engine=(--engine orbctl --orbctl "$work/fake/orbctl") ;;
	local)
		export ORBCTL_LOCAL_HOME=$work/local
		_engine=(--engine local) ;;
	*)
		echo "engine: fake or local" >&2
		exit 2 ;;
	esac
}

# fake WORD...: tell the fake (seed, on, off, set, get, ...).
fake() {
	"$work/fake/orbctl" fake "$@"
}

# calls [SUBCOMMAND]: how often the fake was called (with it).
calls() {
	[ -e "$work/fake/calls" ] || { echo 0; return; }
	awk -F '\t' -v sub_="${1-}" 'sub_ == "" || $3 == sub_ { n++ }
		END { print n + 0 }' "$work/fake/calls"
}

# called REGEX: how often the fake was called with words (the subcommand first,
# one blank between them) that match from end to end.
called() {
	[ -e "$work/fake/calls" ] || { echo 0; return; }
	cut -f 3- "$work/fake/calls" | tr '\t' ' ' | grep -cxE -e "$1"
}

# What no orbctl may ever be asked: to stop or delete everything, to take "--",
# to use a terminal.
_check_calls() {
	local bad
	[ -e "$work/fake/calls" ] || return 0
	bad=$(find "$work/fake" -maxdepth 1 \( -name STOPPED-EVERYTHING -o \
		-name DELETED-EVERYTHING -o -name tty-seen \))
	bad+=$(cut -f 3- "$work/fake/calls" | tr '\t' ' ' | grep -E \
		-e '^(stop|restart|start|delete|info|rename)( -[^ ]*)*$' \
		-e '^[^ ]* (.* )?-- ' -e ' --$' |
		grep -vE -e '^run -m [^ ]+ (-u root )?-w / sh -c ' | head -n 5)
	[ -z "$bad" ] || _not_ok "orbctl is asked for nothing dangerous" "$bad"
}

# orbctl_local WORD...: the local engine, on the machines of this test.
orbctl_local() {
	"$top/ops/local/orbctl-local" "$@"
}

# ---- the mount ------------------------------------------------------------------

_is_mounted() { # _is_mounted DIRECTORY; never looks into it
	awk -v m="$1" '$5 == m { found = 1 } END { exit !found }' \
		/proc/self/mountinfo
}

_is_alive() { # a child that has ended and was not waited for is not
	[ -r "/proc/$1/stat" ] &&
		! grep -q '^[0-9]* (.*) Z' "/proc/$1/stat" 2>/dev/null
}

# How often a daemon has said that it has mounted.
_times_mounted() {
	grep -c ': mounted$' "$log" 2>/dev/null || :
}

_mounted_or_dead() {
	{ [ "$(_times_mounted)" != "$_told" ] && _is_mounted "$mnt"; } ||
		! _is_alive "$daemon"
}

# mount_orbfs [ARGUMENT...]: start a daemon that logs to $log and wait for the
# mount. Ends the script when there is none after a minute.
# shellcheck disable=SC2120 # arguments are seldom needed
mount_orbfs() {
	[ ${#_engine[@]} -gt 0 ] || engine fake
	mkdir -p "$mnt"
	_mounts+=("$mnt")
	# A dead mount may still be there, and goes when this one comes.
	_told=$(_times_mounted)
	setsid "$ORBFS" -f "${_engine[@]}" "$@" "$mnt" \
		>>"$log" 2>&1 </dev/null &
	daemon=$!
	_daemons+=("$daemon")
	if ! wait_for 60 _mounted_or_dead || ! _is_mounted "$mnt"; then
		_not_ok "orbfs mounts"
		exit 1
	fi
}

# mount_background [ARGUMENT...]: as a user does: orbfs returns when the mount
# is ready and stays behind. Gives its exit status. $daemon is its process.
# shellcheck disable=SC2120 # likewise
mount_background() {
	local status
	[ ${#_engine[@]} -gt 0 ] || engine fake
	mkdir -p "$mnt"
	_mounts+=("$mnt")
	timeout 60 "$ORBFS" "${_engine[@]}" "$@" "$mnt" \
		>>"$log" 2>&1 </dev/null
	status=$?
	daemon=$(_daemon_of "$mnt")
	[ -z "$daemon" ] || _daemons+=("$daemon")
	return "$status"
}

# The orbfs that has this mount point among its arguments. The directory is of
# this test alone, so nobody else's daemon can be meant.
_daemon_of() {
	local dir
	for dir in /proc/[0-9]*; do
		case $(readlink "$dir/exe" 2>/dev/null) in
		*/orbfs | */orbfs-thread)
			! grep -qzxF -e "$1" "$dir/cmdline" 2>/dev/null ||
				echo "${dir#/proc/}" ;;
		esac
	done | tail -n 1
}

_is_dead() {
	! _is_alive "$daemon"
}

# _try_unmount [-z]
_try_unmount() {
	if [ "$(id -u)" -eq 0 ]; then
		umount ${1:+-l} "$mnt"
	else
		fusermount3 -u ${1:+-z} "$mnt"
	fi
}

# unmount: unmount, and check that the daemon then ends by itself and well.
unmount() {
	if ! wait_for 30 _try_unmount; then
		_not_ok "$mnt can be unmounted" "$(_try_unmount 2>&1)"
		return
	fi
	wait_daemon
}

# wait_daemon: the daemon ends, with status 0.
wait_daemon() {
	local status=0
	if ! wait_for 30 _is_dead; then
		_not_ok "the daemon ends after its unmount"
		return
	fi
	# 127: it was started in the background and is no child of ours.
	wait "$daemon" 2>/dev/null || status=$?
	case $status in
	0 | 127) _ok "the daemon ends after its unmount" ;;
	*) _not_ok "the daemon ends well" "exit status $status" ;;
	esac
}

# ---- the end --------------------------------------------------------------------

# Delete the machines that the local engine made for this test.
_delete_machines() {
	local name
	[ -d "$work/local" ] || return 0
	export ORBCTL_LOCAL_HOME=$work/local
	timeout 20 "$top/ops/local/orbctl-local" list -q 2>/dev/null |
		while read -r name; do
			timeout 20 "$top/ops/local/orbctl-local" \
				delete -f "$name" >/dev/null 2>&1 </dev/null
		done
}

_finish() {
	local status=$? pid
	trap '' TERM INT HUP
	trap - EXIT
	cd / || :
	for mnt in "${_mounts[@]}"; do
		! _is_mounted "$mnt" || _try_unmount || _try_unmount -z
	done >/dev/null 2>&1
	for pid in "${_daemons[@]}"; do
		daemon=$pid
		wait_for 30 _is_dead && continue
		_not_ok "daemon $pid had to be killed"
		kill -KILL "$pid" 2>/dev/null
	done
	_delete_machines
	_check_calls
	if compgen -G "$work/sanitizer*" >/dev/null; then
		_not_ok "no report of a sanitizer" \
			"$(cat "$work"/sanitizer* | head -n 100)"
	fi
	if [ -e "$log" ] && grep -qE \
		'(Address|Leak|Thread)Sanitizer|:[0-9]+: runtime error:' "$log"; then
		_not_ok "no report of a sanitizer in the log"
	fi
	if [ "$_failed" -ne 0 ] && [ -s "$log" ]; then
		echo "---- the daemon's log (its end)"
		tail -n 60 "$log"
	fi
	if grep -qF " $work/" /proc/self/mountinfo; then
		_not_ok "nothing is left mounted" \
			"$(grep -F " $work/" /proc/self/mountinfo)"
	else
		rm -rf --one-file-system "$work"
	fi
	[ "$_failed" -eq 0 ] || [ "$status" -ne 0 ] || status=1
	exit "$status"
}
trap _finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
trap 'exit 129' HUP

if [ ! -x "$ORBFS" ]; then
	_not_ok "$ORBFS is there: it is built by make"
	exit 1
fi
if [ ! -c /dev/fuse ]; then
	_not_ok "/dev/fuse is there: this kernel offers FUSE"
	exit 1
fi
