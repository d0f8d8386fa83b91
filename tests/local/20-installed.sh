# Goal: it works installed elsewhere, through links named orbctl and orb, and over a host of several file systems.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

libexec="$work/a prefix/libexec/orbfs"
mkdir -p "$libexec" "$work/bin"
cp -r "$(dirname "$(readlink -f "$orb")")/." "$libexec"
ln -s "$libexec/orbctl-local" "$work/bin/orbctl"
ln -s orbctl "$work/bin/orb"
orb=$work/bin/orbctl
ok 'create' "$orb" create local web
is 'run' "$("$orb" run -m web hostname)" web
is 'by PATH' "$(PATH="$work/bin:$PATH" orb hostname)" web
is 'from its own folder' "$(cd "$libexec" && sh orbctl-local run hostname)" web
call "$orb" list --nonsense
has 'usage names the program' "$err" "
  orbctl list"

# /opt as a file system of its own: an overlay of / alone would show it empty.
cat >"$work/split" <<'END'
set -e
mount -t tmpfs opt /opt
echo here >/opt/file
"$1" create local split
"$1" run -m split sh -c 'cat /opt/file; echo more >>/opt/file; rm /etc/fstab
	mv /usr/share/doc /usr/share/doc2; ls /home'
"$1" stop split
"$1" start split
"$1" run -m split cat /opt/file
cat /opt/file
"$1" clone split other
"$1" run -m other cat /opt/file
"$1" stop -a
END
call unshare --mount sh "$work/split" "$orb"
is 'a host of several file systems' "$rc|$out|$err" '0|here
here
more
here
here
more|'
done_testing
