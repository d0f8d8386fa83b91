# config.sh: configuration keys and the default machine.
#
# Global keys are kept for programs that set them; network.subnet4 alone has an
# effect: it is tried first when the bridge is made next.  The keys of a
# machine are fields of its record.

. "$parts/net.sh"
. "$parts/cgroup.sh"

config_globals='app.start_at_login=false cpu=0 docker.expose_ports_to_lan=false
k8s.enable=false k8s.expose_services=false machines.expose_ports_to_lan=false
machines.forward_ports=false memory_mib=0 mount_hide_shared=false
network.https=false network.subnet4=192.168.138.0/23 network_bridge=true
network_proxy=auto rosetta=false setup.use_admin=false ssh.expose_port=false'

machine_keys='username cpu memory_mib disk_bytes isolated isolate_network
forward_ssh_agent'

cmd_config()
{
	[ $# -gt 0 ] || usage_error 'config takes a command'
	config_do=$1
	shift
	case $config_do:$# in
	get:1)	case $1 in
		machine.*) machine_key "$1"
			if [ "$key" = mounts ]; then
				printf '%s\n' "$r_mounts"
			else
				# key is one of machine_keys.
				eval "printf '%s\\n' \"\$r_$key\""
			fi ;;
		*)	global_get "$1" ;;
		esac ;;
	set:2)	case $1 in
		machine.*) machine_set "$1" "$2" ;;
		*)	global_set "$1" "$2" ;;
		esac ;;
	add:2)	machine_add "$1" "$2" ;;
	show:0)	config_show ;;
	reset:0) rm -f -- "$home/config" ;;
	docker:0) fail 'there is no Docker engine here' ;;
	*)	usage_error "config $config_do: wrong number of arguments or unknown" ;;
	esac
}

# global_default KEY: sets value, or fails for an unknown key.
global_default()
{
	for gd_word in $config_globals; do
		[ "${gd_word%%=*}" = "$1" ] || continue
		value=${gd_word#*=}
		return 0
	done
	fail "unknown configuration key '$1'"
}

global_value()
{
	global_default "$1"
	[ ! -e "$home/config" ] || while IFS= read -r gv_line; do
		case $gv_line in
		"$1 "*)	value=${gv_line#* } ;;
		esac
	done <"$home/config"
}

global_get()
{
	global_value "$1"
	printf '%s\n' "$value"
}

global_set()
{
	global_default "$1"
	case $2 in
	*'
'*)	fail "config set $1: a value is one line" ;;
	esac
	# What the default is like, a value is.
	case $value:$2 in
	true:true|true:false|false:true|false:false) ;;
	true:*|false:*)
		fail "config set $1: '$2' is neither true nor false" ;;
	0:|0:*[!0-9]*)
		fail "config set $1: '$2' is no number" ;;
	esac
	home_lock
	{
		[ ! -e "$home/config" ] || while IFS= read -r gs_line; do
			case $gs_line in
			"$1 "*)	;;
			*)	printf '%s\n' "$gs_line" ;;
			esac
		done <"$home/config"
		printf '%s %s\n' "$1" "$2"
	} >"$home/config.new" && mv -f "$home/config.new" "$home/config"
	home_unlock
}

# machine_key machine.NAME.KEY: finds the machine, sets key.  The last part is
# the key: a name may have dots.
machine_key()
{
	mk_name=${1#machine.}
	key=${mk_name##*.}
	mk_name=${mk_name%."$key"}
	case " mounts $machine_keys " in
	*[!a-z_]"$key"[!a-z_]*) ;;
	*)	fail "unknown configuration key '$1'" ;;
	esac
	machine_need "$mk_name"
}

value_bad()
{
	machine_unlock
	fail "config set $1: invalid value '$2'"
}

machine_set()
{
	machine_key "$1"
	machine_lock
	case $key in
	username)
		case $2 in
		''|-*|*[!a-zA-Z0-9._-]*) value_bad "$1" "$2" ;;
		esac
		r_username=$2 ;;
	cpu)	cpu_check "$2" || value_bad "$1" "$2"
		r_cpu=$2 ;;
	memory_mib)
		case $2 in
		''|*[!0-9]*|?????????*) value_bad "$1" "$2" ;;
		0?*)	value_bad "$1" "$2" ;;
		esac
		memory_check "$2" || fail "config set $1: $why"
		r_memory_mib=$2 ;;
	disk_bytes)
		case $2 in
		0)	;;
		''|*[!0-9]*) value_bad "$1" "$2" ;;
		*)	fail "config set $1: a disk limit cannot be enforced here" ;;
		esac
		r_disk_bytes=$2 ;;
	isolated|isolate_network|forward_ssh_agent)
		case $2 in
		true|false) ;;
		*)	value_bad "$1" "$2" ;;
		esac
		eval "r_$key=\$2" ;;
	mounts)	[ -z "$2" ] || value_bad "$1" "$2"
		r_mounts= ;;
	esac
	case $key in
	cpu|memory_mib)
		if machine_running; then
			limits_apply || fail "config set $1: $why"
		fi ;;
	esac
	record_save || fail "config set $1: cannot write the record"
	machine_unlock
}

machine_add()
{
	case $1 in
	machine.*.mounts) ;;
	*)	fail "config add $1: not a list" ;;
	esac
	machine_key "$1"
	ma_from=${2%%:*} ma_to=${2#*:}
	case $2 in
	*'
'*)	value_bad "$1" "$2" ;;
	esac
	case $ma_from:$ma_to in
	/*:/*)	;;
	*)	value_bad "$1" "$2" ;;
	esac
	machine_lock
	r_mounts="${r_mounts:+$r_mounts
}$ma_from:$ma_to"
	record_save || fail "config add $1: cannot write the record"
	machine_unlock
}

config_show()
{
	for cs_word in $config_globals; do
		global_value "${cs_word%%=*}"
		printf '%s: %s\n' "${cs_word%%=*}" "$value"
	done
	for cs_id in $(each_id); do
		machine_find "$cs_id" || continue
		for cs_key in $machine_keys; do
			eval "printf 'machine.%s.%s: %s\\n' \"\$r_name\" $cs_key \"\$r_$cs_key\""
		done
	done
}

cmd_default()
{
	case $# in
	0)	if default_find; then
			printf '%s\n' "$r_name"
		else
			echo none
		fi
		return ;;
	1)	;;
	*)	usage_error 'default takes one machine' ;;
	esac
	id=none
	[ "$1" = none ] || machine_need "$1"
	home_lock
	printf '%s\n' "$id" >"$home/default.new" &&
		mv -f "$home/default.new" "$home/default"
	home_unlock
}
