#!/usr/bin/env bash
# Goal: whoever removes a tree removes no machine; a plain rmdir still does.
. "$(dirname "$0")/lib.sh"
need python3 "to remove trees as programs do"

engine fake
fake seed 3 web stopped
fake seed 1 run running
mount_orbfs
harmless web1 web2 web3 run1
all="$ours run1 web1 web2 web3"
unharmed() { # SENTENCE
	expect "$1: no machine is deleted" 0 "$(calls delete)"
	expect "$1: all are there" "$all" "$(names "$mnt")"
}
# refused SENTENCE COMMAND...: it fails, first of all with EPERM
refused() {
	local sentence=$1
	shift
	check_fails "$sentence fails" "$@"
	expect_match "$sentence: it is not permitted" 'not permitted' \
		"$("$@" 2>&1)"
	unharmed "$sentence"
}

expect_errno "rm of a control file is EPERM" EPERM rm -f "$mnt/web1/state"
refused "rm -rf of a stopped machine" rm -rf "$mnt/web1"
refused "rm -rf of a running machine" rm -rf "$mnt/run1"
refused "rm -rf of all" bash -c 'rm -rf "$1"/*' sh "$mnt"
refused "rm -rf of the mount" rm -rf "$mnt"
refused "rm -r, asked and told yes" bash -c 'yes | rm -r "$1"' sh "$mnt/web1"
check_fails "rm -d of a machine's parts fails" rm -d "$mnt/web1/run"
refused "find -delete" find "$mnt/web1" -delete
refused "find -delete of all" find "$mnt" -mindepth 1 -delete
refused "find with rm" find "$mnt/web1" -type f -exec rm -f {} +
refused "find from below with rm" find "$mnt/web1" -depth -exec rm -rf {} +
check_fails "mv out of the mount fails" mv "$mnt/web1" "$work/web1"
unharmed "mv"
if command -v busybox >/dev/null; then
	refused "busybox rm -rf" busybox rm -rf "$mnt/web1"
fi
if command -v perl >/dev/null; then
	perl -MFile::Path -e 'rmtree($ARGV[0])' "$mnt/web1" >/dev/null 2>&1
	unharmed "perl's rmtree"
fi

# Programs that go on whatever fails.
for name in web1 run1; do
	check "python's rmtree of $name, without a word" python3 -c '
import shutil, sys
shutil.rmtree(sys.argv[1], ignore_errors=True)' "$mnt/$name"
	unharmed "python's rmtree of $name"
done
python3 -c 'import os, sys
for f, name in (os.unlink, "/state"), (os.rmdir, ""):
    try:
        f(sys.argv[1] + name)
    except OSError:
        pass' "$mnt/web2"
unharmed "unlink, then rmdir, whatever fails"
expect_match "the error says what happened" "tried to remove web2" \
	"$(cat "$mnt/web2/error")"
python3 -c 'import os, sys
def ignore(f, name):
    try:
        f(name)
    except OSError:
        pass
for top, dirs, files in os.walk(sys.argv[1], topdown=False):
    for name in files:
        ignore(os.unlink, os.path.join(top, name))
    for name in dirs:
        ignore(os.rmdir, os.path.join(top, name))
ignore(os.rmdir, sys.argv[1])' "$mnt/web1"
unharmed "a removal from the bottom"
python3 -c 'import os, sys, threading
def ignore(name):
    for f in os.unlink, os.rmdir:
        try:
            f(name)
        except OSError:
            pass
threads = [threading.Thread(target=ignore, args=(os.path.join(sys.argv[1], n),))
           for n in sorted(os.listdir(sys.argv[1]))]
for t in threads:
    t.start()
for t in threads:
    t.join()
ignore(sys.argv[1])' "$mnt/web1"
unharmed "one by many threads"
expect "nothing ran but what looked for files" "" \
	"$(cut -f 3- "$work/fake/calls" | grep '^run' | grep -v 'orbfs-agent-')"
expect "nothing was stopped, started, renamed or set" 0 \
	"$(called '((stop|start|restart|rename)|config (set|add|reset)) .*')"

# What is meant.
check "a plain rmdir of another process deletes" rmdir "$mnt/web1"
expect "that one" 1 "$(called 'delete -f web1')"
expect "and no other" 1 "$(calls delete)"
check "a machine whose removal was refused is deleted so, too" \
	rmdir "$mnt/web2"
check "as is one by a process that was refused another's" bash -c '
	! unlink "$1/run1/state" 2>/dev/null && exec rmdir "$1/web3"' sh "$mnt"
expect "one running machine is left" "$ours run1" "$(names "$mnt")"
expect_errno "which has to be stopped first" EBUSY rmdir "$mnt/run1"
unmount
