#!/usr/bin/env bash
# Goal: a file manager copies, makes and deletes in machines, and leaves nothing else behind.
. "$(dirname "$0")/files.sh"
. "$(dirname "$0")/window.sh"

mount_orbfs -o drafts
make_machine web
inside=$(files web)/srv/in
mkdir -p "$inside" "$work/source/photos"
echo 'a letter' >"$work/source/letter.txt"
convert -size 64x64 xc:red "$work/source/photos/red.png"

# litter: whatever a file manager may have left in the guest
litter() {
	as_root web 'find / -xdev \( -name ".DS_Store" -o -name "._*" \
		-o -name ".Trash*" -o -name ".directory" -o -name ".xdg-*" \
		-o -name ".hidden" -o -name "*.trashinfo" \
		-o -path "*/.cache/thumbnails" \) -print | sort'
}
litter >"$work/litter"
same_litter() {
	diff "$work/litter" <(litter)
}

open_window "$work/source"
check "which shows what is there" wait_for 30 listed 2
key ctrl+a
key ctrl+c
go "$inside"
key ctrl+v
check "it copies a file in" wait_for 30 cmp "$work/source/letter.txt" \
	"$(native web)/srv/in/letter.txt"
check "and a folder" wait_for 30 cmp "$work/source/photos/red.png" \
	"$(native web)/srv/in/photos/red.png"
go "$inside/photos"

# An image, shown: its preview is made, and not in the guest.
go "$mnt"
key ctrl+shift+n
answer "Creating New Folder" ""
check "a new folder is a draft" wait_for 30 test -d "$mnt/New"
expect "and no machine" web "$(orbctl_local list -q)"
check "which the window shows by itself" wait_for 30 listed 2
pick
key F2
answer "Rename File" shop
check "renamed, it is a machine" wait_for 30 is "$mnt/shop/state" running
expect "in the engine, too" $'shop\nweb' "$(orbctl_local list -q | sort)"
expect "the draft is gone" "$ours shop web" "$(names "$mnt")"
[ -z "${PICTURE-}" ] || picture "$PICTURE"

go "$inside"
check "what was copied is listed" wait_for 30 listed 2
key ctrl+a
key Delete
answer "Confirm" ""
answer "Confirm" ""
gone() {
	[ -z "$(ls -A "$(native web)/srv/in")" ]
}
check "it deletes, as there is no trash" wait_for 30 gone

# The tools of the desktop beside it.
check "gio copies in" gio copy "$work/source/letter.txt" "$inside/"
expect "what it was" 'a letter' "$(cat "$(native web)/srv/in/letter.txt")"
expect "gio lists it" letter.txt "$(gio list "$inside")"
check "gio renames" gio rename "$inside/letter.txt" note.txt
expect "in the guest" note.txt "$(ls "$(native web)/srv/in")"
check_fails "gio finds no trash" gio trash "$inside/note.txt"
expect "and leaves the file" 'a letter' "$(cat "$inside/note.txt")"
check "gio removes" gio remove "$inside/note.txt"
expect "in the guest" "" "$(ls -A "$(native web)/srv/in")"
check "gio copies out" gio copy "$(files web)/etc/hostname" "$work/hostname"
expect "what is in there" web "$(cat "$work/hostname")"
check_fails "gio trashes no machine" gio trash "$mnt/shop"
check_fails "gio removes no machine that runs" gio remove "$mnt/shop"
expect "both run" "running running" \
	"$(cat "$mnt/shop/state") $(cat "$mnt/web/state")"
check "no litter in the guest" same_litter
expect "none beside machines" "$ours shop web" "$(names "$mnt")"
key ctrl+w
unmount
