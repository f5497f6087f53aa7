# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Streams between the root and a stock Linux child over hv_sock, both ways: data, half close, slow readers, refusals, and thousands of
# connections that leave nothing behind.
. /lab/functions.sh
. /lab/partitions.sh

# How many connections, half of them from each side: --append lab.connections=600 for a short run. A stock child on one emulated processor
# takes 4 to 6 ms for each, however many are in flight: it makes and removes a device.
connections=$(sed -n 's/.*lab\.connections=\([0-9]*\).*/\1/p' /proc/cmdline)
connections=${connections:-10000}
vsock=/run/bulkhead/streams/vsock
guest=guest:$vsock

# definition NAME VSOCK
definition() {
	cat >"/run/$1.xml" <<-XML
	<partition>
	  <name>$1</name>
	  <memory unit="MiB">192</memory>
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

# as UID:GID WORDS...: stream-peer here, as somebody else.
as() {
	lab_ids=$1
	shift
	stream-peer as "$lab_ids" "$@"
}

# worker_figure FIELD: of its memory, in KiB.
worker_figure() {
	awk -v key="$1:" '$1 == key { print $2 }' "/proc/$(worker_pid streams)/status"
}

worker_files() {
	ls "/proc/$(worker_pid streams)/fd" | wc -l
}

# guest_figure FIELD
guest_figure() {
	in_child figures | tr ' ' '\n' | sed -n "s/^$1=//p"
}

# No stream is left: the worker has as many descriptors as before the first.
settled() {
	[ "$(worker_files)" = "$files" ]
}

step start "a child with hv_sock; the host may reach ports 6000 and 6001, the guest ports 7000 to 7009"
run modprobe bulkhead
daemon_start
definition streams '<vsock group="lab" mode="660"><listen ports="7000-7009"/><connect ports="6000,6001"/></vsock>'
refuse 1 "no group 'lab'" bhctl start streams
definition streams '<vsock group="nogroup" mode="660"><listen ports="7000-7009"/><connect ports="6000,6001"/></vsock>'
run bhctl start streams
eventually 40 "the child serves" said streams 'stream-peer: serving'
files=$(worker_files)
for port in 7000 8000; do
	stream-peer serve "unix:$vsock/listen/$port" >>/run/out/server.log 2>&1 &
	eventually 5 "the root serves port $port" [ -S "$vsock/listen/$port" ]
done
expect "connect is the group's" [ "$(stat -c '%a %U %G' "$vsock/connect")" = "660 root nogroup" ]
expect "listen is the group's, and the worker passes" [ "$(stat -c '%a %U %G' "$vsock/listen")" = "771 root nogroup" ]
expect "the worker's root is that folder" [ "$(readlink "/proc/$(worker_pid streams)/root")" = "$vsock" ]

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
run stream-peer stall "$guest:6000" 4194304
run in_child stall vsock:7000 4194304

step refused "ports that nobody serves, such as the definition does not name, and a client without permission"
stream-peer refused "$guest:6001" >/run/out/absent.log 2>&1 &
absent=$!
in_child refused vsock:7001 >/run/out/absent-host.log 2>&1 &
absent_host=$!
run stream-peer refused "$guest:6002"
run in_child refused vsock:8000
run wait $absent_host
run wait $absent
run grep 'nobody in the guest listens on port 6001' /run/out/absent.log
run as 1000:1000 refused "$guest:6000"
run as 1000:65534 push "$guest:6000" 100

step churn "$connections connections, and nothing is left of them in the worker, its descriptors, the guest"
# Warm, so that what is allocated once is there.
run in_child churn vsock:7000 100 16
run stream-peer churn "$guest:6000" 100 16
eventually 20 "the worker has its $files descriptors" settled
memory=$(worker_figure RssAnon)
devices=$(guest_figure devices)
sockets=$(guest_figure sockets)
slab=$(guest_figure slab)
run in_child churn vsock:7000 $((connections / 2)) 16
run stream-peer churn "$guest:6000" $((connections / 2)) 16
eventually 20 "the worker has its $files descriptors again" settled
echo "worker: $memory KiB before, $(worker_figure RssAnon) KiB after; guest: unreclaimable slab $slab KiB before, $(guest_figure slab) KiB after"
expect "less than 384 KiB more in the worker" [ $(($(worker_figure RssAnon) - memory)) -lt 384 ]
expect "as many devices on the guest's VMBus" [ "$(guest_figure devices)" = "$devices" ]
expect "as many sockets in the guest" [ "$(guest_figure sockets)" = "$sockets" ]
expect "less than 2 MiB more slab in the guest" [ $(($(guest_figure slab) - slab)) -lt 2048 ]

step small "a guest of another make, both ways"
cat >/run/small.xml <<-XML
	<partition>
	  <name>small</name>
	  <memory unit="MiB">64</memory>
	  <os><kernel>/lab/conformance.elf</kernel><cmdline>test=streams serve=22</cmdline></os>
	  <devices><vsock group="nogroup" mode="660"><listen ports="7000"/><connect ports="6000"/></vsock></devices>
	</partition>
XML
small=/run/bulkhead/small/vsock
run bhctl define /run/small.xml
run bhctl start small
stream-peer serve "unix:$small/listen/7000" >>/run/out/server.log 2>&1 &
eventually 5 "the root serves port 7000" [ -S "$small/listen/7000" ]
eventually 10 "the guest is on the bus" said small 'streams: serving'
run stream-peer pull "guest:$small:6000" 1000000
run stream-peer pull "guest:$small:6000" 0
run stream-peer churn "guest:$small:6000" 20 1
eventually 20 "nothing was wrong, says the guest" said small 'GUEST-RESULT streams success'
eventually 5 "it is off" shown small off

step off "what the definition switches off is not there"
run bhctl turn-off streams
expect "no socket" [ ! -e "$vsock/connect" ]
definition streams '<vsock state="off"/>'
run bhctl start streams
eventually 40 "the child serves" said_more streams 'stream-peer: serving' 1
expect "no socket" [ ! -e "$vsock/connect" ]
run bhctl turn-off streams
expect "no memory is kept" [ "$(memory_of_partitions)" = 0 ]
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
