#!/usr/bin/env bash
# Goal: all this holds with the session that a thread receives for, as on macOS.
#
# Runs some of the scripts of this directory with build/orbfs-thread.
# Deadline: 180
. "$(dirname "$0")/lib.sh"

thread=${ORBFS%/*}/orbfs-thread
if [ ! -x "$thread" ]; then
	_not_ok "$thread is there: it is built by make"
	exit 1
fi
here=$(dirname "${BASH_SOURCE[0]}")
for script in 10-tree 12-shell-writes 14-create 24-state 25-exec \
	26-exec-interrupt 29-rm-guard 30-start-stop; do
	status=0
	ORBFS=$thread TMPDIR=$work timeout -k 20 100 \
		bash "$here/$script.sh" >"$work/out" 2>&1 </dev/null || status=$?
	# Its own checks are told one by one only when one of them failed.
	if [ "$status" -eq 0 ] && grep -q '^ok - ' "$work/out"; then
		_ok "$script: $(grep -c '^ok - ' "$work/out") checks"
	else
		_not_ok "$script: exit status $status" \
			"$(grep -A 4 '^not ok' "$work/out" | head -c 8000)"
	fi
done
