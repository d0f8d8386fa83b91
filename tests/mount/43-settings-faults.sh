#!/usr/bin/env bash
# Goal: defaults, images, limits and settings of the engine reach orbctl word by word; what it refuses is told with the way out.
. "$(dirname "$0")/lib.sh"

engine fake
fake seed 1 web running
mount_orbfs
own=$mnt/.orbfs create=$mnt/.orbfs/create

# Images.
check "there are distributions" test "$(names "$mnt/.images" | wc -w)" -gt 5
check "with versions" test -d "$mnt/.images/ubuntu/noble"
check "a machine is made of one" mkdir "$mnt/.images/ubuntu/noble/one"
expect "of that one" 1 "$(called 'create ubuntu:noble one.*')"
check "it is listed there" test -L "$mnt/.images/ubuntu/noble/one"
n=$(calls create)
expect_errno "an unknown image is ENOENT" ENOENT mkdir "$mnt/.images/x/y"
expect_errno "a name that is taken" EEXIST mkdir "$mnt/.images/ubuntu/noble/web1"
expect_errno "a bad one" EINVAL mkdir "$mnt/.images/ubuntu/noble/-a"
expect "cost no call" "$n" "$(calls create)"
fake on fail.create 1 1 "[-32098] create 'two': unknown version 'noble'"
expect_errno "what orbctl does not know after all is EINVAL" EINVAL \
	mkdir "$mnt/.images/ubuntu/noble/two"
expect_match "and the error says where to look" 'ls .images' \
	"$(cat "$own/error")"

# Defaults of creation.
check "defaults are written" cp /dev/stdin "$create" <<'END'
{ "image": "debian:trixie", "arch": "amd64", "user": "ann", "cpus": 2,
  "memory": "4G", "disk": "20G", "isolated": true, "isolate_network": true,
  "user_data": "#cloud-config\npackages: [nginx]\n" }
END
check "a machine is made" mkdir "$mnt/full"
check "and is ready" wait_for 30 is "$mnt/full/state" running
words=$(cut -f 3- "$work/fake/calls" | tr '\t' ' ' | grep '^create .*full')
for word in 'debian:trixie full' '(-a|--arch) amd64' '(-u|--user) ann' \
	'--cpus 2' '--memory (4G|4096)' '--disk [0-9]+[GM]?' '--isolated' \
	'--isolate-network' '(-c|--user-data) /[^ ]*'; do
	expect_match "create has $word" "(^| )$word( |\$)" "$words"
done
file=$(grep -oE '(-c|--user-data) [^ ]*' <<<"$words" | cut -d ' ' -f 2)
check_fails "the file of user data is gone" test -e "$file"
expect_match "config has the limits" '"memory":[[:space:]]*4294967296' \
	"$(cat "$mnt/full/config")"
fake on version 2.1.0
expect_errno "before 2.2 limits are EOPNOTSUPP" EOPNOTSUPP mkdir "$mnt/old"
expect_match "and the error says since when" 'OrbStack 2.2' "$(cat "$own/error")"
expect_errno "in config as well" EOPNOTSUPP put $'cpus 1\n' "$mnt/web1/config"
expect_match "and the machine's says it" 'OrbStack 2.2' "$(cat "$mnt/web1/error")"
fake on version 2.0.5
put '{"isolated": true}' "$create"
expect_errno "before 2.1 nothing is isolated" EOPNOTSUPP mkdir "$mnt/old"
expect_match "and the error says since when" 'OrbStack 2.1' "$(cat "$own/error")"
fake off
put '{}' "$create"

# Limits.
check "limits with units" put $'memory 4G\n' "$mnt/web1/config"
check "and without" put $'cpus 2\n' "$mnt/web1/config"
check "of the disk" put $'disk 64G\n' "$mnt/web1/config"
check "the user" put $'user root\n' "$mnt/web1/config"
for words in 'memory_mib 4096' 'cpu 2' 'disk_bytes 68719476736' \
	'username root'; do
	expect "config set machine.web1.$words" 1 \
		"$(called "config set machine\.web1\.$words")"
done
fake on fail.config 1 1 "[-32098] memory limit too low"
expect_errno "one that orbctl refuses is EINVAL" EINVAL \
	put $'memory 1M\n' "$mnt/web1/config"
fake off
put stop "$mnt/full/state"
fake on disk-full.full
expect_errno "at its disk limit a machine cannot be deleted" ENOSPC \
	rmdir "$mnt/full"
expect_match "the error says the way out" "echo 'disk 0' > config" \
	"$(cat "$mnt/full/error")"
check "which is taken" put $'disk 0\n' "$mnt/full/config"
check "and helps" rmdir "$mnt/full"

# Settings of the engine.
expect "a setting is a file" "$("$work/fake/orbctl" config get memory_mib)" \
	"$(cat "$own/engine/memory_mib")"
check_fails "those of machines are not among them" \
	compgen -G "$own/engine/machine.*"
check "one is written" put $'8192\n' "$own/engine/memory_mib"
expect "by config set" 1 "$(called 'config set memory_mib 8192')"
expect "and read back" 8192 "$(cat "$own/engine/memory_mib")"
expect_match "a restart that is needed is told" 'orb stop|[Rr]estart' \
	"$(cat "$own/error")"
fake on fail.config 1 1 'invalid value: lots'
expect_errno "a bad value is EINVAL" EINVAL put $'lots\n' "$own/engine/cpu"
expect_match "and the error says so" 'invalid value' "$(cat "$own/error")"
expect_errno "an unknown one is none" ENOENT cat "$own/engine/nothing"
expect_errno "and none is made" EPERM cp /dev/null "$own/engine/nothing"
expect_errno "two lines are none" EINVAL cp <(printf '1\n2\n') \
	"$own/engine/cpu"
expect_errno "none is removed" EPERM rm -f "$own/engine/cpu"
fake off
mv "$work/fake/orbctl" "$work/fake/gone"
expect_errno "without orbctl it is ENODEV" ENODEV \
	put $'4\n' "$own/engine/cpu"
mv "$work/fake/gone" "$work/fake/orbctl"

# What the contract knows a way out of.
advises() { # TEXT REGEX: a creation that fails so says this
	fake on fail.create 1 1 "[-32098] create 'bad': $1"
	mkdir "$mnt/bad" 2>/dev/null
	expect_match "'$1' has advice" "$2" "$(cat "$own/error")"
	fake off
}
advises 'timed out waiting for services to start' 'open the app'
advises 'unknown distro' 'ls .images'
advises "setup: run: user: unknown user x" 'user of the machine'
fake on fail.run always 1 '[-32098] agent not running'
put $'true\n' "$mnt/web1/exec" 2>/dev/null
expect_match "a broken agent of the engine's has advice" 'restart > state' \
	"$(cat "$mnt/web1/error")"
fake off
unmount
