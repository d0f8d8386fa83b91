#!/usr/bin/env bash
# Goal: cp, tar and rsync take trees from one machine to the next as they are, with their attributes.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine a b
from=$mnt/a/files/srv to=$mnt/b/files/srv

# tree DIRECTORY: all that matters of it, by name. Times of directories are
# those of their last entry, which -a sets as well.
tree() {
	(cd "$1" && find . -printf '%P %y %m %U:%G %T@ %n %l %s\n' |
		sed -E 's/^([^ ]* d .*) [0-9]+$/\1/' | sort &&
		find . -type f -print0 | sort -z | xargs -0 sha256sum)
}
run_script a 'mkdir -p /srv/t/empty /srv/t/deep/er
cd /srv/t
head -c 3000000 /dev/urandom >large; chmod 640 large
echo text >deep/er/file; chown 12:34 deep/er/file; chmod 4755 deep/er/file
touch -d "2001-02-03 04:05:06.789012345" deep/er/file
ln deep/er/file deep/hard; ln -s er/file deep/soft; ln -s /etc/passwd absolute
ln -s ../../nowhere dangling
truncate -s 50M holes; echo end >>holes
mkfifo pipe; : >"$(printf "odd\tname\nof it")"
chmod 1770 empty; chown 5:6 empty; touch -d 1999-12-31 empty
i=0; while [ $i -lt 300 ]; do echo $i >deep/f$i; i=$((i + 1)); done'

check "cp -a from one machine to the next" cp -a "$from/t" "$to/"
# What the guests themselves see, which is more than what goes through us.
seen='cd /srv/t && find . -printf "%P %y %m %U:%G %T@ %n %l %s\n" |
	sed -E "s/^([^ ]* d .*) [0-9]+\$/\1/" | LC_ALL=C sort'
run_script a "$seen"
run_script b "$seen"
check "there is a list" test "$(wc -l <"$mnt/a/exec")" -gt 300
# A link that leads to the root is shown as one that stays in the machine, and
# is what cp sees: its text differs, its end does not.
expect "every attribute is the same" \
	"$(grep -v '^absolute ' "$mnt/a/exec")" \
	"$(grep -v '^absolute ' "$mnt/b/exec")"
expect "a link to the root leads there" root \
	"$(run_script b 'head -n 1 /srv/t/absolute' &&
		cut -d : -f 1 "$mnt/b/exec")"
expect "through the mount as well" "$(tree "$from/t" | grep -v '^absolute ')" \
	"$(tree "$to/t" | grep -v '^absolute ')"
check "holes stay holes" test \
	"$(stat -c %b "$to/t/holes")" -lt 20000
check "cp -r, from the one to the other" cp -r "$from/t/deep" "$to/plain"
expect "has every file" "$(cd "$from/t/deep" && find . | sort)" \
	"$(cd "$to/plain" && find . | sort)"

# cp asks the kernel to copy first.
expect "copy_file_range copies, or says that it cannot" 0 "$(python3 -c '
import errno, os, sys
a = os.open(sys.argv[1] + "/t/large", os.O_RDONLY)
b = os.open(sys.argv[2] + "/range", os.O_RDWR | os.O_CREAT)
n = 0
try:
    n = os.copy_file_range(a, b, 1000000, 12345, 0)
except OSError as e:
    assert e.errno == errno.EXDEV, e
assert os.pread(b, 2000000, 0) == os.pread(a, n, 12345)
print(0)' "$from" "$to" 2>&1)"
check "tar into tar" eval 'mkdir "$to/tar" &&
	tar -C "$from" --format=posix -c t | tar -C "$to/tar" -x --same-owner'
expect "is the same tree" "$(tree "$from/t" | grep -v '^absolute ')" \
	"$(tree "$to/tar/t" | grep -v '^absolute ')"
check "mv, which copies and removes" mv "$from/t/deep" "$to/moved"
check_fails "nothing is left there" test -e "$from/t/deep"
expect "all of it is here" 303 \
	"$(find "$to/moved" -type f -o -type l | wc -l)"
expect_errno "a rename is not possible" EXDEV rename "$from/t" "$to/renamed"
expect_errno "nor a hard link" EXDEV perl -e \
	'link $ARGV[0], $ARGV[1] or die "$!\n"' "$from/t/large" "$to/link"

# The one stops in the middle: an error, no hang, and the other goes on.
run_script a 'head -c 200000000 /dev/zero >/srv/big'
cp "$from/big" "$to/big" 2>"$work/said" &
copier=$!
check "a copy has begun" wait_for 30 test -s "$to/big"
check "the source is killed" put kill "$mnt/a/state"
expect_within 20 "the copy ends" eval '! wait "$copier" || true'
check "the target works" run_script b 'echo fine'
unmount
