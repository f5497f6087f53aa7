#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/gateway/functions.sh
# What must not happen to bulkhead-wsmand: each abuse is refused, is in the log, and everybody else is served meanwhile.
. "${0%/*}/functions.sh"

configure
sed 's/^listen = .*/lisen = x/' "$dir/wsmand.conf" >"$dir/wrong.conf"
refuse 1 "^bulkhead-wsmand: $dir/wrong.conf:1: 'lisen': unknown setting; did you mean 'listen'" "$WSMAND" --config "$dir/wrong.conf"
echo "listen-plain = 0.0.0.0:5985" >"$dir/wrong.conf"
refuse 1 "wrong.conf:1: .*unencrypted" "$WSMAND" --config "$dir/wrong.conf" check
refuse 1 "make-certificate' makes a self-signed pair" "$WSMAND" --config "$dir/wsmand.conf" check
expect "a pair for this host" "$WSMAND" --config "$dir/wsmand.conf" make-certificate
refuse 1 "File exists; remove it first" "$WSMAND" --config "$dir/wsmand.conf" make-certificate
expect "the key is nobody else's" [ "$(stat -c %a "$dir/wsmand.key")" = 600 ]
expect "checked" "$WSMAND" --config "$dir/wsmand.conf" check
refuse 2 "unexpected argument" "$WSMAND" --config "$dir/wsmand.conf" chek

# An authority for clients, with one that has expired, and a foreign one.
cat >"$dir/ca.conf" <<-END
	[ca]
	default_ca = d
	[d]
	database = $dir/ca.db
	serial = $dir/ca.serial
	new_certs_dir = $dir
	default_md = sha256
	policy = p
	[p]
	commonName = supplied
END
: >"$dir/ca.db"
echo 01 >"$dir/ca.serial"
for name in ca foreign; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" -days 30 -keyout "$dir/$name.key" -out "$dir/$name.crt" 2>"$dir/openssl.log" || fail "openssl: $(cat "$dir/openssl.log")"
done
# client NAME AUTHORITY [OPTION...]
client() {
	client=$1 authority=$2
	shift 2
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$client" -keyout "$dir/$client.key" -out "$dir/$client.csr" 2>"$dir/openssl.log" &&
		openssl ca -batch -notext -config "$dir/ca.conf" -cert "$dir/$authority.crt" -keyfile "$dir/$authority.key" -in "$dir/$client.csr" \
			-out "$dir/$client.crt" "$@" 2>>"$dir/openssl.log" || fail "openssl: $(cat "$dir/openssl.log")"
}
client anna ca -days 2
client carl ca -days 2
client late ca -startdate 20200101000000Z -enddate 20200201000000Z
client fake foreign -days 2

configure "client-ca = $dir/ca.crt" "client-user = CN=anna games" "client-user = CN=late root" "client-user = CN=fake root" \
	"max-connections = 40" "request-timeout = 1" "handshake-timeout = 1" "context-timeout = 2" "max-contexts = 5" "max-body = 100000"
daemon_start --group nogroup
partition a ""
wsmand_start
served

if [ "$(id -u)" = 0 ] && [ -z "$WSMAND_OPTIONS" ]; then
	expect "unprivileged" grep -q '^CapEff:.0000000000000000$' "/proc/$wsmand_pid/status"
	expect "in the daemon's folder" [ "$(readlink "/proc/$wsmand_pid/root")" = "$dir/run" ]
	expect "behind a filter" grep -q '^Seccomp:.2$' "/proc/$wsmand_pid/status"
fi

# Who is it?
enumerate "SELECT * FROM Msvm_ComputerSystem"
post 401 -
expect "challenged" sh -c "curl -sD - -o /dev/null -X POST 'http://127.0.0.1:$((port + 1))/wsman' | grep -qi '^WWW-Authenticate: Basic'"
expect "on the same connection" sh -c "curl -sv --anyauth -u root:secret-root --data-binary '@$dir/request' 'http://127.0.0.1:$((port + 1))/wsman' 2>&1 | grep -q 'Re-using existing connection'"
post 401 root:wrong -u root:wrong
audited 'refused user="root" .*action="HTTP" target="/wsman"'
: >"$dir/request"
post 200 root
enumerate "SELECT * FROM Msvm_ComputerSystem"
post 400 daemon
says "w:AccessDenied"
audited 'refused user="daemon"'
envelope "$v2/Msvm_ComputerSystem/RequestStateChange" "$v2/Msvm_ComputerSystem" \
	"<p:RequestStateChange_INPUT xmlns:p='$v2/Msvm_ComputerSystem'><p:RequestedState>2</p:RequestedState></p:RequestStateChange_INPUT>" \
	"<w:SelectorSet><w:Selector Name='CreationClassName'>Msvm_ComputerSystem</w:Selector><w:Selector Name='Name'>$(field a uuid)</w:Selector></w:SelectorSet>"
