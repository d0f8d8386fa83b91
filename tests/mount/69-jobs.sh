#!/usr/bin/env bash
# Goal: a hundred jobs run side by side in a real machine, and end there.
. "$(dirname "$0")/machines.sh"

n=100
mount_orbfs
make_machine web
remember_machines
run=$mnt/web/run

# job NAME SCRIPT: make it and start it
job() {
	mkdir "$run/$1" && put "$2"$'\n' "$run/$1/cmd"
}
# starts NAME: it has said so
starts() {
	check "$1 runs" wait_for 30 is "$run/$1/out" started
}

# a hundred at once
for i in $(seq "$n"); do
	job "j$i" "cat; echo $i; exit $((i % 5))"
done
expect "$n jobs run" "$n running" \
	"$(cat "$run"/j*/status | sort | uniq -c | xargs)"
# They themselves wait for their input.
check "nobody waits for them" timeout 30 ls "$mnt" "$mnt/web" "$run"
check "a script of exec does not" run_script web true
for i in $(seq "$n"); do
	echo "input $i" >"$run/j$i/in"
done
expect "each ends in its own way" \
	"20 exited 0 20 exited 1 20 exited 2 20 exited 3 20 exited 4" \
	"$(cat "$run"/j*/wait | sort | uniq -c | xargs)"
for i in $(seq "$n"); do
	[ "$(cat "$run/j$i/out")" = "input $i"$'\n'"$i" ] || echo "j$i"
done >"$work/wrong"
expect "each has its own output" "" "$(cat "$work/wrong")"
# A job's end is told before the child that brought it is gone.
check "no child is left" wait_for 30 grep -qx 'children_running 0' \
	"$mnt/.orbfs/stats"
check "rm -r of all of them" rm -r "$run"/j*
expect "they are gone" last "$(names "$run")"
check "and the daemon has let go of them" wait_for 30 \
	bash -c '[ "$(ls "/proc/$1/fd" | wc -l)" -lt 40 ]' sh "$daemon"

# bytes
head -c 30000000 /dev/urandom >"$work/random"
job sum 'cat >sum; md5sum <sum'
check "30 MB into a job that runs" cp "$work/random" "$run/sum/in"
expect "arrive as they are" $'exited 0\n'"$(md5sum <"$work/random")" \
	"$(cat "$run/sum/wait" "$run/sum/out")"
job big 'cat sum; cat sum >&2'
expect "30 MB and 30 MB come out" "exited 0" "$(cat "$run/big/wait")"
check "as they are" cmp "$work/random" "$run/big/out"
check "on both outputs" cmp "$work/random" "$run/big/err"
mkdir "$run/lines"
printf 'first line\nsecond\n' >"$run/lines/in"
put $'# more than a line\nread -r a; echo "<$a>"\ncat\n' "$run/lines/cmd"
expect "a script of many lines leaves its input alone" \
	$'exited 0\n<first line>\nsecond' \
	"$(cat "$run/lines/wait" "$run/lines/out")"
mkdir "$run/home"
printf 'X=%s\n' "a  b'c" >"$run/home/env"
put $'/usr/lib\n' "$run/home/dir"
# shellcheck disable=SC2016 # for the machine
put $'echo "$X"; pwd\n' "$run/home/cmd"
expect "env and dir count" $'exited 0\na  b\'c\n/usr/lib' \
	"$(cat "$run/home/wait" "$run/home/out")"

# signals
# shellcheck disable=SC2016
job trap 'trap "echo told; exit 9" HUP; echo started; while :; do sleep 0.1; done'
starts trap
check "HUP" put $'HUP\n' "$run/trap/signal"
expect "is caught by the script" $'exited 9\nstarted\ntold' \
	"$(timeout 30 cat "$run/trap/wait" "$run/trap/out")"
for sig in INT USR1 TERM KILL; do
	job "$sig" 'echo started; (sleep 5431; :) & sleep 5432'
	starts "$sig"
	check "$sig" put "$sig"$'\n' "$run/$sig/signal"
	expect_match "ends a script" '^(signaled|exited 1[0-9][0-9])' \
		"$(timeout 30 cat "$run/$sig/wait")"
done
check "with all that it has started" wait_for 30 none_in_guest web "sleep 543"
job stop 'echo started; until [ -e /tmp/go ]; do sleep 0.1; done; echo over'
starts stop
put $'STOP\n' "$run/stop/signal"
guest web touch /tmp/go
interruptible cat "$run/stop/wait" &
waiter=$!
wait_until_waits "$waiter" cat
expect_interrupt "who waits for a stopped job can be interrupted" "$waiter"
expect "it is not over" running "$(cat "$run/stop/status")"
put $'CONT\n' "$run/stop/signal"
expect "CONT lets it go on" "exited 0" "$(timeout 30 cat "$run/stop/wait")"

# rmdir
# One that ignores TERM has two seconds more. A busy computer may need as long
# for a rmdir, but not each time.
for try in 1 2 3; do
	job mild 'echo started; sleep 6541'
	job hard 'trap "" TERM; echo started; sleep 6542'
	starts mild
	starts hard
	cat "$run/hard/wait" >"$work/hard" &
	waiter=$!
	wait_until_waits "$waiter" cat
	stopwatch rmdir "$run/mild" "$run/hard"
	expect "jobs that run are removed" 0 "$status"
	check "nothing of them is left in the machine" \
		wait_for 30 none_in_guest web "sleep 654"
	wait "$waiter"
	expect_match "who waited was told" '^signaled' "$(cat "$work/hard")"
	[ "$took" -gt 1000 ] || break
done
check "rmdir of jobs that run does not wait ($took)" test "$took" -le 1000
: "$try"

# what becomes of the machine
job stays 'echo started; sleep 7651'
starts stays
check "a machine with jobs can be renamed" rename "$mnt/web" "$mnt/shop"
run=$mnt/shop/run
expect "they go on" running "$(cat "$run/stays/status")"
check "and are reached" put $'TERM\n' "$run/stays/signal"
expect "under its new name" "signaled 15" \
	"$(timeout 30 cat "$run/stays/wait")"
job down 'echo started; sleep 7652'
starts down
check "the machine stops" put $'stop\n' "$mnt/shop/state"
expect_match "its jobs are lost, or ended" '^(lost|signaled|exited)' \
	"$(timeout 30 cat "$run/down/wait")"
expect "their output is still there" started "$(cat "$run/down/out")"
check "it starts" put $'start\n' "$mnt/shop/state"
expect "another job runs" "exited 0" "$(job next true && cat "$run/next/wait")"
job end 'echo started; sleep 7653'
starts end
unmount
check "no job outlives the daemon" wait_for 30 none_in_guest shop "sleep 765"
_delete_machines
expect_nothing_left "nothing is left of the machine"
