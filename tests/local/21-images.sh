# Goal: images lists what create can make, by the names that create takes.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

call "$orb" images
is 'exit status' "$rc|$err" '0|'
has 'the host' "$(printf '%s\n' "$out" | head -n 1)" "$(. /etc/os-release
	case $ID in
	debian|ubuntu)	echo "$ID " ;;
	*)	echo 'local ' ;;
	esac)"
is 'distro and version, each once' \
	"$(printf '%s\n' "$out" | grep -cvE '^[a-z]+ [a-z0-9.-]+$')" 0
is 'each once' "$(printf '%s\n' "$out" | sort | uniq -d)" ''

# The host's own under the name that it has, if create knows that.
printf '%s\n' "$out" >"$work/images"
read -r distro host_version <"$work/images"
n=0
while read -r distro version; do
	# What has to be fetched is for those who have a mirror.
	[ "$distro" = local ] || [ "$distro" = "$(. /etc/os-release
		echo "$ID")" ] || continue
	[ "$version" = "$host_version" ] || continue
	n=$((n + 1))
	ok "create of $distro $version" "$orb" create "$distro:$version" "m$n"
	is "m$n runs" "$("$orb" run -m "m$n" echo yes)" yes
done <"$work/images"
[ "$n" -gt 0 ] || fail 'nothing could be made'

# Without debootstrap there is nothing but what the host is.
mkdir "$work/scripts"
is 'no scripts' "$(DEBOOTSTRAP_DIR=$work "$orb" images | cut -d' ' -f2 | sort -u)" \
	"$host_version"

# Looking starts nothing that was stopped.
ok 'stop all' "$orb" stop
ok 'images' "$orb" images
is 'still stopped' "$("$orb" status)" Stopped
call "$orb" images x
is 'no arguments' "$rc|$out" '1|'
done_testing
