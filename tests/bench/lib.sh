# shellcheck shell=bash
#
# What the scripts of tests/bench share: the table, and how something is timed.
# ORBFS names the daemon, BENCH the folder of the programs that are made of the
# sources beside this file. What tests/mount/lib.sh offers is there, too; the
# checks of unmounting are kept out of the table.

# shellcheck source=tests/mount/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../mount/lib.sh"

BENCH=${BENCH:-$top/build/plain/tests/bench}
missed=0 # 1: a bound was, and the script has to exit with it
taken=() # by the last take: "median p99 longest" of each side, in us

need_programs() { # need_programs NAME...: those of $BENCH
	local program
	for program in "$@"; do
		[ -x "$BENCH/$program" ] && continue
		echo "$BENCH/$program is not there: make bench builds it" >&2
		exit 2
	done
}

# ---- the table --------------------------------------------------------------

calc() { # calc EXPRESSION: its value
	awk "BEGIN { print ($1) }" </dev/null
}

figure() { # figure NUMBER: with as many places as tell something
	awk -v x="$1" 'BEGIN { printf x == int(x) ? "%d" : \
		x < 10 ? "%.2f" : "%.1f", x }' </dev/null
}

# row WHAT NUMBER UNIT RELATION BOUND [REMARK]: RELATION is < <= == or >=; "-"
# is that of a figure without a bound.
row() {
	local what=$1 number=$2 unit=$3 relation=$4 bound=$5 verdict=
	local measured
	measured="$(figure "$number")$unit${6:+ ($6)}"
	if [ "$relation" != - ]; then
		verdict=PASS
		if [ "$(calc "$number $relation $bound")" -ne 1 ]; then
			verdict=over
			missed=1
		fi
	fi
	case $relation in
	-) bound= ;;
	'<') bound="under $bound$unit" ;;
	'<=') bound="at most $bound$unit" ;;
	'==') bound="$bound$unit" ;;
	'>=') bound="at least $bound$unit" ;;
	esac
	echo "| $what | $measured | $bound | $verdict |"
}

# ---- measuring --------------------------------------------------------------

# What a program is compared with runs in the environment that the daemon gives
# to its children, or the larger one would cost the other side more.
as_child() {
	env -i PATH="$PATH" HOME="$HOME" LC_ALL=C \
		${ORBCTL_LOCAL_HOME:+"ORBCTL_LOCAL_HOME=$ORBCTL_LOCAL_HOME"} \
		"$@"
}

# take [-p MS] ROUNDS TIMES ACT... [-- ACT...]...: see sides.c.
take() {
	local said
	if ! said=$(as_child "$BENCH/sides" "$@"); then
		echo "not to be measured: $*" >&2
		exit 1
	fi
	mapfile -t taken <<<"$said"
}

median() { # median SIDE: in us
	echo "${taken[$1]%% *}"
}

median_ms() {
	calc "$(median "$1") / 1000"
}

p99_ms() {
	local rest=${taken[$1]#* }
	calc "${rest% *} / 1000"
}

longest_ms() {
	calc "${taken[$1]##* } / 1000"
}

ratio() { # ratio SIDE OTHER: of their medians
	calc "$(median "$1") / $(median "$2")"
}

memory_mib() { # memory_mib FIELD [PROCESS]: of the daemon, or of another one
	awk -v field="$1:" '$1 == field { print $2 / 1024 }' \
		"/proc/${2:-$daemon}/status"
}

# Its checks are no rows; one that fails is told, and not forgotten.
unmount_quietly() {
	unmount >"$work/said"
	! grep '^not ok' "$work/said" >&2 || missed=1
}
