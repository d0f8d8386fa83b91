#!/usr/bin/env bash
# Goal: a renamed machine runs on, keeps what it has, and is known by its new name everywhere.
. "$(dirname "$0")/machines.sh"

mount_orbfs
make_machine web other
check "something is kept" run_script web 'echo kept >/root/kept; echo output'
pid=$(pid1 web) id=$(grep '"id"' "$mnt/web/config") ip=$(cat "$mnt/web/ip")

exec 5>"$mnt/web/files/root/open"
check "a running machine is renamed" mv "$mnt/web" "$mnt/shop"
check "a file that is open there stays so" eval 'echo written >&5'
exec 5>&-
expect "and what is written to it is there" written \
	"$(guest shop cat /root/open)"
expect "it has the new name alone" $'other\nshop' "$(ls "$mnt")"
expect "by the engine as well" $'other\nshop' "$(orbctl_local list -q | sort)"
expect "it runs on" "running $pid" "$(cat "$mnt/shop/state") $(pid1 shop)"
expect "it is the same one" "$id" "$(grep '"id"' "$mnt/shop/config")"
expect "with its address" "$ip" "$(cat "$mnt/shop/ip")"
expect_match "config has the name" '"name":[[:space:]]*"shop"' \
	"$(cat "$mnt/shop/config")"
expect "the output of its last script is there" output "$(cat "$mnt/shop/exec")"
check "it runs scripts" run_script shop 'hostname; cat /etc/hostname /root/kept; getent ahostsv4 shop >/dev/null && echo known'
expect "its host name has followed" $'shop\nshop\nkept\nknown' \
	"$(cat "$mnt/shop/exec")"

expect_errno "the old name is free, and nothing" ENOENT cat "$mnt/web/state"
expect_match "onto another machine: refused" '(File exists|not empty)' \
	"$(mv -T "$mnt/shop" "$mnt/other" 2>&1)"
expect_match "into another machine: refused" 'not permitted' \
	"$(mv "$mnt/shop" "$mnt/other" 2>&1)"
expect "both are as they were" $'running\nrunning' \
	"$(cat "$mnt"/{shop,other}/state)"
# mv has words of its own for EINVAL.
expect_errno "to a name that is none: refused" EINVAL perl -e \
	'rename $ARGV[0], $ARGV[1] or die "$!\n"' "$mnt/shop" "$mnt/-bad"
expect "and nothing has changed" $'other\nshop' "$(ls "$mnt")"

# A script that runs meanwhile does not notice.
printf 'until [ -e /tmp/go ]; do sleep 0.05; done; hostname\n' >"$work/script"
start_writer "$work/script" "$mnt/shop/exec"
starts() {
	[ "$(last shop status)" = running ]
}
check "a script runs" wait_for 30 starts
check "and the machine is renamed" mv "$mnt/shop" "$mnt/third"
guest third touch /tmp/go
wait "$writer"
expect "the script ends well" 0 "$?"
expect "and knows" third "$(cat "$mnt/third/exec")"

check "a stopped one is renamed" bash -c \
	'echo stop >"$0/third/state" && mv "$0/third" "$0/web"' "$mnt"
expect "it stays stopped" stopped "$(cat "$mnt/web/state")"
check "starts" put $'start\n' "$mnt/web/state"
check "and runs scripts" run_script web 'hostname; cat /root/kept'
expect "by its first name, with all it had" $'web\nkept' "$(cat "$mnt/web/exec")"
unmount
