# shellcheck shell=bash
#
# What the scripts with a real file manager share, sourced after lib.sh or
# files.sh. It is PCManFM, in a display of its own that nobody sees, with a
# home of its own:
#
#	open_window DIRECTORY	start it, wait for its window, and go there
#	go DIRECTORY		have it show another one
#	key KEY...		press keys, as xdotool names them
#	listed N		is there something in the first line's N-th place?
#	pick			click on what is listed first
#	shown TITLE		is there a window of that title?
#	answer TITLE TEXT	wait for a dialog, and fill it in
#	picture FILE		what the display shows

for _program in Xvfb openbox pcmanfm xdotool import gio; do
	need "$_program" "for a file manager that is really driven"
done
export HOME=$work/home GIO_USE_VFS=local
unset DBUS_SESSION_BUS_ADDRESS
_window=() # process ids

_end_window() {
	local status=$?
	[ ${#_window[@]} -eq 0 ] || kill "${_window[@]}" 2>/dev/null
	wait "${_window[@]}" 2>/dev/null
	(exit "$status")
	_finish
}
trap _end_window EXIT

open_window() {
	local number
	mkdir -p "$HOME"
	mkfifo "$work/display"
	# Else it starts anew when its last client goes, under the feet of the
	# next one.
	Xvfb -displayfd 9 -screen 0 900x600x24 -nolisten tcp -noreset \
		9>"$work/display" >/dev/null 2>&1 &
	_window+=($!)
	read -r number <"$work/display"
	check "there is a display" test -n "$number"
	export DISPLAY=:$number
	openbox >/dev/null 2>&1 &
	_window+=($!)
	# It gives the keyboard to what comes after it only.
	check "windows are managed" wait_for 30 xdotool get_desktop
	(cd / && exec pcmanfm --no-desktop "$HOME") >"$work/window" 2>&1 &
	_window=($! "${_window[@]}")
	check "a window opens" wait_for 30 shown home
	go "$1"
}

# Only one that has the keyboard, too.
shown() {
	[ "$(xdotool getactivewindow getwindowname)" = "$1" ]
}

key() {
	xdotool key --clearmodifiers "$@"
}

# A window that has only just opened may miss what is typed.
_type_path() {
	key ctrl+l
	xdotool type --clearmodifiers -- "$1"
	key Return
	wait_for 5 shown "$(basename "$1")"
}

go() {
	check "it shows ${1#"$work"/}" wait_for 60 _type_path "$1"
}

# Any colour but that of the background.
listed() {
	local at=$((317 + 94 * ($1 - 1)))
	[ "$(import -window root -crop "40x40+$at+145" png:- |
		identify -format %k -)" -gt 1 ]
}

pick() {
	xdotool mousemove 337 165 click 1
}

_other_window() {
	[ "$(xdotool getactivewindow)" != "$1" ]
}

# The next one may have the same title, and must not be taken for this one.
answer() {
	local window
	if ! wait_for 30 shown "$1"; then
		_not_ok "it asks: $1" "there is $(xdotool getactivewindow \
			getwindowname 2>&1)"
		return
	fi
	_ok "it asks: $1"
	window=$(xdotool getactivewindow)
	[ -z "$2" ] || key ctrl+a
	[ -z "$2" ] || xdotool type --clearmodifiers -- "$2"
	key Return
	check "and is answered" wait_for 30 _other_window "$window"
}

picture() {
	import -window "$(xdotool search --onlyvisible --class pcmanfm |
		head -n 1)" "$1"
}
