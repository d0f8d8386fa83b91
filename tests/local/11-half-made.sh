# Goal: a create or delete that is stopped or killed leaves nothing that lists, blocks or stays.
# shellcheck shell=sh disable=SC2012
. "${0%/*}/lib.sh"

half()
{
	ls "$ORBCTL_LOCAL_HOME"/machines/*/"$1" >/dev/null 2>&1
}

for signal in TERM KILL; do
	for moment in creating go starting boot.err run; do
		setsid sh -c 'echo $$ >"$1"; exec "$2" create local web' sh \
			"$work/pid" "$orb" >/dev/null 2>&1 &
		tries=0
		until half "$moment" || [ "$tries" -gt 3000 ]; do
			tries=$((tries + 1))
		done
		note_ids
		kill -$signal "$(cat "$work/pid")" 2>/dev/null
		wait
		# It may have been done before the signal came.
		if [ "$("$orb" list -q)" = web ]; then
			is "usable ($signal, $moment)" "$("$orb" run -m web echo x)" x
			ok 'delete' "$orb" delete -f web
			continue
		fi
		is "list after $signal at $moment" "$("$orb" list -f json)" '[]'
		call "$orb" info web
		is 'info' "$rc|$err" "1|[-32098] machine not found: 'web'"
		ok "create again after $signal at $moment" "$orb" create local web
		is 'usable' "$("$orb" run -m web echo x)" x
		is 'the only one' "$(ls "$ORBCTL_LOCAL_HOME/machines" | wc -l)" 1
		ok 'delete' "$orb" delete -f web
	done
done

# A delete, likewise, held where it hides the machine and where it frees the
# name: it has not begun, or there is nothing to be seen of it.
mkdir "$work/bin"
for held in 'mv .gone-' 'rm names/web'; do
	program=${held% *}
	cat >"$work/bin/$program" <<END
#!/bin/sh
case \$* in
*${held#* }*)
	: >'$work/held'
	exec sleep 60 ;;
esac
PATH=\${PATH#*:}
exec $program "\$@"
END
	chmod +x "$work/bin/$program"
	for signal in TERM KILL; do
		ok 'create' "$orb" create local web
		ok 'stop' "$orb" stop web
		rm -f "$work/held"
		PATH=$work/bin:$PATH setsid sh -c \
			'echo $$ >"$1"; exec "$2" delete -f web' sh \
			"$work/pid" "$orb" >/dev/null 2>&1 &
		until_ok 30 [ -e "$work/held" ] || fail "no $held"
		kill -$signal "-$(cat "$work/pid")"
		wait
		case $("$orb" list -q) in
		web)	ok 'a whole one starts' "$orb" start web
			ok 'and is deleted' "$orb" delete -f web ;;
		'')	ok 'the name is free' "$orb" create local web
			is 'the only one' "$("$orb" list -q)" web
			ok 'delete' "$orb" delete -f web ;;
		*)	fail "after $signal at $held" ;;
		esac
		is 'nothing stays' "$(ls "$ORBCTL_LOCAL_HOME/names")" ''
		is 'of it' "$(ls -A "$ORBCTL_LOCAL_HOME/machines")" ''
	done
	rm "$work/bin/$program"
done

# A name whose holder is half made and dead is free; of a live one it is not.
ok 'create' "$orb" create local web
id=$(cat "$ORBCTL_LOCAL_HOME/names/web")
ok 'stop' "$orb" stop web
read -r boot </proc/sys/kernel/random/boot_id
start=$(awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$$/stat")
rm "$ORBCTL_LOCAL_HOME/machines/$id/record"
echo "$$ $start $boot" >"$ORBCTL_LOCAL_HOME/machines/$id/creating"
call "$orb" create local web
is 'a name being made' "$rc|$err" "1|[-32098] create 'web': machine already exists: 'web'"
echo "$$ 1 $boot" >"$ORBCTL_LOCAL_HOME/machines/$id/creating"
ok 'a name left behind' "$orb" create local web
[ ! -e "$ORBCTL_LOCAL_HOME/machines/$id" ] || fail 'the half-made one is still there'
done_testing
