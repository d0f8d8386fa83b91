# proc.sh: one process as /proc tells of it, read without any child.

# proc_stat PID [PROC]: sets ps_state, ps_session and ps_start.  A command name may
# hold blanks, brackets and newlines, so only what follows the last bracket
# of the last line counts.
proc_stat()
{
	ps_line=
	{ while IFS= read -r ps_next; do
		ps_line=$ps_next
	done; } 2>/dev/null <"${2:-/proc}/$1/stat" || return 1
	[ -n "$ps_line" ] || return 1
	ps_line=${ps_line##*) }
	# shellcheck disable=SC2086
	set -- $ps_line
	[ $# -ge 20 ] || return 1
	ps_state=$1 ps_session=$4 ps_start=${20}
}
