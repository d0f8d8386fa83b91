# Goal: the captured texts, streams and exit codes of errors are replayed.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

call "$orb" version
is 'version succeeds' "$rc" 0
has 'version number' "$out" 'Version: 2.2.'
commit=${out#*Commit: }
commit=${commit%% *}
is 'the commit has 40 digits' "${#commit}" 40
call "$orb" status
is 'status' "$rc $out" '0 Running'
call "$orb" list -f json
is 'list of nothing' "$rc $out" '0 []'

call "$orb" info web -f json
is 'info of an unknown machine' "$rc|$out|$err" "1||[-32098] machine not found: 'web'"
for sub in start stop restart logs; do
	call "$orb" $sub web
	is "$sub of an unknown machine" "$rc|$out|$err" "1||[-32098] machine not found: 'web'"
done
call "$orb" delete -f web
is 'delete of an unknown machine' "$rc|$err" "1|[-32098] machine not found: 'web'"
call "$orb" rename web shop
is 'rename of an unknown machine' "$rc|$err" "1|[-32098] machine not found: 'web'"
call "$orb" clone web shop
is 'clone of an unknown machine' "$rc|$err" "1|[-32098] machine not found: 'web'"
call "$orb" run -m web true
is 'run in an unknown machine' "$rc|$out|$err" "1||[-32098] machine not found: 'web'"

for bad in a_b -x .x 'a b' a/b '' docker "$(printf %064d 0)" 'a
b'; do
	call "$orb" create local -- "$bad"
	is "create of bad name '$bad'" "$rc|$out" '1|'
	has "the reason for '$bad'" "$err" "[-32098] create '$bad': "
done
call "$orb" create beos web
is 'unknown distro' "$rc|$err" "1|[-32098] create 'web': unknown distro 'beos'"
call "$orb" create debian:potato web
is 'unknown version' "$rc|$err" "1|[-32098] create 'web': unknown version 'potato' for 'debian'"
call "$orb" create local web --frobnicate
is 'unknown flag' "$rc|${err%%
*}" '1|Error: unknown flag --frobnicate'
has 'usage follows' "$err" 'Usage:'
call "$orb" run -- true
is 'run refuses --' "$rc|${err%%
*}" '1|Error: unknown flag --'
has 'usage follows' "$err" 'Usage:'

call "$orb" run true
is 'run without any machine' "$rc|$out|${err%%
*}" '1||To use Docker:'
has 'the hint' "$err" '    orb create ubuntu'

call env -u HOME "$orb" list
is 'HOME unset' "$rc|$out|${err%%
*}" '2||panic: $HOME is not defined'

ok 'create' "$orb" create local web
call "$orb" create local web
is 'name taken' "$rc|$out|$err" "1||[-32098] create 'web': machine already exists: 'web'"
call "$orb" delete web
is 'delete without -f at the end of input' "$rc|$out" '1|'
is 'the prompt' "$err" 'WARNING: This will PERMANENTLY DELETE ALL DATA in the following machines:
  web
You cannot undo this action.

Continue [y/N]? '
id=$(cat "$ORBCTL_LOCAL_HOME/names/web")
call "$orb" delete -f "$id"
is 'delete by ID panics' "$rc|$out" '2|'
has 'as Go does' "$err" 'panic: runtime error: invalid memory address or nil pointer dereference'
call "$orb" list -q
is 'the machine is still there' "$out" web
call "$orb" run -m web no-such-command
is 'command not found' "$rc|$out|$err" '127||-bash: line 1: no-such-command: command not found'
call "$orb" run -m web -u nosuch true
is 'unknown user' "$rc|$err" '1|user: unknown user nosuch'
printf 'y\n' | "$orb" delete web 2>/dev/null || fail 'delete with a yes'
is 'gone' "$("$orb" list -f json)" '[]'
done_testing
