# Goal: run has a clean environment, the right user and the right directory.
# shellcheck shell=sh
. "${0%/*}/lib.sh"

ok 'create with a user' "$orb" create local web -u someone
call env -i HOME=/root PATH="$PATH" TERM=dumb SECRET=1 HTTP_PROXY=http://127.0.0.1:3128 \
	ORBCTL_LOCAL_HOME="$ORBCTL_LOCAL_HOME" A='x y' B="it's
two" ORBENV=A:B:NOT_SET:bad-name "$orb" run -m web -u root sh -c env
is 'the environment' "$(printf '%s\n' "$out" | sort)" "$(sort <<END
A=x y
B=it's
two
HOME=/root
HTTP_PROXY=http://host.orb.internal:3128
LOGNAME=root
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PWD=/root
SHELL=/bin/bash
TERM=dumb
USER=root
END
)"
is 'the default user' "$("$orb" run -m web id -un)" someone
is 'groups' "$("$orb" run -m web sh -c 'id -G')" "$("$orb" run -m web id -G someone)"
is 'capabilities are gone' "$("$orb" run -m web sed -n 's/^CapEff:.//p' /proc/self/status)" 0000000000000000
is 'its home' "$(cd / && "$orb" run -m web -w /home/someone sh -c 'pwd; stat -c %U .' | tr '\n' ' ')" \
	'/home/someone someone '
is 'HOME and SHELL' "$("$orb" run -m web sh -c 'echo $HOME $USER')" '/home/someone someone'
is 'another user' "$("$orb" run -m web -u root id -un)" root
is 'user by key' "$("$orb" config set machine.web.username nobody && "$orb" run -m web id -un)" nobody
ok 'user by key, unknown' "$orb" config set machine.web.username nosuch
call "$orb" run -m web true
is 'says so' "$rc|$err" '1|user: unknown user nosuch'
ok 'back' "$orb" config set machine.web.username root

is 'the caller'\''s directory' "$(cd /usr/share && "$orb" run -m web pwd)" /usr/share
is 'else the home' "$(cd "$work" && "$orb" run -m web pwd)" /root
is '-w wins' "$(cd /usr && "$orb" run -m web -w /etc pwd)" /etc
if tty=$(script -qec "'$orb' run -m web tty" /dev/null </dev/null); then
	has 'a terminal' "$tty" /dev/pts/
else
	fail 'run on a terminal fails'
fi
call script -qec "'$orb' run -m web sh -c 'exit 9'" /dev/null
is 'status on a terminal' "$rc" 9
done_testing
