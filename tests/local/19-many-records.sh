# Goal: a thousand records cost list one child and little time; strange records harm nobody.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local real
id=$(cat "$ORBCTL_LOCAL_HOME/names/real")
cd "$ORBCTL_LOCAL_HOME/machines" || exit 1
i=1000
while [ "$i" -lt 2000 ]; do
	copy=0000000000FAKEFAKEFAKE$i
	mkdir "$copy"
	while read -r key value; do
		case $key in
		id)	value=$copy ;;
		name)	value=fake$i ;;
		esac
		echo "$key $value"
	done <"$id/record" >"$copy/record"
	echo "$copy" >"$copy/id"
	echo "1 1 $(: </dev/null)x -" >"$copy/run"
	i=$((i + 1))
done
cd /
# In time of the processor, since others may want it, too.
best=999999
for try in 1 2 3; do
	perl -e 'system(@ARGV) == 0 or exit 1; my @t = times;
		printf STDERR "%d", 1000 * ($t[2] + $t[3])' "$orb" list \
		-f json >"$work/list" 2>"$work/took" || fail 'list fails'
	took=$(cat "$work/took")
	[ "$took" -ge "$best" ] || best=$took
done
is 'all listed' "$(grep -c '"name":' "$work/list")" 1001
is 'one runs' "$(grep -c '"state": "running"' "$work/list")" 1
[ "$best" -lt 400 ] || fail "list takes $best ms of a processor"
is 'names' "$("$orb" list -q | wc -l)" 1001

cd "$ORBCTL_LOCAL_HOME/machines" || exit 1
rm -rf 0000000000FAKE*
mkdir 0000000000FAKEFAKEFAKE0001 0000000000FAKEFAKEFAKE0002
: >0000000000FAKEFAKEFAKE0001/record
printf 'id x\nname a"b\\c\nversion $(touch /tmp/x)\t`id`\n' >0000000000FAKEFAKEFAKE0002/record
cd /
is 'valid JSON' "$("$orb" list -f json | perl -MJSON::PP -e 'local $/;
	print join ",", map $_->{name}, @{decode_json(<STDIN>)}')" 'a"b\c,real'
rm -rf "$ORBCTL_LOCAL_HOME"/machines/0000000000FAKEFAKEFAKE0002
ok 'stop -a in spite of a damaged record' "$orb" stop -a
is 'none runs' "$("$orb" list -qr)" ''
rm -rf "$ORBCTL_LOCAL_HOME"/machines/0000000000FAKE*
done_testing
