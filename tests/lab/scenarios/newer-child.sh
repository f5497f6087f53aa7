# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# A child with Debian's newer kernel, once through everything: disk, network, streams, clock, pairs, backup, dynamic memory, shutdown.
# The other scenarios say more of each and run with this kernel too, one by one (README.md).
. /lab/functions.sh
. /lab/partitions.sh
. /lab/network.sh

address=10.99.0.2

# assigned -eq|-lt|... MIB
assigned() {
	[ "$(bhctl show new --json | sed -n 's/.*"assigned_bytes": *\([0-9]*\).*/\1/p' | head -n 1)" "$1" $(($2 << 20)) ]
}

ready() {
	bhctl show new | grep -q 'shutdown ready, heartbeat ready, timesync ready, kvp ready, vss ready'
}

# in_guest COMMAND: over a stream, not over the network.
in_guest() {
	bhctl exec new --timeout 60 -- sh -c "$1"
}

step start "a child with two VPs, another kernel than the root's, Debian's daemons"
run modprobe bulkhead
daemon_start
bridge_add br0 10.99.0.1/24
mkdir -p /run/web
dd if=/dev/urandom of=/run/web/payload bs=1M count=8 2>/dev/null
hash=$(sha256sum /run/web/payload | cut -d' ' -f1)
httpd -p 80 -h /run/web
cat /lab/child.cpio /lab/integration.cpio >/run/child.cpio
cat >/run/new.xml <<-XML
	<partition>
	  <name>new</name>
	  <memory unit="MiB">512</memory>
	  <currentMemory unit="MiB">384</currentMemory>
	  <dynamicMemory minimum="192" unit="MiB"/>
	  <vcpu>2</vcpu>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/run/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 memhp_default_state=online lab.balloon lab.daemons lab.ip=$address/24 lab.mib=8 lab.rounds=100000</cmdline>
	  </os>
	  <devices>
	    <disk type="file"><source file="/disks/one.img"/><target dev="sda"/></disk>
	    <interface type="bridge"><source bridge="br0"/></interface>
	    <console log="on"/>
	  </devices>
	</partition>
XML
run bhctl define /run/new.xml
run bhctl start new
eventually 40 "its disk is written and verified" said new 'guest-io: round 1 verified'
eventually 20 "its services are ready" ready
expect "its heart beats" sh -c "bhctl list | grep -qE '^new .* ok'"
eventually 20 "its stream service answers" in_guest true
expect "the kernel is the newer one" [ "$(in_guest 'uname -r')" = "$(lab_kernel_of /lab/vmlinuz)" ]
expect "not Debian 12's" not in_guest 'uname -r | grep -q "^6\.1\."'
expect "it uses two VPs" [ "$(in_guest nproc)" = 2 ]

step clock "its clock is the reference TSC page, its timers are synthetic ones"
source=/sys/devices/system/clocksource/clocksource0/current_clocksource
expect "the clock source" [ "$(in_guest "echo hyperv_clocksource_tsc_page >$source; cat $source")" = hyperv_clocksource_tsc_page ]
expect "one timer a VP" [ "$(in_guest 'grep -c "Clock Event Device: Hyper-V clockevent" /proc/timer_list')" = 2 ]
expect "both fire" in_guest "awk '/HVS:/ { exit !(\$2 > 20 && \$3 > 20) }' /proc/interrupts"

step network "pings, and 8 MiB each way with their hash"
eventually 20 "the child serves" said new 'child: serving'
run ping -q -c 3 -i 0.1 -W 3 "$address"
run in_child "$address" 'ping -q -c 3 -i 0.1 -W 3 10.99.0.1'
expect "the child has the root's file" [ "$(fetched_hash_in "$address" http://10.99.0.1/payload)" = "$hash" ]
run in_child "$address" 'wget -q -O /run/web/payload http://10.99.0.1/payload'
expect "the root has it from the child" [ "$(fetched_hash "http://$address/payload")" = "$hash" ]

step streams "16 MiB through a command, and its exit code"
expect "what the child wrote is what it read" \
	[ "$(cat /run/web/payload /run/web/payload | bhctl exec new --timeout 60 -- cat | sha256sum)" = "$(cat /run/web/payload /run/web/payload | sha256sum)" ]
refuse 7 '^said$' bhctl exec new -- sh -c 'echo said; exit 7'

step pairs "what it says of itself, and a pair"
bhctl guest-info new --json >/run/info
expect "its kernel" grep -q "\"OSBuildNumber\": \"$(lab_kernel_of /lab/vmlinuz)" /run/info
run bhctl kvp new set greeting hello
expect "the guest has it" in_guest "tr -d '\\0' </var/lib/hyperv/.kvp_pool_0 | grep -q greetinghello"

step backup "a copy of its disk, frozen for it while it writes"
rounds=$(said_count new 'guest-io: round')
run bhctl backup new --disk sda /disks/copy.img
eventually 20 "the guest goes on writing" said_more new 'guest-io: round' "$rounds"
check_disk new /disks/copy.img

step memory "memory taken, given back and added"
run bhctl set-memory new 384MiB
in_guest 'mount -o remount,size=400m /run; dd if=/dev/zero of=/run/fill bs=1M count=180 2>/dev/null; rm /run/fill'
touched=$(pinned_by new)
# Near what such a guest keeps for itself (compute_balloon_floor in hv_balloon.c): it may give that in pieces.
run bhctl set-memory new 256MiB
eventually 60 "256 MiB are assigned" assigned -eq 256
echo "pinned: $((touched >> 20)) MiB before, $(($(pinned_by new) >> 20)) MiB after"
expect "the root has at least 64 MiB back" [ $((touched - $(pinned_by new))) -ge $((64 << 20)) ]
run bhctl set-memory new 512MiB
eventually 60 "512 MiB are assigned, more than at the start" assigned -eq 512
expect "the guest can use them" in_guest 'dd if=/dev/zero of=/run/fill bs=1M count=180 2>/dev/null && rm /run/fill'

step shutdown "shut down by its component; its disk is clean and nothing is kept"
run bhctl shutdown new --timeout 60
check_disk new /disks/one.img
expect "no memory is kept" [ "$(memory_of_partitions)" = 0 ]
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
