#!/usr/bin/env bash
# Goal: what Finder copies into a machine arrives, and what it adds does not.
. "$(dirname "$0")/files.sh"
need_all python3 getfattr

mount_orbfs -o finder
make_machine web
inside=$(files web)/srv/in
there=$(native web)/srv/in
mkdir "$inside"
echo 'what is copied' >"$work/report.txt"

# copy_in FILE DIRECTORY: as Finder and copyfile(3) do it.
copy_in() {
	python3 - "$1" "$2" <<'END'
import os, sys
source, top = sys.argv[1:]
name = os.path.basename(source)
path = os.path.join(top, name)
os.statvfs(top)
assert not os.path.lexists(path)
fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
assert not os.path.lexists(os.path.join(top, "._" + name))
for attribute, value in (("quarantine", b"0081;"), ("FinderInfo", b"brok" * 8),
                         ("provenance", b"\1"), ("lastuseddate#PS", b"\2")):
    os.setxattr(fd, "com.apple." + attribute, value)
assert len(os.listxattr(fd)) == 4, os.listxattr(fd)
data = open(source, "rb").read()
assert os.write(fd, data) == len(data)
os.fchmod(fd, 0o644)
os.fchown(fd, os.getuid(), os.getgid())
os.utime(fd, (1234567890, 1234567890))
os.close(fd)
os.setxattr(path, "com.apple.FinderInfo", bytes(32))
assert os.getxattr(path, "com.apple.FinderInfo") == bytes(32)
END
}

check "a file is copied in" copy_in "$work/report.txt" "$inside"
expect "it is there" 'what is copied' "$(cat "$there/report.txt")"
expect "with its mode and time" '644 1234567890' \
	"$(stat -c '%a %Y' "$there/report.txt")"
expect "and without what only Finder knows" "" \
	"$(getfattr -d -m - "$there/report.txt" 2>/dev/null)"

check "a folder with a .DS_Store is copied in" python3 -c '
import os, sys
top = sys.argv[1]
os.mkdir(top)
for name in ".DS_Store", "._a", "a", "b":
    with open(os.path.join(top, name), "wb") as f:
        f.write(name.encode())
assert open(os.path.join(top, ".DS_Store"), "rb").read() == b".DS_Store"
os.setxattr(top, "com.apple.FinderInfo", b"x")
' "$inside/folder"
expect "what it holds has arrived" "a b" "$(names "$there/folder")"
expect "the rest is not even listed" "a b" "$(names "$inside/folder")"
expect "though it is there for who asks" "._a" "$(cat "$inside/folder/._a")"
check "a document is saved beside and exchanged" python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
new, old = (os.fsencode(name) for name in sys.argv[1:])
open(new, "w").write("saved\n")
if libc.renameat2(-100, new, -100, old, 2):
    raise OSError(ctypes.get_errno(), "exchange")
os.unlink(new)' "$inside/report.txt.sb" "$inside/report.txt"
expect "and is the new one" saved "$(cat "$there/report.txt")"
check "the folder is removed" rm -r "$inside/folder"
expect "with nothing left in its way" "report.txt" "$(names "$there")"
check "a new one has none of the old one's" mkdir "$inside/folder"
expect_errno "no .DS_Store" ENOENT stat "$inside/folder/.DS_Store"

as_root web 'echo own >/srv/in/._own'
found() {
	ls -a "$inside" && is "$inside/._own" own
}
check "what a guest has by itself is shown" wait_for 30 found
check "and can be removed" rm "$inside/._own"
expect_errno "in the guest" ENOENT stat "$there/._own"

as_root web 'echo inside >/srv/in/elsewhere'
check "what is made in the guest shows by itself" \
	wait_for 30 is "$inside/elsewhere" inside
expect_errno "Finder's delete of the machine" EPERM rm -f "$mnt/web/state"
expect_errno "reaches nothing in it" EPERM rm -f "$inside/elsewhere"
expect "it is there" inside "$(cat "$there/elsewhere")"

exec 7<"$inside/elsewhere"
check_fails "an eject while a file is open fails" _try_unmount
expect "and what is open can be read" inside "$(cat <&7)"
exec 7<&-
unmount
