# Goal: an export and its import keep every file as it is, whiteouts and holes too.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local one -u someone
"$orb" run -m one -u root sh -c 'cd /root; rm /etc/fstab
	rm -rf /usr/share/doc; mkdir /usr/share/doc; echo new >/usr/share/doc/new
	mv /usr/share/info /usr/share/info2
	truncate -s 1G sparse; echo end >>sparse
	ln -s /etc/passwd link; echo x >hard; ln hard hard2
	mkfifo fifo; : >own; chown 1234:2345 own; chmod 4751 own
	: >"odd
name"; touch -d "2001-02-03 04:05:06.789" hard
	perl -e "use Socket; socket S, AF_UNIX, SOCK_STREAM, 0; bind S, pack_sockaddr_un(q(sock))"'
look='cd /root; stat -c "%n %F %a %u %g %s %h %.Y" own link hard hard2 fifo odd* sparse
	cat hard2; tail -n 1 sparse; ls /usr/share/doc /etc/fstab; ls /usr/share/info
	ls /usr/share/info2 | wc -l'
want=$("$orb" run -m one -u root sh -c "$look" 2>&1)
ok 'export of a running one' "$orb" export one "$work/one.tar.zst"
is 'it runs on' "$("$orb" list -qr)" one
[ "$(wc -c <"$work/one.tar.zst")" -lt 1000000 ] || fail 'holes are stored'
ok 'import' "$orb" import -n two "$work/one.tar.zst"
is 'stopped' "$("$orb" list -qr)" one
is 'another ID' "$("$orb" info two -f json | grep -c "$(cat "$ORBCTL_LOCAL_HOME/names/one")")" 0
is 'the same files' "$("$orb" run -m two -u root sh -c "$look" 2>&1)" "$want"
is 'the same default user' "$("$orb" run -m two id -un)" someone
is 'holes stay holes' "$("$orb" run -m two -u root sh -c 'du -k /root/sparse | cut -f1')" \
	"$("$orb" run -m one -u root sh -c 'du -k /root/sparse | cut -f1')"

call "$orb" import "$work/one.tar.zst"
is 'the exported name is taken' "$rc" 1
has 'says so' "$err" "machine already exists: 'one'"
ok 'delete' "$orb" delete -f one
ok 'flag behind, name from the archive' "$orb" import "$work/one.tar.zst"
is 'imported' "$("$orb" list -q | sort | tr '\n' ' ')" 'one two '

head -c 2000 "$work/one.tar.zst" >"$work/cut.tar.zst"
call "$orb" import -n cut "$work/cut.tar.zst"
is 'a cut archive' "$rc|$out" '1|'
has 'says so' "$err" "[-32098] import '$work/cut.tar.zst': "
call "$orb" import -n none "$work/none.tar.zst"
is 'no archive' "$rc" 1
mkdir "$work/evil"
printf 'id x\nname evil\ndistro a b\nversion $(id)\n' >"$work/evil/record"
mkdir "$work/evil/upper"
tar -C "$work/evil" --use-compress-program=zstd -cf "$work/evil.tar.zst" record upper
call "$orb" import "$work/evil.tar.zst"
is 'a foreign record' "$rc" 1
has 'says so' "$err" 'its record is damaged'
is 'nothing came of them' "$("$orb" list -q | sort | tr '\n' ' ')" 'one two '
call "$orb" export one "$work/no/such/file"
is 'no place to export to' "$rc" 1
done_testing
