# shellcheck shell=sh disable=SC1090,SC2034,SC2154 # variables are made by eval
# Stands in for OpenWrt's /lib/functions.sh: the functions that our scripts use,
# for one section, over a configuration in UCI's own syntax.
config_load() {
	CONFIG_values=
	[ -r "$UCI_CONFIG_DIR/$1" ] || return 1
	. "$UCI_CONFIG_DIR/$1"
}

CONFIG_SECTION=main
config() { CONFIG_SECTION=${2:-}; }
option_cb() { :; }
list_cb() { :; }

option() {
	eval "CONFIG_$1=\$2"
	option_cb "$@"
}

list() {
	list_cb "$@"
	eval "CONFIG_n=\$((\${CONFIG_COUNT_$1:-0} + 1))"
	eval "CONFIG_COUNT_$1=\$CONFIG_n"
	eval "CONFIG_LIST_$1_$CONFIG_n=\$2"
}

config_get() {
	eval "$1=\${CONFIG_$3:-\${4:-}}"
}

config_get_bool() {
	eval "CONFIG_bool=\${CONFIG_$3:-}"
	case "$CONFIG_bool" in
	1|on|true|yes|enabled) CONFIG_bool=1 ;;
	0|off|false|no|disabled) CONFIG_bool=0 ;;
	*) CONFIG_bool=${4:-} ;;
	esac
	eval "$1=\$CONFIG_bool"
}

config_list_foreach() {
	CONFIG_i=1
	while eval "[ \"\$CONFIG_i\" -le \"\${CONFIG_COUNT_$2:-0}\" ]"; do
		eval "$3 \"\$CONFIG_LIST_$2_$CONFIG_i\""
		CONFIG_i=$((CONFIG_i + 1))
	done
}

# Stands in for the program, which fails at a line that is no UCI.
uci() { ! grep -qv '^[[:space:]]*\(config\|option\|list\|#\|$\)' "$UCI_CONFIG_DIR/jobbox"; }
