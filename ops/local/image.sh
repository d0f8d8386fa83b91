# image.sh: what a machine can be made of: the host's own root, or a root that
# debootstrap makes once and all machines of that image lie over.

# shellcheck disable=SC1007,SC2031

# host_image: sets host_distro, host_version, host_number and host_arch.
host_image()
{
	host_distro=linux host_version= host_number=
	if [ -r /etc/os-release ]; then
		while IFS='=' read -r hi_key hi_value; do
			hi_value=${hi_value#[\"\']}
			hi_value=${hi_value%[\"\']}
			case $hi_key in
			ID)	host_distro=$hi_value ;;
			VERSION_CODENAME) host_version=$hi_value ;;
			VERSION_ID) host_number=$hi_value ;;
			esac
		done </etc/os-release
	fi
	host_version=${host_version:-${host_number:-current}}
	host_arch=$(uname -m)
	case $host_arch in
	x86_64)	host_arch=amd64 ;;
	aarch64) host_arch=arm64 ;;
	esac
}

# base_choose: how the host's root becomes a layer.  One overlay of / where that
# can be; one for each directory at the top where /usr, /var and so on are file
# systems of their own, which an overlay of / would show empty, or where the
# kernel allows no more.
base_choose()
{
	r_base=local
	if [ "$me" -ne 0 ]; then
		r_base=pieces-user
	elif [ -n "$(awk '$5 ~ "^/(usr|etc|var|opt|nix|gnu)$"' \
	    /proc/self/mountinfo)" ]; then
		r_base=pieces
	fi
}

# image_choose WORD: WORD is DISTRO[:VERSION[:ARCH]]; sets r_distro,
# r_version, r_arch, r_base, or why and fails.
image_choose()
{
	host_image
	ic_distro=${1%%:*} ic_version=
	case $1 in *:*) ic_version=${1#*:} ;; esac
	r_arch=${opt_arch:-$host_arch}
	base_choose
	case $ic_version in
	*:*)	r_arch=${ic_version#*:} ic_version=${ic_version%%:*} ;;
	esac
	case $r_arch in
	x86_64)	r_arch=amd64 ;;
	aarch64) r_arch=arm64 ;;
	esac
	why="arch '$r_arch' does not run on this $host_arch host"
	[ "$r_arch" = "$host_arch" ] || return 1
	if [ "$ic_distro" = local ]; then
		r_distro=$host_distro r_version=$host_version
		why="unknown version '$ic_version' for 'local'"
		case $ic_version in
		''|"$host_version"|"$host_number") return 0 ;;
		esac
		return 1
	fi
	case $ic_distro in
	alma|alpine|arch|centos|debian|devuan|fedora|gentoo|kali|nixos) ;;
	openeuler|opensuse|oracle|rocky|ubuntu|void) ;;
	*)	why="unknown distro '$ic_distro'"
		return 1 ;;
	esac
	r_distro=$ic_distro
	case $ic_distro:$ic_version in
	debian:)	r_version=bookworm ;;
	debian:11)	r_version=bullseye ;;
	debian:12)	r_version=bookworm ;;
	debian:13)	r_version=trixie ;;
	ubuntu:)	r_version=noble ;;
	ubuntu:20.04)	r_version=focal ;;
	ubuntu:22.04)	r_version=jammy ;;
	ubuntu:24.04)	r_version=noble ;;
	ubuntu:25.04)	r_version=plucky ;;
	ubuntu:25.10)	r_version=questing ;;
	ubuntu:26.04)	r_version=resolute ;;
	*)		r_version=$ic_version ;;
	esac
	# The host's own distro needs no download: its root serves.
	if [ "$ic_distro" = "$host_distro" ]; then
		case $ic_version in
		''|"$host_version"|"$host_number")
			r_version=$host_version
			return 0 ;;
		esac
	fi
	case $ic_distro:$r_version in
	debian:bullseye|debian:bookworm|debian:trixie|debian:sid) ;;
	ubuntu:focal|ubuntu:jammy|ubuntu:noble|ubuntu:plucky) ;;
	ubuntu:questing|ubuntu:resolute) ;;
	debian:*|ubuntu:*)
		why="unknown version '$ic_version' for '$ic_distro'"
		return 1 ;;
	*)	why="make rootfs: no image of '$ic_distro' can be made here:"
		why="$why use local, debian or ubuntu"
		return 1 ;;
	esac
	r_base=$r_distro-$r_version
}

# image_make: has debootstrap make $home/images/$r_base unless it is there.
image_make()
{
	case $r_base in
	local|pieces|pieces-user) return 0 ;;
	esac
	im_dir=$home/images/$r_base
	[ ! -d "$im_dir" ] || return 0
	why='make rootfs: debootstrap is not installed (apt-get install debootstrap)'
	command -v debootstrap >/dev/null || return 1
	why='make rootfs: debootstrap needs root'
	[ "$me" -eq 0 ] || return 1
	exec 7>>"$home/images/$r_base.lock"
	flock 7
	# The last step is a rename, so a directory of that name is complete.
	if [ ! -d "$im_dir" ]; then
		rm -rf --one-file-system -- "$im_dir.new"
		debootstrap --variant=minbase --arch="$r_arch" "$r_version" \
			"$im_dir.new" >"$home/images/$r_base.log" 2>&1 7>&- || {
			why=$(tail -n 1 "$home/images/$r_base.log")
			why="make rootfs: debootstrap: $why"
			rm -rf --one-file-system -- "$im_dir.new"
			exec 7>&-
			return 1
		}
		rm -rf -- "$im_dir.new/var/cache/apt/archives"
		mv -- "$im_dir.new" "$im_dir"
	fi
	exec 7>&-
}

# cmd_images: a line `distro version` for each image that create can make here,
# by names that it accepts.  This subcommand is our own: orbctl has none.
cmd_images()
{
	[ $# -eq 0 ] || usage_error 'images takes no arguments'
	host_image
	# By its own name, under which its machines are listed, if it has one.
	image_choose "$host_distro:$host_version" ||
		printf 'local %s\n' "$host_version"
	for ci_name in "$host_distro:$host_version" \
	    debian:bullseye debian:bookworm debian:trixie debian:sid \
	    ubuntu:focal ubuntu:jammy ubuntu:noble ubuntu:plucky \
	    ubuntu:questing ubuntu:resolute; do
		image_choose "$ci_name" || continue
		case $r_base in
		local|pieces|pieces-user) ;;
		*)	image_can_make || continue ;;
		esac
		printf '%s %s\n' "$r_distro" "$r_version"
	done | awk '!seen[$0]++'
}

# image_can_make: whether $r_base is there, or can be fetched.
image_can_make()
{
	[ ! -d "$home/images/$r_base" ] || return 0
	[ "$me" -eq 0 ] && command -v debootstrap >/dev/null &&
		[ -e "${DEBOOTSTRAP_DIR:-/usr/share/debootstrap}/scripts/$r_version" ]
}
