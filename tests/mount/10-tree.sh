#!/usr/bin/env bash
# Goal: the tree has the names, modes, owners, order, sizes and times promised.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 3 web running
fake seed 1 db stopped
mount_orbfs

# Names.
expect "the root lists machines and what is ours" "$ours db1 web1 web2 web3" \
	"$(names "$mnt")"
expect "a machine holds its control files" \
	"archive.tar.zst config error exec files ip log run snapshots state stats" \
	"$(names "$mnt/web1")"
expect ".orbfs holds the daemon's own" \
	"config create ctl engine error stats version" \
	"$(names "$mnt/.orbfs" -I events)"
expect "run holds the record of the last run" last "$(ls -A "$mnt/web1/run")"
expect "the record has four files" "cmd err out status" \
	"$(names "$mnt/web1/run/last")"

# The order in which readdir gives them.
order=$(names "$mnt/web1" -U)
expect_match "control files are listed before anything deeper" \
	'^state ip config exec error log stats archive.tar.zst( run| files| snapshots)*$' "$order"
deep=
for name in $order; do
	if [ -d "$mnt/web1/$name" ]; then
		deep=1
	elif [ -n "$deep" ]; then
		deep="file after directory"
	fi
done
expect "no file stands behind a directory" 1 "$deep"
expect "readdir gives . and .. first" ". .." \
	"$(names "$mnt/web1" -aU | cut -d ' ' -f 1,2)"
expect "machines keep their order" "$(names "$mnt" -U)" \
	"$(names "$mnt" -U)"

# Modes and owners.
modes() {
	find "$mnt" \( -path "$mnt/*/files" -o -path "$mnt/*/snapshots" \) \
		-prune -o "$@" -print
}
expect "directories are the user's alone" "" \
	"$(modes -type d ! -perm 700 ! -perm 500)"
expect "control files have mode 0600 or 0400" "" \
	"$(modes -type f ! -perm 600 ! -perm 400)"
expect "there is nothing but files and directories" "" \
	"$(modes ! -type f ! -type d ! -path "$mnt/.by/*" \
	! -path "$mnt/.images/*")"
expect "all belongs to the mounting user" "" "$(modes ! -uid "$(id -u)")"
expect "and to that user's group" "" "$(modes ! -gid "$(id -g)")"
for name in state config exec; do
	expect "$name can be written to" 600 "$(stat -c %a "$mnt/web1/$name")"
done
for name in ip error log run/last/cmd run/last/out run/last/err \
	run/last/status; do
	expect "$name can only be read" 400 "$(stat -c %a "$mnt/web1/$name")"
	expect_errno "$name refuses to be written to" EACCES \
		dd if=/dev/null of="$mnt/web1/$name" conv=notrunc
done
expect_errno "modes cannot be changed" EPERM chmod 644 "$mnt/web1/state"
expect_errno "owners cannot be changed" EPERM chown 12:34 "$mnt/web1/state"
expect_errno "a machine's mode cannot be changed" EPERM chmod 755 "$mnt/web1"
for name in $order; do
	expect "readdir and stat agree on the inode number of $name" \
		"$(find "$mnt/web1" -maxdepth 1 -name "$name" -printf %i)" \
		"$(stat -c %i "$mnt/web1/$name")"
done
expect "a file has the same inode number at each look" \
	"$(stat -c %i "$mnt/web1/exec")" "$(stat -c %i "$mnt/web1/exec")"
expect "no two things share an inode number" "" \
	"$(find "$mnt" -printf '%i\n' | sort | uniq -d)"
expect "a directory's links count what it holds" "9 4" \
	"$(stat -c %h "$mnt" "$mnt/web1" | xargs)"

# Sizes.
size_is_exact() { # FILE
	local shown
	shown=$(stat -c %s "$1")
	expect "stat shows the length of ${1#"$mnt/"}" "$shown" \
		"$(wc -c <"$1")"
}
put $'echo out; echo err >&2; exit 3\n' "$mnt/web1/exec" 2>/dev/null
for name in state error exec run/last/cmd run/last/out run/last/err \
	run/last/status; do
	size_is_exact "$mnt/web1/$name"
	expect_match "and ${name##*/} is not empty" . "$(cat "$mnt/web1/$name")"
