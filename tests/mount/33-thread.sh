#!/usr/bin/env bash
# Goal: all this holds with the session that a thread receives for, as on macOS.
#
# Runs some of the scripts of this directory with build/orbfs-thread.
# Deadline: 600
. "$(dirname "$0")/lib.sh"

thread=${ORBFS%/*}/orbfs-thread
if [ ! -x "$thread" ]; then
	_not_ok "$thread is there: it is built by make"
	exit 1
fi
here=$(dirname "${BASH_SOURCE[0]}")

# run_some SCRIPT...: one after the other
run_some() {
	local script status
	for script; do
		status=0
		ORBFS=$thread TMPDIR=$work timeout -k 20 280 \
			bash "$here/$script.sh" >"$work/$script" 2>&1 \
			</dev/null || status=$?
		echo "$status" >"$work/$script.status"
	done
}

# told SCRIPT...: its checks one by one only where one of them failed
told() {
	local script status
	for script; do
		status=$(cat "$work/$script.status")
		if [ "$status" = 0 ] && grep -q '^ok - ' "$work/$script"; then
			_ok "$script: $(grep -c '^ok - ' "$work/$script") checks"
		else
			_not_ok "$script: exit status $status" \
				"$(grep -A 4 '^not ok' "$work/$script" |
				head -c 8000)"
		fi
	done
}

# Most of their time they wait, so two may go side by side.
first=(14-create 24-state 25-exec 10-tree 29-rm-guard)
second=(26-exec-interrupt 30-start-stop)
run_some "${first[@]}" & pid=$!
run_some "${second[@]}"
wait "$pid"
told "${first[@]}" "${second[@]}"
