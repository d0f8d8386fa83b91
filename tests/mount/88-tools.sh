#!/usr/bin/env bash
# Goal: git, tar, rsync, sqlite, make and editors work below files/ as anywhere.
. "$(dirname "$0")/files.sh"
need_all git tar rsync sqlite3 setfacl setfattr getfattr cc make python3

mount_orbfs -o allow_other,default_permissions,symlinks=raw
make_machine one
f=$(files one)/srv n=$(native one)/srv
mkdir -p "$f/w"
export GIT_AUTHOR_NAME=me GIT_AUTHOR_EMAIL=me@example.org \
	GIT_COMMITTER_NAME=me GIT_COMMITTER_EMAIL=me@example.org \
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1

# ---- git
g=(git -C "$f/w/repo")
check "git init" git init -q "$f/w/repo"
mkdir -p "$f/w/repo/src"
for i in $(seq 150); do echo "line $i" >"$f/w/repo/src/$i.c"; done
check "git add" "${g[@]}" add .
check "git commit" "${g[@]}" commit -q -m first
expect "git status is clean" "" "$("${g[@]}" status --porcelain)"
echo more >>"$f/w/repo/src/7.c"
echo inside >>"$n/w/repo/src/8.c"
expect "and sees changes made here and in the machine" \
	$' M src/7.c\n M src/8.c' "$(wait_for 30 eval \
	'"${g[@]}" status --porcelain | grep -q 8.c'; "${g[@]}" status --porcelain)"
check "git commit -a" "${g[@]}" commit -q -a -m second
check "git gc" "${g[@]}" gc -q
check "git fsck" "${g[@]}" fsck --full --strict
check "git clone within files/" git clone -q "$f/w/repo" "$f/w/clone"
check "git clone out of it" git clone -q "$f/w/repo" "$work/clone"
check "git clone into it" git clone -q "$work/clone" "$f/w/back"
check "git checkout of the past" git -C "$f/w/back" checkout -q HEAD~1
expect "is what it was" "line 7" "$(cat "$f/w/back/src/7.c")"
expect "and is clean" "" "$(git -C "$f/w/back" status --porcelain)"
check "git fsck there" git -C "$f/w/back" fsck --full

# ---- tar and rsync: a tree with all that there may be
mkdir -p "$work/tree/dir/empty"
(
	cd "$work/tree" || exit 1
	seq 10000 >text
	head -c 1000000 /dev/urandom >bytes
	: >nothing
	truncate -s 10M hole
	echo x | dd of=hole bs=1 seek=5000000 conv=notrunc status=none
	printf 'x' >"$(printf 'name with \n line, \001 and \377')"
	ln text dir/second
	ln -s ../text dir/link
	ln -s /etc/hostname absolute
	ln -s nowhere dangling
	mkfifo fifo
	mknod null c 1 3
	chmod 4755 nothing
	chmod 2775 dir
	chmod 1777 dir/empty
	chown 1234:5678 bytes
	chown -h 7:8 dangling
	# rsync takes what was made in this second for as old as its source.
	find . -exec touch -h -d '2010-11-12 13:14:15.161718192' {} +
	touch -d '2001-02-03 04:05:06.123456789' text
	touch -h -d '1999-12-31 23:59:59.5' dangling
	touch -d 1975-01-01 dir
	setfattr -n user.colour -v blue text
	setfattr -n user.dir -v yes dir
	setfacl -m u:1000:rw,g:7:r bytes
	setfacl -d -m u:1000:rwx dir/empty
)
manifest "$work/tree" >"$work/manifest"
same() { # SENTENCE TREE
	manifest "$2" >"$work/other"
	expect "$1" "" "$(diff -a "$work/manifest" "$work/other")"
}
tars() {
	tar --xattrs --acls -cpf - -C "$1" . |
		tar --xattrs --acls -xpf - -C "$2"
}
mkdir "$f/tar" "$work/tar" "$work/rsync"
check "tar into the machine" tars "$work/tree" "$f/tar"
same "is the same tree there" "$n/tar"
same "and seen from here" "$f/tar"
check "tar back" tars "$f/tar" "$work/tar"
same "is the same tree" "$work/tar"
check "rsync -aHAX into the machine" rsync -aHAX "$work/tree/" "$f/rsync/"
same "is the same tree there" "$n/rsync"
check "rsync -aHAX back" rsync -aHAX "$f/rsync/" "$work/rsync/"
same "is the same tree" "$work/rsync"
expect "another rsync finds nothing to do" "" \
	"$(rsync -aHAXi "$work/tree/" "$f/rsync/")"
check "cp -a within files/" cp -a "$f/tar" "$f/copy"
same "is the same tree" "$f/copy"
expect "diff finds none either" "" "$(diff -r --no-dereference -x fifo -x null \
	"$work/tree" "$f/copy" 2>&1)"

# ---- sqlite, with a writer inside and one outside
db=$f/db.sqlite
check "a database is made" sqlite3 "$db" \
	'create table t (who text, n int); insert into t values ("none", 0);'
cat >"$work/insert.sh" <<'END'
i=0
while [ "$i" -lt 40 ]; do
	sqlite3 -cmd '.timeout 60000' "$1" \
		"begin immediate; insert into t values ('$2', $i); commit;" ||
		exit 1
	i=$((i + 1))
