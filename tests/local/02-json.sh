# Goal: list and info give the records of orbctl 2.2, by name and by ID.
# shellcheck shell=sh disable=SC2015,SC2046
. "${0%/*}/lib.sh"

before=$(milliseconds)
ok 'create' "$orb" create local web
id=$(cat "$ORBCTL_LOCAL_HOME/names/web")
. /etc/os-release
arch=$(uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')
record='{
    "id": "'$id'",
    "name": "web",
    "image": {
      "distro": "'$ID'",
      "version": "'${VERSION_CODENAME:-$VERSION_ID}'",
      "arch": "'$arch'",
      "variant": "default"
    },
    "config": {
      "isolated": false,
      "forward_ssh_agent": false,
      "isolate_network": false,
      "default_username": "root",
      "http_port": 0,
      "https_port": 0
    },
    "builtin": false,
    "state": "running"
  }'
is 'the list' "$("$orb" list -f json)" "[
  $record
]"
is 'flags may follow an =' "$("$orb" list --format=json)" "[
  $record
]"
is 'length of an ID' "${#id}" 26
time=$(printf %s "$id" | awk '{
	for (i = 1; i <= 10; i++)
		t = t * 32 + index("0123456789ABCDEFGHJKMNPQRSTVWXYZ", substr($0, i, 1)) - 1
	printf "%.0f", t
}')
[ "$time" -ge "$before" ] && [ "$time" -le "$(milliseconds)" ] ||
	fail "the ID's time is $time"

call "$orb" info web -f json
has 'info has the record' "$out" "\"record\": $record"
by_id=$("$orb" info -f json "$id")
is 'info by ID, flag in front' "$by_id" "$out"
ip=$(printf '%s\n' "$out" | sed -n 's/.*"ip4": "\(.*\)".*/\1/p')
is 'the address is the machine'\''s own' "$ip" \
	"$("$orb" run -m web hostname -I | cut -d' ' -f1)"
size=$(printf '%s\n' "$out" | sed -n 's/.*"disk_size": \([0-9]*\),/\1/p')
[ "${size:-0}" -gt 0 ] || fail "disk_size is '$size'"
call "$orb" info web
has 'text: state' "
$out" '
State: running'
has 'text: address' "
$out" "
IPv4: $ip"

ok 'stop by ID' "$orb" stop "$id"
call "$orb" info web -f json
has 'stopped' "$out" '"state": "stopped"'
has 'no address when stopped' "$out" '"ip4": ""'
is 'no running ones' "$("$orb" list -qr)" ''
is 'names' "$("$orb" list -q)" web
ok 'start by ID' "$orb" start "$id"
is 'running ones' "$("$orb" list -q -r)" web

set -- $("$orb" list)
is 'the header' "$1 $2 $3 $4 $5 $6 $7" 'NAME STATE DISTRO VERSION ARCH SIZE IP'
is 'the rule' "$8 $9" '---- -----'
is 'the row' "${15} ${16}" 'web running'
done_testing
