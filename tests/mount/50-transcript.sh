#!/usr/bin/env bash
# Goal: the first transcript does what it says, line by line, and so does the README's.
. "$(dirname "$0")/machines.sh"

export HOME=$work # so that ~/vms is the mount point
mount_orbfs

# line SHELL TEXT: run a line as if typed; sets said (both outputs) and status.
line() {
	said=$("$1" -c "$2" 2>&1 </dev/null)
	status=$?
}

uname_line="Linux web $(uname -r) $(uname -v) $(uname -m) $(uname -o)"
address='192\.168\.[0-9]+\.[0-9]+|10\.[0-9.]+|172\.[0-9.]+'

for shell in bash dash; do
	line "$shell" 'mkdir ~/vms/web'
	expect "$shell: mkdir says nothing and succeeds" "0|" "$status|$said"
	# A busy computer may take longer than mkdir waits.
	check "$shell: web runs" wait_for 20 is "$mnt/web/state" running

	line "$shell" 'cat ~/vms/web/state ~/vms/web/ip'
	expect "$shell: state and ip can be read" 0 "$status"
	expect_match "$shell: running, then the addresses, IPv4 first" \
		"^running"$'\n'"($address)($|"$'\n'"fd07:[0-9a-f:]+$)" "$said"
	expect "$shell: the addresses are those of the machine" \
		"$(guest web ip -o addr show dev eth0 scope global |
			awk '{ sub("/.*", "", $4); print $4 }')" \
		"$(tail -n +2 <<<"$said")"

	line "$shell" "echo 'uname -a; id; hostname' > ~/vms/web/exec && cat ~/vms/web/exec"
	expect "$shell: the machine says what it is, and who asks" \
		"0|$uname_line"$'\nuid=0(root) gid=0(root) groups=0(root)\nweb' \
		"$status|$said"

	line "$shell" "echo 'exit 3' > ~/vms/web/exec || cat ~/vms/web/error ~/vms/web/run/last/status"
	expect "$shell: a script that fails makes the write fail" 0 "$status"
	expect_match "$shell: the shell says why" \
		'(Input/output error|I/O error)' "$(head -n 1 <<<"$said")"
	expect "$shell: error and status say which" \
		$'exec: the script exited 3\nexited 3' \
		"$(tail -n +2 <<<"$said")"

	line "$shell" 'echo stop > ~/vms/web/state'
	expect "$shell: stop says nothing and succeeds" "0|" "$status|$said"
	expect "$shell: it is stopped when that returns" stopped \
		"$(cat "$mnt/web/state")"
	expect "$shell: a stopped machine has no address" "" \
		"$(cat "$mnt/web/ip")"
	expect "$shell: its process 1 is gone" "" "$(orbctl_local list -qr)"

	line "$shell" 'mv ~/vms/web ~/vms/shop && rmdir ~/vms/shop'
	expect "$shell: renamed, then deleted" "0|" "$status|$said"
	expect "$shell: the mount is empty" "" "$(ls "$mnt")"
	no_machine() {
		[ "$(orbctl_local list -f json)" = "[]" ]
	}
	check "$shell: so is the engine's list" wait_for 30 no_machine
done

# The first block of shell in the README, in which lines that build and mount,
# and the one that unmounts, are not repeated. A line's comment is left to the
# shell.
readme() {
	awk '/^```/ { if (inside) exit; inside = /^```sh/; next }
		inside && !/^make/ && !/^umount/ && NF' "$top/README.md"
}
expect "the README has the six lines" 6 "$(readme | wc -l)"
number=0
while IFS= read -r text; do
	number=$((number + 1))
	line bash "$text"
	expect "README line $number succeeds: $text" 0 "$status"
	case $number in
	1) check "README: web runs" wait_for 20 is "$mnt/web/state" running ;;
	2) expect_match "README: running, and an address" \
		"^running"$'\n'"($address)" "$said" ;;
	3) expect "README: the machine's own words" \
		"$uname_line"$'\nuid=0(root) gid=0(root) groups=0(root)\nweb' \
		"$said" ;;
	4) expect_match "README: the error and the status" \
		$'exec: the script exited 3\nexited 3$' "$said" ;;
	*) expect "README line $number says nothing" "" "$said" ;;
	esac
done < <(readme)
expect "README: nothing is left" "" "$(ls "$mnt")"
unmount
