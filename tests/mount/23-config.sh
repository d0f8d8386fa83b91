#!/usr/bin/env bash
# Goal: config shows settings, and a write changes just what differs.
. "$(dirname "$0")/lib.sh"
need python3 "to read JSON and to write in pieces"

engine fake
fake seed 2 web running
fake seed 1 db stopped
mount_orbfs
config=$mnt/web1/config
sets() {
	called 'config set .*'
}

# What it shows.
key() { # KEY of the object that config shows
	python3 -c 'import json, sys
v = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."):
    v = v[k] if k in v else "absent"
print(json.dumps(v).strip("\""))' "$config" "$1"
}
for pair in name=web1 image.distro=ubuntu image.version=noble user=dev \
	isolated=false isolate_network=false forward_ssh_agent=true \
	cpus=absent memory=absent disk=absent "id=$(fake get web1 id)"; do
	expect "config shows ${pair%%=*}" "${pair#*=}" "$(key "${pair%%=*}")"
done
expect_match "and when it was created" '^20[0-9-]*T[0-9:]*Z$' "$(key created)"
expect_match "and the disk in use" '^[0-9]+$' "$(key disk_used)"

# Round trip.
cp "$config" "$work/saved"
check "what is read can be written back" cp "$work/saved" "$config"
check "by a shell" eval 'cat "$work/saved" >"$config"'
check "by tee" eval 'tee "$config" <"$work/saved"'
check "on a stopped machine" eval \
	'cat "$mnt/db1/config" >"$work/db"; cat "$work/db" >"$mnt/db1/config"'
expect "without a single call" 0 "$(sets)"
sed 's/"user":.*/"user": "root", "cpus": 2.5,/' "$work/saved" >"$work/new"
check "an edited one" cp "$work/new" "$config"
expect "makes a call for each key that differs" 2 "$(sets)"
expect "the user is set" root "$(key user)"
expect "the processors are set" 2.5 "$(key cpus)"
check "the same again" cp "$work/new" "$config"
expect "makes none" 2 "$(sets)"
check "part of an object" put '{"cpus": 4, "isolated": true}' "$config"
expect "changes just that" "4 true root" \
	"$(key cpus) $(key isolated) $(key user)"

# Lines.
argv() { # LINE ARGV
	put "$1"$'\n' "$config"
	expect "'$1' is '$2'" 1 "$(called "config set machine\\.web1\\.$2")"
}
argv 'user me' 'username me'
argv 'cpus 3' 'cpu 3'
argv 'memory 2G' 'memory_mib 2048'
argv 'memory 1.5GiB' 'memory_mib 1536'
argv 'memory 1073741825' 'memory_mib 1025'
argv 'disk 64G' 'disk_bytes 68719476736'
argv 'disk 0' 'disk_bytes 0'
argv 'isolated false' 'isolated false'
argv 'isolate_network true' 'isolate_network true'
argv 'forward_ssh_agent false' 'forward_ssh_agent false'
n=$(sets)
check "several lines, with blanks, comments and an empty one" \
	put $'  cpus   5  \n\n# no\nmemory 3G\n' "$config"
expect "make a call each" $((n + 2)) "$(sets)"
expect "both are set" "5 3221225472" "$(key cpus) $(key memory)"
check "a value that is set already" put $'cpus 5\n' "$config"
expect "makes no call" $((n + 2)) "$(sets)"

