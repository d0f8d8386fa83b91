# look.sh: list, info, status, logs and the manual.

format_check()
{
	case ${opt_format:-text} in
	json|text) ;;
	*)	usage_error "unknown format '$opt_format'" ;;
	esac
}

# records_render MODE RECORD...: one awk reads all the records and states, so
# a thousand machines cost one child.  MODE: list-json, list-text, names, info-json,
# info-text.  The IDs come on stdin.
records_render()
{
	cd "$home/machines" &&
	awk -v mode="$1" -v boot="$boot_id" -v net="$home/net" \
		-v only_running="${opt_running-}" -v size="${2-}" \
		-v ipv6="$([ ! -d /proc/sys/net/ipv6 ] || echo 1)" \
		-f "$parts/list.awk"
}

cmd_list()
{
	format_check
	if [ -n "${opt_quiet-}" ]; then
		list_mode=names
	else
		list_mode=list-${opt_format:-text}
	fi
	cd "$home/machines" || exit 1
	if [ "$list_mode" = list-text ]; then
		# Sizes first, then a mark, then the IDs.
		{
			set -- */record
			[ ! -e "$1" ] || du -s --block-size=1 -- */upper 2>/dev/null
			echo .
			list_ids
		} | records_render "$list_mode"
	else
		list_ids | records_render "$list_mode"
	fi
}

list_ids()
{
	set -- */record
	[ ! -e "$1" ] || printf '%s\n' "$@"
}

cmd_info()
{
	format_check
	[ $# -eq 1 ] || usage_error 'info takes one machine'
	machine_need "$1"
	size=$(du -s --block-size=1 -- "$dir/upper" 2>/dev/null)
	size=${size%%[!0-9]*}
	printf '%s/record\n' "$id" |
		records_render "info-${opt_format:-text}" "${size:-0}"
}

cmd_status()
{
	if [ -e "$home/stopped" ]; then
		echo Stopped
		exit 1
	fi
	echo Running
}

cmd_logs()
{
	[ $# -eq 1 ] || usage_error 'logs takes one machine'
	machine_need "$1"
	[ ! -e "$dir/log" ] || cat -- "$dir/log"
}

cmd_help()
{
	cat <<'END'
orbctl-local: machines on Linux, driven as OrbStack's orbctl is.

  create DISTRO[:VERSION] [NAME]    make a machine and start it
  clone SOURCE NEW                  copy one; the copy is stopped
  start, stop, restart, delete [-f] by name (delete) or by name or ID
  rename OLD NEW                    the ID stays
  list [-q] [-r] [-f json]          all machines
  info NAME [-f json]               one machine, with size and addresses
  run [-m NAME] [-u USER] [-w DIR] [-s] [COMMAND [ARG]...]
  push, pull [-m NAME] SOURCE... [DEST]
  export NAME FILE, import FILE [-n NAME]
  logs NAME, default [NAME|none], status, version
  config get|set|add|show|reset
  images                            what create can make here; this one is our
                                    own, orbctl has no such subcommand

stop without a name stops ALL machines.

It is no security boundary: root in a machine that root made is root.

Images
  local             an overlay of this host's root: /usr /etc /var /opt as they
                    are, without homes, /root, /tmp, /srv and mounted disks.
                    Changes of the host's root show in it later on, except
                    where the machine has changed the same file.
  debian, ubuntu    the host's own distro and version: as local. Others need
                    root, debootstrap and a mirror, once per image.

What needs what
  machines          root, or user namespaces for ordinary users and Linux 5.11
  addresses         root and iproute2: a bridge per state directory
  a way outside     IPv4 forwarding and masquerading, which are the host's
                    business: orbctl-local changes neither
  limits            root and cgroups: --cpus, --memory. Memory from 16 MiB.
                    --disk is refused: nothing here can hold it
  isolate-network   gives a machine its loopback only
  other users       root, or newuidmap; else a machine has root alone.
                    Files of the host's root cannot be changed in a machine of
                    an ordinary user, only replaced at the top of /etc, /usr ...
  terminals         run on a terminal uses script(1) in the machine
  not here          cloud-init (--user-data), --set-password, ssh agent
                    forwarding, and the host's files other than by --mount
  export, import    tar and zstd

State is below $ORBCTL_LOCAL_HOME, else /var/lib/orbctl-local for root and
~/.local/share/orbctl-local for others. It must not lie on an overlay itself.
END
}
