#!/usr/bin/env bash
# Goal: mkdir run/NAME makes a job, whose files do what they say.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 3 web running
fake seed 1 db stopped
mount_orbfs -o spool=1
harmless web1 web2 db1
run=$mnt/web1/run
error=$mnt/web1/error
# How long no script here lasts; ours, since what runs in the fake runs here.
nap=4321.$$

# job NAME SCRIPT: make it, with an empty stdin, and start it
job() {
	mkdir "$run/$1" && : >"$run/$1/in" && put "$2"$'\n' "$run/$1/cmd"
}
# told SENTENCE REGEX: what error says
told() {
	expect_match "$1: error says why" "$2" "$(cat "$error")"
}

# the directory
check "mkdir makes a job" mkdir "$run/build"
expect "it is listed" "build last" "$(names "$run")"
expect "it has its files" \
	"in cmd out err status wait signal env dir" "$(names "$run/build" -U)"
expect "it is new" new "$(cat "$run/build/status")"
expect_errno "mkdir of it again" EEXIST mkdir "$run/build"
expect_errno "mkdir of last" EEXIST mkdir "$run/last"
expect_errno "a name with a dot" EINVAL mkdir "$run/.git"
told "a name with a dot" '^run/\.git: a job'
expect_errno "a long name" ENAMETOOLONG mkdir "$run/$(printf 'x%.0s' {1..65})"
check "the longest name" mkdir "$run/$(printf 'x%.0s' {1..64})"
check "a name with blanks" mkdir "$run/my job"
expect_errno "no file can be made in there" EPERM touch "$run/build/other"
expect_errno "nor a directory" EPERM mkdir "$run/build/other"
expect_errno "in is not read" EACCES cat "$run/build/in"
expect_errno "out is not written" EACCES put x "$run/build/out"
check "rmdir of both" rmdir "$run/my job" "$run/$(printf 'x%.0s' {1..64})"
expect "and they are gone" "build last" "$(names "$run")"
expect "all that took no run" 0 "$(called 'run -m web1 -w / .*')"

# one life
put $'A=1\nB=it\'s $HOME\n' "$run/build/env"
put $'/tmp\n' "$run/build/dir"
printf 'one\n' >"$run/build/in"
printf 'two' >"$run/build/in"
check "a script is started" put \
	$'echo "$A $B"; pwd\ncat; echo oops >&2; exit 7\n' "$run/build/cmd"
expect "cat wait gives its end" "exited 7" "$(cat "$run/build/wait")"
expect "so does status" "exited 7" "$(cat "$run/build/status")"
# shellcheck disable=SC2016 # as it was written
expect "env, dir and in were there" $'1 it\'s $HOME\n/tmp\none\ntwo' \
	"$(cat "$run/build/out")"
expect "err has what was said on stderr" oops "$(cat "$run/build/err")"
# shellcheck disable=SC2016
expect "cmd has the script as it was written" \
	$'echo "$A $B"; pwd\ncat; echo oops >&2; exit 7' \
	"$(cat "$run/build/cmd")"
expect "a script's own failure is no error of the machine" "" "$(cat "$error")"
expect "run/last is exec's" "" "$(cat "$run/last/status")"
expect_errno "a job runs one script" EBUSY put $'true\n' "$run/build/cmd"
told "a second script" '^run/build/cmd: the job has run; .*mkdir'
expect_errno "its stdin is over" EPIPE put x "$run/build/in"
told "its stdin" '^run/build/in: the job has ended'
expect_errno "and its env" EBUSY put $'C=1\n' "$run/build/env"
expect_errno "it takes no signal" EHOSTDOWN put $'TERM\n' "$run/build/signal"
told "a signal" '^run/build/signal: the job has ended'

# stdin: byte-exact, before and after the start, and at last bounded
head -c 700000 /dev/urandom >"$work/random"
mkdir "$run/in1"
check "bytes from before the start" cp "$work/random" "$run/in1/in"
put $'cat\n' "$run/in1/cmd"
expect "it ends" "exited 0" "$(cat "$run/in1/wait")"
check "they are the same" cmp "$work/random" "$run/in1/out"
mkdir "$run/in2"
put $'md5sum\n' "$run/in2/cmd"
check "many bytes after the start" bash -c 'for i in 1 2 3 4 5 6; do
	cat "$1"; done >"$2"' sh "$work/random" "$run/in2/in"
expect "it ends" "exited 0" "$(cat "$run/in2/wait")"
expect "they are the same, too" \
	"$(for _ in 1 2 3 4 5 6; do cat "$work/random"; done | md5sum)" \
	"$(cat "$run/in2/out")"
mkdir "$run/in3"
expect_errno "more than is held before the start" ENOSPC \
	bash -c 'head -c 1100000 /dev/zero >"$1"' sh "$run/in3/in"
told "more" '^run/in3/in: 1 MiB are held'
put "until [ -e '$work/go' ]; do sleep 0.1; done; wc -c"$'\n' "$run/in3/cmd"
expect "its stdin has ended" EPIPE "$(errno_of put x "$run/in3/in")"
touch "$work/go"
expect "what was taken is there" $'exited 0\n1048576' \
	"$(cat "$run/in3/wait" "$run/in3/out")"
mkdir "$run/in4"
# The signal reaches the fake itself, too, whose end is to be nothing to the script.
fake on outlive
put $'sleep 30\n' "$run/in4/cmd"
interruptible cat /dev/zero >"$run/in4/in" 2>/dev/null &
writer=$!
check "a write that finds no room waits" wait_asks "$writer"
expect_interrupt "and can be interrupted" "$writer"
put $'KILL\n' "$run/in4/signal"
expect "KILL ends it" "signaled 9" "$(timeout 60 cat "$run/in4/wait")"
fake off outlive