done
size_is_exact "$mnt/.orbfs/version"
size_is_exact "$mnt/.orbfs/config"
cat "$mnt/web1/ip" "$mnt/web1/config" >"$work/seen"
size_is_exact "$mnt/web1/ip"
size_is_exact "$mnt/web1/config"

# Archivers take the size of a file that they have opened.
check "tar takes the whole tree" tar --exclude='./*/files' \
	-cf "$work/t.tar" -C "$mnt" .
mkdir "$work/copy"
tar -xf "$work/t.tar" -C "$work/copy"
# What disk a machine uses, others decide at any time.
lasting() {
	grep -v '"disk_used"' "$1"
}
for name in web1/state web2/ip web2/config web1/exec web3/log \
	web1/run/last/cmd .orbfs/config; do
	expect "tar has the content of $name" "$(lasting "$mnt/$name")" \
		"$(lasting "$work/copy/$name")"
done
rm -rf "$work/copy"
mkdir "$work/copy"
check "cp -r takes the whole tree" copy_parts "$mnt/web1" "$work/copy"
expect "cp has the content of config" "$(lasting "$mnt/web1/config")" \
	"$(lasting "$work/copy/config")"

# Walkers. A fake machine has no files to show.
check "ls -lR shows all of it" ls -lR -I files "$mnt"
check "find shows all of it" find "$mnt" -name files -prune -o -ls
check "du counts all of it" du -a --exclude=files "$mnt"
check "df tells of room" df "$mnt"
check "grep -r reads all of it" \
	grep -r --exclude-dir=files -q running "$mnt"
expect_errno "what is not there is not there" ENOENT stat "$mnt/nobody"
expect_errno "nor in a machine" ENOENT cat "$mnt/web1/stat"
expect_errno "a file is no directory" ENOTDIR ls "$mnt/web1/state/x"
expect_errno "a directory is no file" EISDIR cat "$mnt/web1"

# Nothing can be made beside what is there.
expect_errno "no file can be made in the root" EPERM touch "$mnt/new"
expect_errno "nor in a machine" EPERM touch "$mnt/web1/new"
expect_errno "nor in .orbfs" EPERM touch "$mnt/.orbfs/new"
expect_errno "no directory in a machine" EPERM mkdir "$mnt/web1/new"
expect_errno "no symbolic link" EPERM ln -s web1 "$mnt/link"
expect_errno "no hard link" EPERM ln "$mnt/web1/state" "$mnt/web1/other"
expect_errno "no pipe" EPERM mkfifo "$mnt/web1/pipe"

# Times move when the content does, and only then.
times() {
	stat -c '%y %z' "$mnt/web2/$1"
}
state=$(times state) exec=$(times exec) error=$(times error)
root=$(stat -c %y "$mnt") config=$(times config)
put stop "$mnt/web2/state"
check_fails "the time of state moves with the state" \
	test "$state" = "$(times state)"
expect "that of exec stays" "$exec" "$(times exec)"
expect "that of config stays" "$config" "$(times config)"
expect "that of the root stays" "$root" "$(stat -c %y "$mnt")"
state=$(times state)
check_fails "a script for a stopped machine fails" \
	put $'true\n' "$mnt/web2/exec"
check_fails "the time of error moves with the error" \
	test "$error" = "$(times error)"
expect "that of state stays now" "$state" "$(times state)"
exec=$(times exec)
put start "$mnt/web2/state"
put $'true\n' "$mnt/web2/exec"
check_fails "the time of exec moves with a run" test "$exec" = "$(times exec)"
check "a time can be asked for, and nothing happens" touch "$mnt/web2/state"
mkdir "$mnt/more"
check_fails "the root's time moves when a machine comes" \
	test "$root" = "$(stat -c %y "$mnt")"
unmount
