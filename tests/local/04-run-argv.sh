# Goal: run passes argv unchanged and adds no shell.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local web
nl='
'
set -- 'a b' "it's" '$HOME' '`id`' '"' '\n' '' '*' "two${nl}lines" ';' '|' -m -- \
	'{}' "$(printf '\303\244\377')" "end$nl"
printf '%s\0' "$@" >"$work/want"
ok 'run' "$orb" run -m web perl -e 'print map "$_\0", @ARGV' -- "$@" >"$work/got"
cmp "$work/want" "$work/got" || fail 'argv differs'
long=$(printf %0100000d 7)
is 'a long argument' "$("$orb" run -m web sh -c 'echo ${#1}' sh "$long")" 100000
is 'no shell is added' "$("$orb" run -m web echo 'a && b > c')" 'a && b > c'
is 'argv[0] is as given' "$("$orb" run -m web sh -c 'tr "\0" "\n" </proc/$$/cmdline | head -n 1')" sh
is '-s is a shell' "$("$orb" run -m web -s 'echo a && echo b')" "a${nl}b"
is 'flags stop at the first word' "$("$orb" run -m web echo -u root --machine=x)" '-u root --machine=x'
is 'joined flags' "$("$orb" run -mweb --workdir=/usr pwd)" /usr
is 'exec is run' "$("$orb" exec -m web echo x)" x
is 'shell is run' "$("$orb" shell -m web echo x)" x
is 'a bare command' "$("$orb" echo x)" x
is 'several lines to a shell' "$(printf 'x=1\necho $x\n' | "$orb" run -m web)" 1
done_testing
