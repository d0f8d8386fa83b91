# Goal: run ends with the status of the command, 128+n for signal n, 126 and 127.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create' "$orb" create local web
for status in 0 1 7 255; do
	call "$orb" run -m web sh -c "exit $status"
	is "exit $status" "$rc|$out|$err" "$status||"
done
# INT and QUIT among them: they must not arrive ignored, whoever spawned us.
for signal in 1 2 3 9 13 15; do
	call "$orb" run -m web sh -c "kill -$signal \$\$"
	is "signal $signal" "$rc|$out|$err" "$((128 + signal))||"
done
(trap '' INT QUIT PIPE HUP TERM; "$orb" run -m web sh -c 'kill -INT $$')
is 'ignored signals are reset' $? 130
call "$orb" run -m web /no/such
is 'no file' "$rc|$err" '127|-bash: line 1: /no/such: No such file or directory'
call "$orb" run -m web /etc/passwd
is 'no program' "$rc|$err" '126|-bash: line 1: /etc/passwd: Permission denied'
call "$orb" run -m web /etc
is 'a directory' "$rc|$err" '126|-bash: line 1: /etc: Is a directory'
call "$orb" run -m web -w /no/such true
is 'no such working directory' "$rc|$out" '1|'
has 'says so' "$err" '/no/such'
done_testing
