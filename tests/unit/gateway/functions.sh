# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For tests of the running gateway: a real daemon as in tests/unit/daemon, bulkhead-wsmand beside it, with users that every system has (their
# password is "secret-" and their name) and ports of its own. WSMAND, WSMAND_OPTIONS and WSMAN_LOAD name the programs.
. "${gateway_tests:-${0%/*}}/../daemon/functions.sh"

# below those that the kernel gives to clients
port=$((10000 + $$ % 11000 * 2))
wsmand_pid=

stop_all() {
	[ -n "$wsmand_pid" ] && kill -9 "$wsmand_pid" 2>/dev/null
	clean_up
}
trap stop_all EXIT

mkdir -p "$dir/pam"
cat >"$dir/pam/bulkhead" <<-END
	auth required pam_exec.so quiet expose_authtok $dir/check
	account required pam_permit.so
END
cat >"$dir/check" <<-'END'
	#!/bin/sh
	read -r password || true
	[ "$password" = "secret-$PAM_USER" ]
END
chmod 755 "$dir/check"

# configure [LINE...]: the settings, with more lines.
configure() {
	cat >"$dir/wsmand.conf" <<-END
		listen = 127.0.0.1:$port
		listen-plain = 127.0.0.1:$((port + 1))
		certificate = $dir/wsmand.crt
		key = $dir/wsmand.key
		pam-directory = $dir/pam
		daemon = $dir/run/bulkhead.sock
		audit-log = $dir/audit
		user = nobody
		administrators = root
		operators = bin
		readers = games
	END
	for line in "$@"; do
		echo "$line" >>"$dir/wsmand.conf"
	done
}

serving() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$((port + 1))/")" = 401 ]
}

wsmand_start() {
	# shellcheck disable=SC2086
	$LAUNCHER "$WSMAND" --config "$dir/wsmand.conf" $WSMAND_OPTIONS 2>>"$dir/wsmand.log" &
	wsmand_pid=$!
	eventually 20 serving
}

# By SIGTERM; a sanitizer's finding would be its exit status.
wsmand_stop() {
	kill "$wsmand_pid"
	wait "$wsmand_pid" || { tail -n 40 "$dir/wsmand.log"; fail "the gateway ended with status $?"; }
	wsmand_pid=
}

soap='http://www.w3.org/2003/05/soap-envelope'
addressing='http://schemas.xmlsoap.org/ws/2004/08/addressing'
enumeration='http://schemas.xmlsoap.org/ws/2004/09/enumeration'
wsman='http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd'
v2='http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2'

# envelope ACTION URI BODY [HEADERS]: into $dir/request.
envelope() {
	cat >"$dir/request" <<-END
		<s:Envelope xmlns:s="$soap" xmlns:a="$addressing" xmlns:n="$enumeration" xmlns:w="$wsman"><s:Header>
		<a:Action>$1</a:Action><a:MessageID>uuid:1</a:MessageID><w:ResourceURI>$2</w:ResourceURI>${4:-}</s:Header><s:Body>$3</s:Body></s:Envelope>
	END
}

# enumerate WQL [MORE]: all in one reply unless MORE says otherwise.
enumerate() {
	envelope "$enumeration/Enumerate" "$v2/*" "<n:Enumerate><w:Filter Dialect='http://schemas.microsoft.com/wbem/wsman/1/WQL'>$1</w:Filter>${2-<w:OptimizeEnumeration/><w:MaxElements>32000</w:MaxElements>}</n:Enumerate>"
}

pull() {
	envelope "$enumeration/Pull" "$v2/Msvm_ComputerSystem" "<n:Pull><n:EnumerationContext>$1</n:EnumerationContext></n:Pull>"
}

context() {
	sed -n 's,.*<n:EnumerationContext>\([^<]*\)</n:EnumerationContext>.*,\1,p' "$dir/reply"
}

# post STATUS USER [CURL OPTION...]: sends $dir/request; the reply is in $dir/reply. USER "-": no credentials.
post() {
	status=$1 user=$2
	shift 2
	if [ "$user" = - ]; then
		got=$(curl -s --max-time 20 --cacert "$dir/wsmand.crt" -o "$dir/reply" -w '%{http_code}' --data-binary "@$dir/request" "$@" "https://localhost:$port/wsman")
	else
		got=$(curl -s --max-time 20 --cacert "$dir/wsmand.crt" -u "$user:secret-${user%%:*}" -o "$dir/reply" -w '%{http_code}' \
			--data-binary "@$dir/request" "$@" "https://localhost:$port/wsman")
	fi
	[ "$got" = "$status" ] || { cat "$dir/reply" "$dir/wsmand.log"; fail "HTTP $got instead of $status for $user"; }
	checks=$((checks + 1))
}

says() {
	grep -q -- "$1" "$dir/reply" || { cat "$dir/reply"; fail "the reply does not say '$1'"; }
	checks=$((checks + 1))
}

audited() {
	grep -Eq -- "$1" "$dir/audit" || { cat "$dir/audit"; fail "the audit log does not say '$1'"; }
	checks=$((checks + 1))
}

# Somebody who does nothing wrong is served, and at once.
served() {
	enumerate "SELECT Name,ElementName FROM Msvm_ComputerSystem"
	post 200 root --max-time 5
	says "<p:ElementName>a</p:ElementName>"
}

rss_kib() {
	sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$wsmand_pid/status"
}
