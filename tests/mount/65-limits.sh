#!/usr/bin/env bash
# Goal: limits written to config hold in the machine at once, and are gone when lifted.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web
if [ ! -w /sys/fs/cgroup/memory/tasks ] &&
	[ ! -w /sys/fs/cgroup/cgroup.subtree_control ]; then
	expect_errno "without cgroups a limit is refused" EOPNOTSUPP \
		put $'memory 256M\n' "$mnt/web/config"
	unmount
	exit
fi
hog='perl -e '\''my $x = "a" x (400 << 20); print length $x'\'
check "without a limit 400 MiB are no matter" run_script web "$hog"
expect "they were there" 419430400 "$(cat "$mnt/web/exec")"
check "a limit of 256 MiB" put $'memory 256M\n' "$mnt/web/config"
expect_match "config shows bytes" '"memory":[[:space:]]*268435456' \
	"$(cat "$mnt/web/config")"
expect_errno "now a hog is ended" EIO run_script web "$hog"
expect "it was killed" "signaled 9" "$(last web status)"
expect "the machine goes on" running "$(cat "$mnt/web/state")"
check "and runs scripts" run_script web 'echo fine'

check "half a processor" put $'cpus 0.5\n' "$mnt/web/config"
expect_match "config shows it" '"cpus":[[:space:]]*0.5' \
	"$(cat "$mnt/web/config")"
busy='perl -e '\''use Time::HiRes "time"; my $t = time;
	my $c = 0; $c = $_[0] + $_[1] while (@_ = times) && $c < 0.5;
	printf "%d", 100 * $c / (time - $t)'\'
check "a script that wants all of one" run_script web "$busy"
share=$(cat "$mnt/web/exec")
check "gets about half of it ($share %)" test "$share" -lt 75

check "they hold after a restart" put $'restart\n' "$mnt/web/state"
expect_errno "the hog is ended again" EIO run_script web "$hog"

# The whole object, read, changed and written back.
sed 's/"memory":[[:space:]]*268435456/"memory": 0/; s/"cpus":[[:space:]]*0.5/"cpus": 0/' \
	"$mnt/web/config" >"$work/config"
check "the object, written back with zeroes, lifts them" \
	cp "$work/config" "$mnt/web/config"
expect "config shows none" "" "$(grep -E '"(cpus|memory)"' "$mnt/web/config")"
check "the hog may eat again" run_script web "$hog"

# What is wrong changes nothing.
before=$(grep -v disk_used "$mnt/web/config")
while read -r errno line; do
	expect_errno "'$line' is refused" "$errno" \
		put "$line"$'\n' "$mnt/web/config"
	check "error tells of ${line%% *}" grep -qF "${line%% *}" "$mnt/web/error"
done <<'END'
EINVAL memory lots
EINVAL memory -1
EINVAL cpus x
EINVAL nonsense 1
EPERM id 1
EPERM name other
END
expect_errno "a good line beside a bad one is not applied" EINVAL \
	cp /dev/stdin "$mnt/web/config" <<<$'memory 1G\ncpus x'
expect "config is what it was" "$before" \
	"$(grep -v disk_used "$mnt/web/config")"
unmount