post 400 games
says "w:AccessDenied"
audited 'refused user="games" .*action="RequestStateChange"'
expect "still off" shown a " off "

# Certificates
served_with() {
	enumerate "SELECT Name FROM Msvm_ComputerSystem"
	post "$1" - --cert "$dir/$2.crt" --key "$dir/$2.key"
}
served_with 200 anna
served_with 401 carl
audited 'refused .*action="certificate" target="CN=carl'
for name in late fake; do
	curl -s --cacert "$dir/wsmand.crt" --cert "$dir/$name.crt" --key "$dir/$name.key" --data-binary "@$dir/request" "https://localhost:$port/wsman" >"$dir/reply" &&
		fail "the certificate of $name is accepted"
	served
done
audited 'refused .*action="handshake" .*certificate verify failed|refused .*action="handshake" .*expired'
for version in 1.0 1.1; do
	curl -s --ciphers DEFAULT@SECLEVEL=0 --tls-max $version --tlsv$version --cacert "$dir/wsmand.crt" "https://localhost:$port/wsman" >"$dir/reply" && fail "TLS $version is spoken"
done
expect "TLS 1.2" curl -s --tls-max 1.2 -o /dev/null --cacert "$dir/wsmand.crt" "https://localhost:$port/wsman"

# Contexts: replayed, another user's, expired, too many
enumerate "SELECT * FROM Msvm_ComputerSystem" ""
post 200 root
stolen=$(context)
pull "$stolen"
post 500 games
says "n:InvalidEnumerationContext"
audited 'refused user="games" .*target="uuid:.*belongs to another user'
post 200 root
while [ -n "$(context)" ]; do
	post 200 root
done
post 500 root
says "n:InvalidEnumerationContext"
enumerate "SELECT * FROM Msvm_ComputerSystem" ""
for _ in 1 2 3 4 5; do
	post 200 bin
