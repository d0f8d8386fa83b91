#!/usr/bin/env bash
# Goal: what Finder does to a volume of machines works, and asks the engine nothing.
. "$(dirname "$0")/lib.sh"
need python3 "to ask what a shell cannot"

engine fake
fake seed 3 web running
fake seed 1 off stopped
mount_orbfs -o finder
harmless web1
ls "$mnt" >/dev/null

# xattr set|get|list|remove PATH [NAME [VALUE]]
xattr() {
	python3 - "$@" <<'END'
import os, sys
what, path, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
if what == "set":
    os.setxattr(path, rest[0], rest[1].encode())
elif what == "get":
    print(os.getxattr(path, rest[0]).decode())
elif what == "list":
    print(*os.listxattr(path))
else:
    os.removexattr(path, rest[0])
END
}

# What was asked but for lists of machines, which looking brings about.
asked() {
	echo $(($(calls) - $(calls list)))
}

# ---- get info: attributes and sizes
before=$(asked)
for path in . web1 web1/state web1/files .orbfs; do
	check "$path takes Finder's attributes" \
		xattr set "$mnt/$path" com.apple.FinderInfo icon
	expect "$path gives them" icon \
		"$(xattr get "$mnt/$path" com.apple.FinderInfo)"
	expect "$path lists them" com.apple.FinderInfo \
		"$(xattr list "$mnt/$path")"
	check "$path loses them" \
		xattr remove "$mnt/$path" com.apple.FinderInfo
	expect_errno "$path has them no more" ENODATA \
		xattr get "$mnt/$path" com.apple.FinderInfo
done
expect_errno "others are not taken" EOPNOTSUPP \
	xattr set "$mnt/web1" user.mine 1
for name in .DS_Store ._web1 .Trashes .Spotlight-V100 .fseventsd .hidden \
	.localized $'Icon\r' desktop.ini .metadata_never_index .directory \
	"Network Trash Folder" .Trash-0 .VolumeIcon.icns; do
	expect_errno "no $name beside machines" ENOENT stat "$mnt/$name"
	expect_errno "no $name in a machine" ENOENT stat "$mnt/web1/$name"
done
check "df answers" df "$mnt"
check "chmod and chown are taken" chmod 700 "$mnt/web1"
check "of control files as well" chown 0:0 "$mnt/web1/state"
expect "the engine heard nothing of it" "$before" "$(asked)"

for name in state ip config log; do
	text=$(cat "$mnt/web1/$name" | wc -c)
	expect "the size of $name is its text's" "$text" \
		"$(stat -c %s "$mnt/web1/$name")"
done
expect "of one that nobody has read, too" \
	"$(stat -c %s "$mnt/web2/config")" "$(wc -c <"$mnt/web2/config")"
expect "tar has the whole of it" "$(cat "$mnt/web2/config")" \
	"$(tar c -C "$mnt" web2/config | tar xO)"
expect "quick look maps it" "$(cat "$mnt/web2/config")" "$(python3 -c '
import mmap, sys
with open(sys.argv[1], "rb") as f:
    print(mmap.mmap(f.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ)[:].decode(),
          end="")' "$mnt/web2/config")"
expect "copies are whole" "$(cat "$mnt/web2/config")" \
	"$(cp "$mnt/web2/config" "$work/config" && cat "$work/config")"
put $'start\n' "$mnt/off1/state"
expect "a change is seen" running "$(cat "$mnt/off1/state")"
put $'stop\n' "$mnt/off1/state"
expect "and the next" "stopped 8" \
	"$(cat "$mnt/off1/state") $(stat -c %s "$mnt/off1/state")"

# ---- its own files
before=$(asked)
for dir in . web1 .orbfs; do
	check "a .DS_Store in $dir" cp "$work/config" "$mnt/$dir/.DS_Store"
	check "is what was written" cmp "$work/config" "$mnt/$dir/.DS_Store"
	expect "and is not listed" "" "$(names "$mnt/$dir" | grep DS_Store)"
	check "it can be removed" rm "$mnt/$dir/.DS_Store"
done
expect_errno "nothing else can be put there" EPERM \
	cp "$work/config" "$mnt/web1/report.txt"
expect "the engine heard nothing of that either" "$before" "$(asked)"

# ---- new folder, and rename
check "a new folder" mkdir "$mnt/untitled folder"
check "a second one" mkdir "$mnt/untitled folder 2"
check "one of another tongue" mkdir "$mnt/Neuer Ordner"
expect_errno "one of a name that is there" EEXIST mkdir "$mnt/untitled folder"
expect_match "they are listed" 'untitled folder 2' "$(ls "$mnt")"
expect "and empty" "" "$(ls "$mnt/untitled folder")"
expect_errno "nothing goes in there" EPERM touch "$mnt/untitled folder/x"
expect "no machine was made" 0 "$(calls create)"
check "renamed within" rename "$mnt/Neuer Ordner" "$mnt/Mein Projekt"
check "renamed, it is a machine" rename "$mnt/untitled folder" "$mnt/shop"
check "which runs" wait_for 30 is "$mnt/shop/state" running
expect "one was made" 1 "$(calls create)"
expect_errno "over one that is there, it stays" EEXIST \
	rename "$mnt/untitled folder 2" "$mnt/web1"
check "it can be dropped" rmdir "$mnt/untitled folder 2" "$mnt/Mein Projekt"
expect "what is left are machines" "$ours off1 shop web1 web2 web3" \
	"$(names "$mnt")"

# ---- delete
expect_errno "Finder goes to the children first" EPERM rm -f "$mnt/off1/state"
expect_errno "another of its helpers comes for the machine" EPERM \
	rmdir "$mnt/off1"
expect "nothing is deleted" 0 "$(calls delete)"
expect_errno "a machine is not exchanged for another" EINVAL python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.renameat2(-100, sys.argv[1].encode(), -100, sys.argv[2].encode(), 2):
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
' "$mnt/web1" "$mnt/web2"

# ---- eject while busy
exec 7<"$mnt/web3/config"
check_fails "an eject while a file is open fails" _try_unmount
expect "and everything goes on" running "$(cat "$mnt/web3/state")"
check "what was open can be read" grep -q '"name"' <&7
exec 7<&-
unmount
