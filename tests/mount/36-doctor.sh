#!/usr/bin/env bash
# Goal: orbfs doctor says what is missing and how to get it, and changes
# nothing.
. "$(dirname "$0")/lib.sh"

# doctor: what it prints, in $said; its status, in $status.
doctor() {
	said=$("$ORBFS" "${_engine[@]}" doctor 2>"$work/stderr")
	status=$?
}

engine fake
fake seed 2 web running
fake seed 1 db stopped
doctor
expect "all is there" 0 "$status"
expect "nothing is bad" "" "$(grep ^bad <<<"$said")"
expect_match "FUSE" 'ok +FUSE: /dev/fuse, libfuse 3' "$said"
expect_match "the agent" 'ok +agent: for machines with (amd64|arm64)' "$said"
expect_match "the engine, its path and its version" \
	"ok +engine: $work/fake/orbctl, Version: 2" "$said"
expect_match "the engine runs" 'ok +engine: orbctl is running' "$said"
expect_match "the machines" 'ok +machines: 3, 2 of them running' "$said"
expect "it asked three questions" 3 "$(called ".*")"
expect "and nothing else" 0 \
	"$(called '(create|start|stop|delete|run|restart).*')"

fake on status Stopped 1
doctor
expect "OrbStack does not run: that is bad" 1 "$status"
expect_match "and said" 'bad +engine: orbctl does not run' "$said"
expect_match "with what to do" 'start it: open -a OrbStack' "$said"
expect "it was not started" 0 "$(called 'start.*')"
fake off status

mv "$work/fake/orbctl" "$work/fake/away"
doctor
expect "no orbctl: that is bad" 1 "$status"
expect_match "and said" 'bad +engine: orbctl: .*not installed' "$said"
expect_match "with what to do" 'install OrbStack' "$said"
mv "$work/fake/away" "$work/fake/orbctl"

expect_errno "it mounts nothing" "exit 2: orbfs: doctor mounts nothing; \
a directory of that name is ./doctor" \
	"$ORBFS" "${_engine[@]}" doctor "$work"

engine local
doctor
expect "the local engine is found" 0 "$status"
expect_match "and has no machines" 'ok +machines: 0, 0 of them' "$said"
