# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Streams between the root and a stock Linux child over hv_sock, both ways: data, half close, slow readers, refusals, and thousands of
# connections that leave nothing behind.
. /lab/functions.sh
. /lab/partitions.sh

# definition NAME VSOCK
definition() {
	cat >"/run/$1.xml" <<-XML
	<partition>
	  <name>$1</name>
	  <memory unit="MiB">192</memory>
	  <vcpu>1</vcpu>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/lab/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 lab.mode=streams</cmdline>
	  </os>
	  <devices>$2</devices>
	</partition>
	XML
	bhctl define "/run/$1.xml" || fail "cannot define $1"
}

# in_child WORDS...: stream-peer there.
in_child() {
	stream-peer run "$guest:6000" "$@"
}

vsock=/run/bulkhead/streams/vsock
guest=guest:$vsock
churn=200

step start "a child with hv_sock; the host may reach port 6000, the guest ports 7000 to 7009"
run modprobe bulkhead
daemon_start
definition streams '<vsock group="root" mode="600"><listen ports="7000-7009"/><connect ports="6000,6001"/></vsock>'
run bhctl start streams
eventually 40 "the child serves" said streams 'stream-peer: serving'
stream-peer serve "unix:$vsock/listen/7000" >/run/out/server.log 2>&1 &
server=$!
stream-peer serve "unix:$vsock/listen/8000" >>/run/out/server.log 2>&1 &
forbidden=$!
eventually 5 "the root serves" [ -S "$vsock/listen/8000" ]
run stat -c '%A %U %G %n' "$vsock/connect" "$vsock/listen"

step host "the host connects: 16 MiB each way, the hash compared, either end closing its half first"
run stream-peer push "$guest:6000" 16777216
run stream-peer pull "$guest:6000" 16777216
run stream-peer push "$guest:6000" 0
run stream-peer pull "$guest:6000" 1

step guest "the guest connects: the same"
run in_child push vsock:7000 16777216
run in_child pull vsock:7000 16777216
run in_child push vsock:7000 1

step flow "a reader that does not read stops the writer; nothing is lost when it goes on"
run stream-peer stall "$guest:6000" 8388608
run in_child stall vsock:7000 8388608

step refused "ports that nobody serves, and such as the definition does not name"
stream-peer refused "$guest:6001" >/run/out/absent.log 2>&1 &
absent=$!
run stream-peer refused "$guest:6002"
run in_child refused vsock:7001
run in_child refused vsock:8000
run wait "$absent"
run grep 'nobody in the guest listens on port 6001' /run/out/absent.log

step churn "$churn connections from each side"
run in_child churn vsock:7000 "$churn" 32
run stream-peer churn "$guest:6000" "$churn" 32
done_all