# What is refused, before anything is applied.
n=$(sets)
refused() { # TEXT ERRNO REGEX
	local shown=${1//$'\n'/, }
	expect_errno "'${shown:0:40}' is $2" "$2" put "$1"$'\n' "$config"
	expect_match "and the error names it" "$3" "$(cat "$mnt/web1/error")"
}
refused 'colour red' EINVAL "unknown key 'colour'"
refused 'cpus lots' EINVAL "cpus: bad value 'lots'"
refused 'cpus -1' EINVAL "cpus: bad value"
refused 'cpus' EINVAL "cpus: bad value"
refused 'memory 5X' EINVAL "memory: bad value '5X'"
refused 'isolated maybe' EINVAL "isolated: bad value 'maybe'"
refused 'user -rf' EINVAL "user: bad value '-rf'"
refused 'user a b' EINVAL "user: bad value"
refused 'name other' EPERM "name cannot be changed"
refused 'id 7' EPERM "id cannot be changed"
refused 'created now' EPERM "created cannot be changed"
refused '{"name": "other"}' EPERM "name cannot be changed"
refused '{"image": {"distro": "alpine"}}' EPERM "image cannot be changed"
refused '{"cpus": "many"}' EINVAL "cpus: bad value 'many'"
refused '{"cpus": [1]}' EINVAL "cpus: bad value"
refused '{"cpus": null}' EINVAL "cpus: bad value"
refused '{"colour": "red"}' EINVAL "unknown key 'colour'"
refused '{"cpus" 3}' EINVAL "not a JSON object"
refused '{"cpus": 3} more' EINVAL "not a JSON object"
refused $'cpus 7\nmemory 9G\ncolour red' EINVAL "unknown key 'colour'"
refused '{"cpus": 7, "id": "x"}' EPERM "id cannot be changed"
refused "{\"cpus\": 7, \"$(printf 'k%.0s' {1..3000})\": 1}" EINVAL "unknown key"
expect "nothing was applied by any of these" $((n)) "$(sets)"
expect "one line each" 1 "$(wc -l <"$mnt/web1/error")"
check "a good one" put $'cpus 6\n' "$config"
expect "clears the error" "" "$(cat "$mnt/web1/error")"

# Long and piecemeal.
python3 - "$config" <<'END'
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
for piece in b'{"cpus"', b': ', b'7', b'}':
    os.write(fd, piece)
os.close(fd)
END
expect "an object may come in pieces" 7 "$(key cpus)"
check "an object of 60 KiB" put \
	"{\"cpus\": $(printf ' %.0s' {1..60000}) 8}" "$config"
expect "is applied" 8 "$(key cpus)"
expect_match "one of a megabyte is refused" '^(EFBIG|EINVAL)$' "$(errno_of \
	dd if=/dev/zero bs=1M count=1 of="$config" status=none)"
expect_match "with a reason" '^config: ' "$(cat "$mnt/web1/error")"
expect_errno "an object that breaks off is EINVAL at the close" EINVAL \
	python3 -c 'import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
os.write(fd, b"{\"cpus\": 9")
os.close(fd)' "$config"
expect_match "the error says so" "breaks off; nothing was applied" \
	"$(cat "$mnt/web1/error")"
expect "it is not applied" 8 "$(key cpus)"

# A failure in the middle.
fake on fail.config.machine.web1.cpu 1 1 '[-32098] it is too warm'
expect_errno "a setting that fails is EIO" EIO \
	put $'user you\ncpus 1\ndisk 7G\n' "$config"
expect "what was applied, what failed and what was not is said" \
	"config: cpus: set: it is too warm; applied: user; not applied: disk" \
	"$(cat "$mnt/web1/error")"
expect "and true" "you 8 absent" "$(key user) $(key cpus) $(key disk)"
fake on fail.info always 1 '[-32098] busy'
expect_errno "without the present settings nothing is written" EIO \
	put $'cpus 2\n' "$config"
fake off
fake on panic.config
expect_errno "a panic is EIO" EIO put $'cpus 2\n' "$config"
fake off
fake on fail.config 1 1 'unknown key: machine.web1.cpu'
expect_match "a key that this version lacks" '^(EOPNOTSUPP|EIO|EINVAL)$' \
	"$(errno_of put $'cpus 2\n' "$config")"

# Waiting.
fake on delay.config held
interruptible sh -c 'echo cpus 3 >"$1"' sh "$config" & pid=$!
wait_asks "$pid"
expect_ms 300 "ls while a setting takes its time" ls -l "$mnt" "$mnt/web1"
expect_ms 300 "another machine's config" cat "$mnt/web2/config"
expect_interrupt "a write that waits can be interrupted" "$pid"
fake off
unmount
