# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For scenarios with networks: bridges in the root, commands in a child over its web server (child/init, lab.ip=).

# bridge_add NAME ADDRESS/PREFIX [OPTION...]: a bridge with the root on it.
bridge_add() {
	lab_bridge=$1
	lab_address=$2
	shift 2
	modprobe -a bridge tun
	run ip link add "$lab_bridge" type bridge forward_delay 0 "$@"
	ip address add "$lab_address" dev "$lab_bridge"
	ip link set "$lab_bridge" up
}

# in_child ADDRESS COMMAND: runs it there, prints what it prints, fails as it does.
in_child() {
	printf '%s\n' "$2" >"/run/command-$1"
	timeout 30 wget -q -O "/run/answer-$1" "--post-file=/run/command-$1" "http://$1/cgi-bin/run" || return 1
	sed '$d' "/run/answer-$1"
	[ "$(tail -n 1 "/run/answer-$1")" = "exit 0" ]
}

# fetched_hash URL: of what the root gets from there.
fetched_hash() {
	timeout 30 wget -q -O - "$1" | sha256sum | cut -d' ' -f1
}

# fetched_hash_in ADDRESS URL: of what the child gets.
fetched_hash_in() {
	in_child "$1" "timeout 30 wget -q -O - $2 | sha256sum" | cut -d' ' -f1
}