done
post 400 bin
says "w:QuotaLimit"
served
pull "$(sed -n 's/.*\(uuid:0\).*/\1/p' "$dir/reply")"
free_again() {
	enumerate "SELECT * FROM Msvm_ComputerSystem" ""
	[ "$(curl -s --cacert "$dir/wsmand.crt" -u bin:secret-bin -o "$dir/reply" -w '%{http_code}' --data-binary "@$dir/request" "https://localhost:$port/wsman")" = 200 ]
}
eventually 10 free_again

# XML
cat >"$dir/request" <<-'END'
	<!DOCTYPE s [<!ENTITY a "aaaaaaaaaaaaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
	<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>&c;&c;&c;&c;&c;&c;</s:Body></s:Envelope>
END
post 400 root
says "document type declarations are not allowed"
printf '<!DOCTYPE s SYSTEM "file:///etc/shadow"><s/>' >"$dir/request"
post 400 root
awk 'BEGIN { for (i = 0; i < 30000; i++) printf "<a>" }' >"$dir/request"
post 400 root
says "nested too deeply"
head -c 200000 /dev/zero | tr '\0' 'a' >"$dir/request"
# The answer must not be lost because the client is still sending.
for _ in 1 2 3 4 5 6 7 8 9 10; do
	post 413 root -H 'Expect:'
done
served

# HTTP: floods of headers, half requests, slow bodies, no HTTP at all; more connections than there is room for
awk 'BEGIN { printf "POST /wsman HTTP/1.1\r\n"; for (i = 0; i < 3000; i++) printf "X-Flood-%d: y\r\n", i }' >"$dir/flood"
printf 'POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Le' >"$dir/half"
printf 'POST /wsman HTTP/1.1\r\nHost: x\r\nAuthorization: Basic cm9vdDpzZWNyZXQtcm9vdA==\r\nContent-Length: 1000\r\n\r\n<s' >"$dir/slow"
printf '\026\003\001\002\000\001\000\001\374\003\003garbage' >"$dir/garbage"
printf 'x' >"$dir/byte"
for kind in flood half slow garbage byte; do
	mkfifo "$dir/$kind.in"
	"$WSMAN_LOAD" --hold 100 $((port + 1)) "$dir/$kind" <"$dir/$kind.in" >"$dir/$kind.out" &
	holder=$!
	exec 5>"$dir/$kind.in"
	eventually 10 grep -q held "$dir/$kind.out"
	served
	expect "there is a bound" [ "$(ls "/proc/$wsmand_pid/fd" | wc -l)" -lt 80 ]
	echo 15 >&5
	exec 5>&-
	wait "$holder"
	expect "$kind: all are closed in time" grep -qx 'closed 100' "$dir/$kind.out"
done
audited 'refused user="root" .*"took too long"'
awk 'BEGIN { while (i++ < 200) printf "garbage%d", i }' >"$dir/garbage"
"$WSMAN_LOAD" --hold 20 "$port" "$dir/garbage" </dev/null >/dev/null
served

# Wrong passwords from one address do not shut others out, nor those whose password is known.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
	curl -s --interface 127.0.0.2 -u root:guess -d x "http://127.0.0.1:$((port + 1))/wsman"
done
audited 'address="127.0.0.2:.*too many wrong passwords'
served

# The daemon goes and comes; the gateway finds it from within its sandbox.
daemon_stop
enumerate "SELECT * FROM Msvm_ComputerSystem"
unavailable() {
	[ "$(curl -s --cacert "$dir/wsmand.crt" -u root:secret-root -o "$dir/reply" -w '%{http_code}' --data-binary "@$dir/request" "https://localhost:$port/wsman")" = "$1" ]
}
eventually 10 unavailable 500
says "a:EndpointUnavailable"
daemon_start --group nogroup
eventually 10 unavailable 200
served

# A subscription hears of what is done to a partition, by whomever.
envelope "http://schemas.xmlsoap.org/ws/2004/08/eventing/Subscribe" "$v2/*" "<e:Subscribe xmlns:e='http://schemas.xmlsoap.org/ws/2004/08/eventing'><e:Delivery
	Mode='http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull'/><w:Filter Dialect='http://schemas.microsoft.com/wbem/wsman/1/WQL'>SELECT * FROM
	__InstanceModificationEvent WITHIN 1 WHERE TargetInstance ISA 'Msvm_ComputerSystem'</w:Filter></e:Subscribe>"
post 200 games
subscription=$(context)

# A method through to the daemon, and a worker that does not answer holds up nobody who reads.
envelope "$v2/Msvm_ComputerSystem/RequestStateChange" "$v2/Msvm_ComputerSystem" \
	"<p:RequestStateChange_INPUT xmlns:p='$v2/Msvm_ComputerSystem'><p:RequestedState>2</p:RequestedState></p:RequestStateChange_INPUT>" \
	"<w:SelectorSet><w:Selector Name='CreationClassName'>Msvm_ComputerSystem</w:Selector><w:Selector Name='Name'>$(field a uuid)</w:Selector></w:SelectorSet>"
post 200 bin
says "<p:ReturnValue>\(0\|4096\)</p:ReturnValue>"
eventually 10 shown a " running "
audited '(done|asked) user="bin" .*action="RequestStateChange" target="Msvm_ComputerSystem.Name='
pull "$subscription"
post 200 games
says "TargetInstance"
says "<[a-z]*:ElementName>a</"
# A new certificate by SIGHUP, for connections that come; a pair that does not fit changes nothing
shown_certificate() {
	openssl s_client -connect "localhost:$port" </dev/null 2>/dev/null | openssl x509 -noout -fingerprint
}
file_certificate() {
	openssl x509 -noout -fingerprint -in "$dir/wsmand.crt"
}
same_certificate() {
	[ "$(shown_certificate)" = "$(file_certificate)" ]
}
expect "the first certificate" same_certificate
mv "$dir/wsmand.crt" "$dir/first.crt"
mv "$dir/wsmand.key" "$dir/first.key"
expect "another" "$WSMAND" --config "$dir/wsmand.conf" make-certificate
cp "$dir/wsmand.key" "$dir/second.key"
cp "$dir/first.key" "$dir/wsmand.key"
kill -HUP "$wsmand_pid"
eventually 5 grep -q 'certificate stays as it was' "$dir/wsmand.log"
expect "a key of another certificate is not taken" [ "$(shown_certificate)" = "$(openssl x509 -noout -fingerprint -in "$dir/first.crt")" ]
cp "$dir/second.key" "$dir/wsmand.key"
kill -HUP "$wsmand_pid"
eventually 5 same_certificate
served
mv "$dir/wsmand.key" "$dir/no.key"
kill -HUP "$wsmand_pid"
eventually 5 grep -q 'wsmand.key: No such file' "$dir/wsmand.log"
served
expect "clients' certificates as before" [ "$(curl -s --max-time 5 --cacert "$dir/wsmand.crt" --cert "$dir/anna.crt" --key "$dir/anna.key" "https://localhost:$port/metrics" |
	tail -n 1)" = "# EOF" ]

worker=$(worker_of a)
kill -STOP "$worker"
served
enumerate "SELECT * FROM Msvm_SummaryInformation"
post 200 root --max-time 2
expect "metrics too" sh -c "curl -s --max-time 2 -u games:secret-games 'http://127.0.0.1:$((port + 1))/metrics' | tee '$dir/metrics' | tail -n 1 | grep -qx '# EOF'"
expect "with partitions" grep -q '^bulkhead_partition_enabled_state{partition="a"} ' "$dir/metrics"
kill -CONT "$worker"
wsmand_stop
daemon_stop
echo "$checks checks passed"