done
END
cp "$work/insert.sh" "$f/insert.sh"
guest one -u root sh /srv/insert.sh /srv/db.sqlite inside >"$work/inside" 2>&1 &
inside=$!
check "a writer outside beside one inside" sh "$work/insert.sh" "$db" outside
wait "$inside"
expect "and the one inside" "0 " "$? $(cat "$work/inside")"
expect "nothing is lost" "inside|40 none|1 outside|40" "$(sqlite3 "$db" \
	'select who, count(*) from t group by who order by who' | xargs)"
expect "the database is whole" ok "$(sqlite3 "$db" 'pragma integrity_check')"
expect "as the machine sees it" "inside|40 none|1 outside|40" "$(as_root one \
	'sqlite3 /srv/db.sqlite "select who, count(*) from t group by who
	order by who"' | xargs)"
# A counter under a lock, with a writer on each side. Nobody has listed the
# directory, so the machine does not tell of what is written there.
mkdir "$n/counted"
echo 0 >"$n/counted/counter"
cat >"$work/count.py" <<'END'
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
for i in range(500):
    fcntl.lockf(fd, fcntl.LOCK_EX)
    n = int(os.pread(fd, 16, 0)) + 1
    os.pwrite(fd, b"%d\n" % n, 0)
    fcntl.lockf(fd, fcntl.LOCK_UN)
END
python3 "$work/count.py" "$n/counted/counter" &
inside=$!
check "a counter outside beside one inside" \
	python3 "$work/count.py" "$f/counted/counter"
wait "$inside"
expect "have counted all" 1000 "$(cat "$n/counted/counter")"
# Locks, each way.
as_root one 'flock /srv/db.sqlite sh -c "touch /srv/held
	while [ -e /srv/held ]; do sleep 0.1; done"' &
holder=$!
check "a lock is held inside" wait_for 30 test -e "$n/held"
check_fails "and is seen outside" flock -n "$db" true
rm "$n/held"
wait "$holder"
check "until it goes" flock -w 30 "$db" true
exec 5<"$db"
flock 5
check_fails "a lock held outside is seen inside" \
	as_root one 'flock -n /srv/db.sqlite true'
exec 5<&-
check "until it goes" as_root one 'flock -w 30 /srv/db.sqlite true'

# ---- configure and make
mkdir "$f/build"
cat >"$f/build/configure" <<'END'
#!/bin/sh
# What a configure does: try things with small programs, write a Makefile.
set -e
for header in stdio.h stdlib.h string.h no-such-header.h unistd.h; do
	echo "#include <$header>" >conftest.c
	if cc -c -o conftest.o conftest.c 2>>config.log; then
		echo "#define HAVE_$(echo "$header" | tr 'a-z.-' 'A-Z__') 1"
	fi
	rm -f conftest.c conftest.o
done >config.h.new
mv config.h.new config.h
for i in 1 2 3 4 5 6 7 8; do
	echo "#include \"config.h\"
int part_$i(void) { return $i; }" >part_$i.c
done
echo '#include <stdio.h>
#include "config.h"
int part_1(void), part_8(void);
int main(void) { printf("%d\\n", part_1() + part_8()); return 0; }' >main.c
sed 's/@OBJECTS@/main.o part_1.o part_2.o part_3.o part_4.o part_5.o part_6.o part_7.o part_8.o/' \
	Makefile.in >Makefile
END
printf 'all: program\nprogram: lib.a main.o\n\tcc -o $@ main.o lib.a\nlib.a: @OBJECTS@\n\tar rcs $@ $^\n%%.o: %%.c config.h\n\tcc -c -o $@ $<\n' \
	>"$f/build/Makefile.in"
chmod +x "$f/build/configure"
check "configure" eval 'cd "$f/build" && ./configure'
check "make" make -s -j2 -C "$f/build"
expect "what was built runs" 9 "$("$f/build/program")"
expect "inside as well" 9 "$(as_root one /srv/build/program)"
expect "make has nothing left to do" 0 \
	"$(make -q -C "$f/build" >/dev/null 2>&1; echo $?)"
touch "$f/build/part_3.c"
expect "and makes again what was touched" part_3.o "$(make -n -C "$f/build" |
	grep -o 'part_[0-9].o part_3.c' | cut -d ' ' -f 1)"

# ---- an editor: a new file beside the old one, synced, renamed over it
echo old >"$f/edited"
chmod 640 "$f/edited"
python3 - "$f/edited" <<'END'
import os, sys
name = sys.argv[1]
for i in range(50):
    mode = os.stat(name).st_mode & 0o7777
    fd = os.open(name + ".swp", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    os.write(fd, b"text %d\n" % i)
    os.fsync(fd)
    os.fchmod(fd, mode)
    os.close(fd)
    os.rename(name, name + "~")
    os.rename(name + ".swp", name)
    os.unlink(name + "~")
    assert open(name).read() == "text %d\n" % i
    assert os.stat(name).st_mode & 0o7777 == mode
END
expect "an editor's saves" "0 text 49" "$? $(cat "$n/edited")"
unmount