# out, followed
mkdir "$run/tail"
tail -f -n +1 -s 0.1 "$run/tail/out" >"$work/followed" &
tail=$!
put $'for i in 1 2 3; do echo line $i; sleep 0.1; done\n' "$run/tail/cmd"
check "tail -f follows" wait_for 30 is "$work/followed" \
	$'line 1\nline 2\nline 3'
kill "$tail"
wait "$tail" 2>/dev/null
job much 'seq 400000' 2>/dev/null
expect "much output" "exited 0" "$(cat "$run/much/wait")"
told "the oldest is dropped" '^run/much/out: 1640319 bytes of it were dropped'
expect "the size is that of all" 2688895 "$(stat -c %s "$run/much/out")"
expect "the newest is there" "1048576 400000" \
	"$(wc -c <<<"$(cat "$run/much/out")") $(tail -n 1 "$run/much/out")"

# wait
mkdir "$run/wait"
for i in 1 2 3 4 5; do
	cat "$run/wait/wait" >"$work/waited$i" &
	waiters[i]=$!
done
interruptible cat "$run/wait/wait" &
impatient=$!
check "a reader of wait waits" wait_asks "$impatient"
expect_interrupt "and can be interrupted" "$impatient"
put $'exit 3\n' "$run/wait/cmd"
wait "${waiters[@]}"
expect "the end wakes all the others" "exited 3" \
	"$(cat "$work"/waited? | sort -u)"
expect "each of them" 5 "$(cat "$work"/waited? | wc -l)"

# signal: here it reaches the fake itself, too, whose end is to be nothing to
# the script
fake on outlive
# shellcheck disable=SC2016
job sig 'trap "echo usr1; exit 4" USR1; echo ready; while :; do sleep 0.1; done'
check "it runs" wait_for 30 is "$run/sig/out" ready
check "a signal, by its name" put $'SIGUSR1\n' "$run/sig/signal"
expect "reaches the script" $'exited 4\nready\nusr1' \
	"$(timeout 60 cat "$run/sig/wait" "$run/sig/out")"
expect_errno "no signal" EINVAL put $'SOON\n' "$run/sig/signal"
told "no signal" "^run/sig/signal: 'SOON' is no signal"
fake off outlive

# its end
job gone "echo started; sleep $nap"
check "it runs" wait_for 30 is "$run/gone/out" started
cat "$run/gone/wait" >"$work/gone" &
waiter=$!
check "the reader waits" wait_asks "$waiter"
check "rmdir of a job that runs" rmdir "$run/gone"
wait "$waiter"
expect_match "who waits is told of the end" '^signaled [0-9]+$' \
	"$(cat "$work/gone")"
check_fails "it is gone" ls "$run/gone"
mkdir "$run/gone"
expect "the name is free" new "$(cat "$run/gone/status")"
job tree "sleep $nap"
check "rm -r of a job works" rm -r "$run/tree" "$run/gone"
check_fails "both are gone" ls "$run/tree" "$run/gone"
# shellcheck disable=SC2329 # for wait_for
none_sleeps() { ! pgrep -xf "sleep $nap"; }
check "nothing of them runs" wait_for 30 none_sleeps
job safe "sleep $nap"
check_fails "rm -rf of the machine does not go through" rm -rf "$mnt/web1"
check_fails "find -delete does not" find "$mnt/web1" -delete
expect "its jobs go on" running "$(cat "$run/safe/status")"
n=$(calls run)
check_fails "cp -r of run onto another machine's does not go through" \
	cp -r "$run" "$mnt/web2/"
expect "and runs nothing there" "$n" "$(calls run)"
put $'TERM\n' "$run/safe/signal"
expect_match "TERM ends it" '^signaled' "$(timeout 60 cat "$run/safe/wait")"

# machines
mkdir "$mnt/db1/run/a"
expect_errno "a stopped machine runs nothing" EHOSTDOWN \
	put $'true\n' "$mnt/db1/run/a/cmd"
expect "and is not started" stopped "$(cat "$mnt/db1/state")"
check "when it runs" put $'start\n' "$mnt/db1/state"
check "the same job can be started" put $'echo up\n' "$mnt/db1/run/a/cmd"
expect "and ends" $'exited 0\nup' "$(cat "$mnt/db1/run/a/wait" \
	"$mnt/db1/run/a/out")"
mkdir "$mnt/fresh" "$mnt/fresh/run/a"
check "a machine that is made is waited for" \
	put $'echo made\n' "$mnt/fresh/run/a/cmd"
expect "there it runs" $'exited 0\nmade' \
	"$(cat "$mnt/fresh/run/a/wait" "$mnt/fresh/run/a/out")"
check "a machine can be renamed" rename "$mnt/fresh" "$mnt/newer"
expect "its jobs go with it" made "$(cat "$mnt/newer/run/a/out")"
mkdir "$mnt/web3/run/a"
put "echo up; sleep $nap"$'\n' "$mnt/web3/run/a/cmd"
check "a job of it runs" wait_for 30 is "$mnt/web3/run/a/out" up
check "a machine is stopped" put $'stop\n' "$mnt/web3/state"
expect_match "its jobs end" '^(lost|signaled [0-9]+|exited [0-9]+)$' \
	"$(timeout 60 cat "$mnt/web3/run/a/wait")"
check "it is deleted" rmdir "$mnt/web3"
check_fails "and its jobs with it" ls "$mnt/web3/run"
mkdir "$run/late"
put "sleep $nap"$'\n' "$run/late/cmd"
unmount
check "no script outlives the daemon" wait_for 30 none_sleeps
