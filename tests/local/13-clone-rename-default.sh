# Goal: clone, rename and default: IDs, states, names and contents.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

state()
{
	"$orb" info "$1" -f json | sed -n 's/.*"state": "\(.*\)".*/\1/p'
}

is 'no default yet' "$("$orb" default)" none
ok 'create' "$orb" create local one
ok 'create' "$orb" create local two
is 'the oldest is the default' "$("$orb" default)" one
ok 'choose' "$orb" default two
is 'chosen' "$("$orb" default)" two
is 'used' "$("$orb" run hostname)" two

"$orb" run -m one sh -c 'echo data >/root/data; rm /etc/fstab
	rm -rf /usr/share/doc && mkdir /usr/share/doc
	setsid sh -c "while :; do echo tick >>/root/ticks; sleep 0.01; done" \
		</dev/null >/dev/null 2>&1 &
	until [ -s /root/ticks ]; do sleep 0.05; done'
ok 'clone of a running one' "$orb" clone one copy
is 'the source runs on' "$(state one)" running
ticks=$("$orb" run -m one sh -c 'wc -c </root/ticks')
more()
{
	[ "$("$orb" run -m one sh -c 'wc -c </root/ticks')" -gt "$ticks" ]
}
until_ok 5 more || fail 'the source stays frozen'
is 'the clone is stopped' "$(state copy)" stopped
[ "$(cat "$ORBCTL_LOCAL_HOME/names/copy")" != "$(cat "$ORBCTL_LOCAL_HOME/names/one")" ] ||
	fail 'same ID'
ok 'start' "$orb" start copy
is 'contents' "$("$orb" run -m copy cat /root/data)" data
is 'host name' "$("$orb" run -m copy hostname)" copy
is 'deleted stays deleted' "$("$orb" run -m copy sh -c 'ls /usr/share/doc; [ -e /etc/fstab ] || echo none')" none
"$orb" run -m copy sh -c 'echo changed >/root/data'
is 'apart' "$("$orb" run -m one cat /root/data)" data
call "$orb" clone one two
is 'name taken' "$rc|$err" "1|[-32098] clone 'one': machine already exists: 'two'"

# A copy whose maker is killed must not leave the source paused for good.
"$orb" run -m one sh -c 'head -c 60000000 /dev/urandom >/root/big'
setsid "$orb" clone one killed &
pid=$!
frozen()
{
	grep -qsx -e FROZEN -e 1 \
		"/sys/fs/cgroup/freezer/orbctl-local/$1/freezer.state" \
		"/sys/fs/cgroup/orbctl-local/$1/cgroup.freeze"
}
frozen_yet()
{
	frozen "$(cat "$ORBCTL_LOCAL_HOME/names/one")" ||
		"$orb" list -q | grep -qx killed
}
until_ok 10 frozen_yet || fail 'the clone does not pause its source'
kill -KILL "-$pid" 2>/dev/null
wait "$pid" 2>/dev/null
is 'usable' "$(timeout 60 "$orb" run -m one echo x)" x
"$orb" delete -f killed 2>/dev/null

id=$(cat "$ORBCTL_LOCAL_HOME/names/copy")
pid=$(machine_pid copy)
ok 'rename of a running one' "$orb" rename copy new.name
is 'same ID' "$(cat "$ORBCTL_LOCAL_HOME/names/new.name")" "$id"
is 'it runs on' "$(machine_pid new.name)" "$pid"
is 'host name' "$("$orb" run -m new.name hostname)" new.name
has 'hosts' "$("$orb" run -m new.name cat /etc/hosts)" 'new.name.orb.local new.name'
call "$orb" info copy
is 'the old name is gone' "$rc|$err" "1|[-32098] machine not found: 'copy'"
call "$orb" rename one two
is 'name taken' "$rc|$err" "1|[-32098] rename 'one': machine already exists: 'two'"
ok 'rename by ID' "$orb" rename "$id" three
is 'renamed' "$("$orb" list -q | sort | tr '\n' ' ')" 'one three two '
ok 'rename of the default' "$orb" rename two zwei
is 'the default follows' "$("$orb" default)" zwei
ok 'delete' "$orb" delete -f zwei
is 'back to the oldest' "$("$orb" default)" one
ok 'no default' "$orb" default none
call "$orb" run true
is 'run without a default' "$rc|$out|${err%%
*}" '1||To use Docker:'
done_testing
