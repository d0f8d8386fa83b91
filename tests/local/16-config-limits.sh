# Goal: configuration keys, and limits that hold at once.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create with limits' "$orb" create local web --cpus 0.5 --memory 64M
is 'cpu' "$("$orb" config get machine.web.cpu)" 0.5
is 'memory' "$("$orb" config get machine.web.memory_mib)" 64
has 'in the record' "$("$orb" list -f json)" '"cpu_limit": 0.5,
      "memory_limit_mib": 64,'
eat='my $x = "a" x (150 << 20); print length $x'
call "$orb" run -m web perl -e "$eat"
is 'too much memory is killed' "$rc|$out" '137|'
ok 'lift' "$orb" config set machine.web.memory_mib 0
call "$orb" run -m web perl -e "$eat"
is 'lifted at once' "$rc|$out" '0|157286400'
busy='use Time::HiRes qw(time); my $t = time; 1 while time - $t < 0.6;
	my ($u, $s) = times; printf "%d", 100 * ($u + $s) / (time - $t)'
share=$("$orb" run -m web perl -e "$busy")
[ "$share" -lt 75 ] || fail "half a CPU gives $share percent"
ok 'limit' "$orb" config set machine.web.memory_mib 64
ok 'restart' "$orb" restart web
call "$orb" run -m web perl -e "$eat"
is 'holds after a restart' "$rc|$out" '137|'
has 'shown' "$("$orb" config show)" 'machine.web.memory_mib: 64'

for bad in cpu:x cpu:-1 cpu:1.2.3 memory_mib:x memory_mib:1.5 memory_mib:3 \
    disk_bytes:x isolated:yes 'username:a b' nonsense:1; do
	call "$orb" config set "machine.web.${bad%%:*}" "${bad#*:}"
	is "set $bad" "$rc|$out" '1|'
done
call "$orb" config set machine.web.disk_bytes 1000000
has 'a disk limit is refused' "$rc $err" '1 [-32098] config set machine.web.disk_bytes: a disk limit cannot be enforced here'
ok 'no disk limit is fine' "$orb" config set machine.web.disk_bytes 0
call "$orb" create local big --disk 10G
is 'also at create' "$rc" 1
call "$orb" create local big --memory 1X
is 'bad size' "$rc" 1
ok 'units' "$orb" create local big --memory 1G --cpus=1
is 'in MiB' "$("$orb" config get machine.big.memory_mib)" 1024

ok 'global' "$orb" config set network.https true
for bad in cpu:abc cpu: memory_mib:-1 rosetta:maybe network.https:1; do
	call "$orb" config set "${bad%%:*}" "${bad#*:}"
	is "$bad is refused" "$rc" 1
done
is 'global' "$("$orb" config get network.https)" true
call "$orb" config get no.such.key
is 'unknown' "$rc|$out" '1|'
call "$orb" config get machine.none.cpu
is 'unknown machine' "$rc|$err" "1|[-32098] machine not found: 'none'"
ok 'reset' "$orb" config reset
is 'reset' "$("$orb" config get network.https)" false

# A machine never runs without a limit that was asked for.
cat >"$work/bare" <<'END'
mount -t tmpfs none /sys/fs/cgroup
"$1" create local bare
"$1" clone bare second
"$1" run -m bare echo runs
"$1" create local limited --cpus 1
END
call unshare --mount sh "$work/bare" "$orb"
is 'without cgroups' "$rc|$out|$err" "1|runs|[-32098] create 'limited': setup: limits: the kernel offers no cgroup for it"
# The one hierarchy of cgroup v2, where this host has it somewhere.
for unified in /sys/fs/cgroup /sys/fs/cgroup/unified; do
	[ -e "$unified/cgroup.subtree_control" ] || continue
	cat >"$work/unified" <<'END'
mount --bind "$2" /sys/fs/cgroup
"$1" create local two
"$1" run -m two cat /proc/self/cgroup
"$1" clone two three
"$1" run -m two echo thawed
"$1" run -m three echo x
"$1" delete -f two
"$1" delete -f three
ls -d /sys/fs/cgroup/orbctl-local 2>/dev/null
END
	call unshare --mount sh "$work/unified" "$orb" "$unified"
	has 'cgroup v2' "$out$err" '0::/'
	has 'cgroup v2' "$out$err" 'thawed
x'
	break
done

mkdir "$work/share"
echo shared >"$work/share/file"
ok 'mounts' "$orb" create local shared --isolated --mount "$work/share:/mnt/share"
is 'shared' "$("$orb" run -m shared cat /mnt/share/file)" shared
has 'in the record' "$("$orb" list -f json)" "\"mounts\": [{\"source\": \"$work/share\", \"destination\": \"/mnt/share\"}]"
call "$orb" create local other --mount "$work/share"
is 'only when isolated' "$rc" 1
done_testing
