#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/daemon/functions.sh
# bhctl exec as a person or a script uses it, against the daemon; the guest is this machine, GUEST_END plays the way to it.
. "${0%/*}/../daemon/functions.sh"
guest_pid=
trap 'kill $guest_pid 2>/dev/null; clean_up' EXIT
daemon_start

guest_start() {
	mkdir -p "$dir/run/a/vsock"
	"$GUEST_END" "$dir/run/a/vsock/connect" "$@" 2>>"$dir/guest.log" &
	guest_pid=$!
	eventually 5 [ -S "$dir/run/a/vsock/connect" ]
}

guest_stop() {
	kill "$guest_pid"
	wait "$guest_pid" 2>/dev/null
	guest_pid=
	rm -rf "$dir/run/a/vsock"
}

# The test puts a stand-in where the worker would answer.
partition a "" "" "<vsock state='off'/>"
refuse 2 "usage: bhctl exec" "$BHCTL" exec a
refuse 2 "env NOTHING: not KEY=VALUE" "$BHCTL" exec a --env NOTHING -- true
refuse 125 "^bhctl: nobody: no such partition" "$BHCTL" exec nobody -- true
refuse 125 "^bhctl: a: is not running" "$BHCTL" exec a -- true
refuse 125 "is bulkheadd running" "$BHCTL" --socket "$dir/none.sock" exec a -- true
expect "started" "$BHCTL" start a
refuse 125 "^bhctl: a: has no stream sockets, .*<vsock state=" "$BHCTL" exec a -- true

guest_start "nobody in the guest listens on port 5000"
refuse 125 "^bhctl: a: nobody in the guest listens on port 5000; install the package bulkhead-guest" "$BHCTL" exec a -- true
guest_stop

guest_start "too many connections"
refuse 125 "^bhctl: a: too many connections\$" "$BHCTL" exec a -- true
guest_stop

guest_start
expect "it ends well" "$BHCTL" exec a -- true
refuse 3 "^out" "$BHCTL" exec a -- sh -c 'echo out; exit 3'
refuse 137 "^out" "$BHCTL" exec a -- sh -c 'echo out; kill -9 $$'
refuse 127 "^bhctl: a: /no/program: command not found" "$BHCTL" exec a -- /no/program
refuse 126 "^bhctl: a: /etc/passwd: Permission denied" "$BHCTL" exec a -- /etc/passwd
refuse 125 "no user 'no-such-user'" "$BHCTL" exec a --user no-such-user -- true
refuse 124 "has not ended within 1 s and is killed" "$BHCTL" exec a --timeout 1 -- sleep 1000
expect "options behind -- are the command's" sh -c "'$BHCTL' exec a -- printf '%s,' --env -t --help | grep -qxF -e '--env,-t,--help,'"
expect "variables" sh -c "'$BHCTL' exec a --env A=1 --env B=2 -- sh -c 'echo \$A\$B' | grep -qx 12"
expect "errors are apart" sh -c "'$BHCTL' exec a -- sh -c 'echo no >&2; echo yes' 2>/dev/null | grep -qx yes"
expect "a pipeline, both ways" sh -c "head -c 3000000 /dev/urandom >'$dir/data'; '$BHCTL' exec a -- cat <'$dir/data' | cmp - '$dir/data'"
expect "a reader that has enough" sh -c "'$BHCTL' exec a -- yes | head -n 1 | grep -qx y"
expect "without an input" sh -c "'$BHCTL' exec a -- wc -c <&- | grep -qx 0"
expect "a terminal of the kind asked for" sh -c "TERM=vt52 '$BHCTL' exec a -t -- sh -c 'echo \$TERM; tty' | tr -d '\r' | tr '\n' ' ' | grep -q '^vt52 /dev/pts/'"
refuse 9 "shell is -" sh -c "echo 'echo shell is \$0; exit 9' | '$BHCTL' login a"
for i in $(seq 50); do
	"$BHCTL" exec a -- sh -c "echo $i; exit $i" >"$dir/out-$i" &
	eval "pid_$i=\$!"
done
for i in $(seq 50); do
	eval "wait \$pid_$i"
	[ $? = "$i" ] && [ "$(cat "$dir/out-$i")" = "$i" ] || fail "the command $i of 50 at once"
done

"$BHCTL" exec a -- sleep 999 2>"$dir/lost" &
client=$!
eventually 5 grep -q "sleep 999" "$dir/guest.log"
pkill -KILL -P "$guest_pid"
wait "$client"
expect "a connection that is lost is 125" [ $? = 125 ]
expect "and says where the partition stands" grep -q '^bhctl: a: the connection to the guest ended before the command: .*; the partition is running' "$dir/lost"
guest_stop
expect "off" "$BHCTL" turn-off a

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	expect "started" "$BHCTL" start a
	cp "$BHCTL" "$dir/bhctl"
	refuse 125 "^bhctl: a: permission denied" setpriv --reuid 65534 --regid 65534 --clear-groups "$dir/bhctl" exec a -- true
	expect "off" "$BHCTL" turn-off a
fi
daemon_stop
echo "$checks checks passed"
