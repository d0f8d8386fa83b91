#!/usr/bin/env bash
# Goal: a change made in the machine shows at once, and what is cached costs nothing.
. "$(dirname "$0")/files.sh"

# A minute's patience for what nobody tells of: what shows was told.
mount_orbfs -o ttl=60
make_machine one
f=$(files one)/srv n=$(native one)/srv
mkdir -p "$n/dir/sub"
echo first >"$n/dir/file"
seq 100 >"$n/dir/large"
shows() { # SENTENCE COMMAND...
	local sentence=$1
	shift
	if wait_for 30 "$@"; then
		_ok "$sentence"
	else
		_not_ok "$sentence" "$* never came true"
	fi
}
absent() {
	! stat "$1" >/dev/null 2>&1
}
mode_is() {
	[ "$(stat -c %a "$1")" = "$2" ]
}
size_is() {
	[ "$(stat -c %s "$1")" = "$2" ]
}
listed() {
	[ "$(names "$1")" = "$2" ]
}
expect "the directory is listed" "file large sub" "$(names "$f/dir")"
expect "and a file read" first "$(cat "$f/dir/file")"
check "what is not there is asked for twice" \
	eval '! stat "$f/dir/new" && ! stat "$f/dir/new"'
echo new >"$n/dir/new"
shows "a new file, though its absence was known" is "$f/dir/new" new
shows "in the listing, too" listed "$f/dir" "file large new sub"
echo second >"$n/dir/file"
shows "other content" is "$f/dir/file" second
seq 50 >"$n/dir/large"
shows "another size" size_is "$f/dir/large" "$(seq 50 | wc -c)"
shows "and its content" cmp "$f/dir/large" "$n/dir/large"
printf X | dd of="$n/dir/large" bs=1 seek=3 conv=notrunc status=none
shows "one byte of another content" cmp "$f/dir/large" "$n/dir/large"
chmod 600 "$n/dir/file"
shows "another mode" mode_is "$f/dir/file" 600
chmod 700 "$n/dir"
shows "the directory's own mode" mode_is "$f/dir" 700
mv "$n/dir/file" "$n/dir/moved"
shows "a new name" is "$f/dir/moved" second
shows "and the old one gone" absent "$f/dir/file"
rm "$n/dir/new"
shows "a removal" absent "$f/dir/new"
shows "in the listing, too" listed "$f/dir" "large moved sub"
mv "$n/dir" "$n/other"
shows "a renamed directory" listed "$f/other" "large moved sub"
shows "is not where it was" absent "$f/dir/moved"
mkdir "$n/dir"
shows "another takes its place" listed "$f/dir" ""
rm "$n/other/moved"
mkdir "$n/other/moved"
shows "a file becomes a directory" test -d "$f/other/moved"
rmdir "$n/other/moved"
ln -s large "$n/other/moved"
shows "and a link" test -L "$f/other/moved"
echo content >"$n/other/next"
mv "$n/other/next" "$n/other/large"
shows "one file over another" is "$f/other/large" content
# Who works in a directory, wherever the machine puts it, goes on.
mkdir -p "$n/other/work/in" "$n/far"
echo here >"$n/other/work/in/file"
shows "a directory to work in" listed "$f/other" "large moved sub work"
expect "and another place" "" "$(names "$f/far")"
here=$PWD
cd "$f/other/work/in" || exit 1
exec 6>log
mv "$n/other/work" "$n/far/moved"
shows "who is in a directory that is renamed reads on" is file here
check "writes" eval 'echo new >file && echo end >&6'
check "makes" mkdir below
shows "lists" listed . "below file log"
exec 6>&-
cd "$here" || exit 1
expect "and all of it is where the directory is" $'end\nnew' \
	"$(cat "$n/far/moved/in/log" "$n/far/moved/in/file")"
expect "under its new name" "below file log" "$(names "$f/far/moved/in")"
shows "and not under the old one" absent "$f/other/work"
exec 5<"$f/other/large"
echo more >>"$n/other/large"
shows "what is appended, to who has it open" eval \
	'[ "$(perl -e "sysseek STDIN, 0, 0; print <STDIN>" <&5)" = '\
'"$(printf "content\nmore")" ]'
exec 5<&-
# Two that change places are told from one that goes there and back.
for name in p q; do
	mkdir -p "$n/other/$name"
	echo "$name" >"$n/other/$name/which"
	expect "$name is listed" which "$(names "$f/other/$name")"
done
expect "with what is above" "large moved p q sub" "$(names "$f/other")"
cd "$f/other/p" || exit 1
python3 -c 'import ctypes, sys
from os import fsencode
sys.exit(ctypes.CDLL(None).renameat2(-100, fsencode(sys.argv[1]),
    -100, fsencode(sys.argv[2]), 2))' "$n/other/p" "$n/other/q"
expect "who is in one of two that change places never finds the other" p \
	"$(cat which 2>/dev/null || echo p)"
cd "$here" || exit 1
shows "the one has the other's place" is "$f/other/p/which" q
shows "and the other the one's" is "$f/other/q/which" p
# A file with two names is reached by the one that it keeps.
for gone in two/x two; do
	mkdir -p "$n/two"
	echo twice >"$n/twice"
	ln "$n/twice" "$n/two/x"
	cat "$f/twice" "$f/two/x" >/dev/null
	rm -r "${n:?}/$gone"
	shows "without $gone it has its other name" is "$f/twice" twice
	check "by which it is written to" eval 'echo >>"$f/twice"'
	check "and changed" chmod 640 "$f/twice"
	rm "$n/twice"
done
check "what we do shows inside" eval \
	'echo ours >"$f/other/ours" && [ "$(cat "$n/other/ours")" = ours ]'
check "and so does a removal" eval 'rm "$f/other/ours" && absent "$n/other/ours"'

# What the kernel and the daemon know is not asked for again.
mkdir "$n/many"
for i in $(seq 200); do echo "$i" >"$n/many/$i"; done
cat "$f"/many/* >/dev/null
# A read makes the kernel ask for the time of it, once.
stat "$f"/many/* >/dev/null
requests() {
	sed -n 's/^requests //p' "$mnt/.orbfs/stats"
}
before=$(requests)
for i in 1 2 3 4 5; do
	stat "$f"/many/* >/dev/null
done
after=$(requests)
if [ $((after - before)) -lt 50 ]; then
	_ok "what is known is not asked for again"
else
	_not_ok "what is known is not asked for again" \
		"$((after - before)) requests for 1000 looks"
fi
# The agent is stopped: whatever is answered now needs no word of it. The
# computer may want the memory back and forget, but not each time.
pid=$(agent_here one)
check "the agent is found" test -n "$pid"
cached() {
	local status=0
	cat "$f"/many/* && stat "$f"/many/* || return
	kill -STOP "$pid"
	timeout 10 bash -c 'cat "$1"/*' sh "$f/many" &&
		timeout 10 ls -l "$f/many" || status=1
	kill -CONT "$pid"
	return "$status"
} >/dev/null
check "cached files are read and looked at without the machine" eval \
	'cached || cached || cached'
unmount
