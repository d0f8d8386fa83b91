#!/usr/bin/env bash
# Goal: .images shows what can be made, and .orbfs/create what it will be like; the machine then is so.
. "$(dirname "$0")/machines.sh"

mount_orbfs
create=$mnt/.orbfs/create
# The computer's own system, which needs no download.
distro=$(sed -n 's/^ID=//p' /etc/os-release | tr -d '"')
[ -d "$mnt/.images/$distro" ] || distro=local
version=$(names "$mnt/.images/$distro" | cut -d ' ' -f 1)
expect_match "there is an image that needs no download" . "$version"
expect "there are no defaults at first" '{}' "$(tr -d '[:space:]' <"$create")"

check "a machine is made of that image" mkdir \
	"$mnt/.images/$distro/$version/plain"
check "it runs" wait_for 30 is "$mnt/plain/state" running
expect "it is what it says, whose image it was made of" plain \
	"$(names "$mnt/.by/distro/$distro")"
expect "and it is found there" plain \
	"$(names "$mnt/.images/$distro/$version")"
expect_errno "of an unknown one none is made" ENOENT \
	mkdir "$mnt/.images/nothing/web"
expect_errno "without a version neither" EPERM \
	mkdir "$mnt/.images/$distro/web"
expect_match "error says what to do" "which version of $distro" \
	"$(cat "$mnt/.orbfs/error")"

# Defaults.
refused() { # TEXT REGEX
	expect_errno "'$1' is refused" EINVAL put "$1" "$create"
	expect_match "and .orbfs/error says why" "$2" "$(cat "$mnt/.orbfs/error")"
}
refused '{"memory": "lots"}' 'memory'
refused '{"colour": "red"}' 'colour'
expect_errno "what breaks off is refused by its close" EINVAL \
	cp <(printf '{"cpus": 2') "$create"
expect "none of it is kept" '{}' "$(tr -d '[:space:]' <"$create")"

cgroups() {
	[ -w /sys/fs/cgroup/memory/tasks ] ||
		[ -w /sys/fs/cgroup/cgroup.subtree_control ]
}
if ! cgroups; then
	put '{"memory": "256M"}' "$create"
	expect_errno "without cgroups a limit is refused" EOPNOTSUPP \
		mkdir "$mnt/web"
	unmount
	exit
fi
check "defaults are written" put \
	'{"image": "local:bookworm", "cpus": 0.5, "memory": "256M", "user": "dev"}' \
	"$create"
expect_match "and read back" '"memory":[[:space:]]*"256M"' "$(cat "$create")"
check "a machine is made" mkdir "$mnt/web"
check "it runs" wait_for 30 is "$mnt/web/state" running
expect_match "config shows its limits" \
	'"cpus":[[:space:]]*0.5.*"memory":[[:space:]]*268435456' \
	"$(tr -d '\n' <"$mnt/web/config")"
check "and its user" run_script web 'id -un'
expect "is who runs scripts" dev "$(cat "$mnt/web/exec")"

# limit NAME FILE...: the first of these files that the machine's control group
# has, as its process 1 sees it from outside.
limit() {
	local pid path file
	pid=$(pid1 "$1")
	shift
	for file; do
		while IFS=: read -r _ controllers path; do
			path=/sys/fs/cgroup/${controllers:+$controllers/}$path
			while [ "$path" != /sys/fs/cgroup ]; do
				! cat "$path/$file" 2>/dev/null | grep -vx max |
					grep -vx -e -1 && path=${path%/*} && continue
				return
			done
		done <"/proc/$pid/cgroup"
	done
}
memory=$(limit web memory.max memory.limit_in_bytes | head -n 1)
expect "its control group has the limit of memory" 268435456 "$memory"
check "a limit is written with a unit" put $'memory 1G\n' "$mnt/web/config"
expect "and holds at once" 1073741824 \
	"$(limit web memory.max memory.limit_in_bytes | head -n 1)"
expect "stats show it" "memory_limit 1073741824" \
	"$(grep ^memory_limit "$mnt/web/stats")"
check "{} takes the defaults away" put '{}' "$create"
check "the next machine" mkdir "$mnt/free"
check "runs" wait_for 30 is "$mnt/free/state" running
expect "without any" "" "$(grep -E '"(cpus|memory)"' "$mnt/free/config")"
expect "groups by distribution have all of them" "free plain web" \
	"$(names "$mnt/.by/distro/$distro")"
remember_machines
for name in free plain web; do
	put stop "$mnt/$name/state"
	check "$name is deleted" rmdir "$mnt/$name"
done
expect_nothing_left "nothing of them is left"
unmount
