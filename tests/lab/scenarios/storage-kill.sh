# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# A worker killed at any instant of its child's disk I/O loses nothing that was acknowledged, and its neighbour notices nothing. Where the
# definition says so another worker goes on with the child, which notices nothing either: not its disk, not its network.
. /lab/functions.sh
. /lab/partitions.sh
. /lab/network.sh

# definition NAME DEVICES [ELEMENT [WORDS]]: words for its command line.
definition() {
	cat >"/run/$1.xml" <<-XML
	<partition>
	  <name>$1</name>
	  <memory unit="MiB">192</memory>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/lab/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 lab.mib=8 lab.seed=$$ lab.rounds=100000 ${4:-}</cmdline>
	  </os>
	  <devices>
	    $2
	    <console log="on"/>
	  </devices>
	  ${3:-}
	</partition>
	XML
	bhctl define "/run/$1.xml" || fail "cannot define $1"
}

step start "two children write and verify"
run modprobe bulkhead
daemon_start
definition victim '<disk type="file"><source file="/disks/one.img"/><target dev="sda"/></disk>'
bridge_add br0 10.99.0.1/24
definition neighbour '<disk type="file"><source file="/disks/three.img"/><target dev="sda"/></disk>
	<interface type="bridge"><source bridge="br0"/></interface>' \
	'<on_worker_failure limit="20" within="600">replace</on_worker_failure>' lab.ip=10.99.0.11/24
run bhctl start neighbour
run bhctl start victim
for name in victim neighbour; do
	eventually 40 "$name has written" said "$name" 'guest-io: round 1 verified'
done

step kill "the victim's worker is killed three times, each time elsewhere in its I/O"
for delay in 0.0 0.1 0.4; do
	sleep "$delay"
	run kill -9 "$(worker_pid victim)"
	eventually 5 "failed" shown victim failed
	seen=$(said_count victim 'guest-io: old data verified')
	rounds=$(said_count victim 'guest-io: round')
	run bhctl start victim
	eventually 40 "what was acknowledged is there" said_more victim 'guest-io: old data verified' "$seen"
	eventually 40 "and it goes on" said_more victim 'guest-io: round' "$rounds"
done
expect "the victim's file system is sound" not said victim 'EXT4-fs error|FAILED'
expect "the neighbour's too" not said neighbour 'EXT4-fs error|FAILED'
rounds=$(said_count neighbour 'guest-io: round')
eventually 20 "the neighbour goes on" said_more neighbour 'guest-io: round' "$rounds"

# replaced NAME COUNT: its worker was, so often, and it is running.
replaced() {
	shown "$1" running && bhctl show "$1" | grep -qE "^workers replaced +$2\$"
}

# killed NAME: its worker, which is not the one that was killed last.
killed() {
	lab_pid=$(worker_pid "$1")
	[ -n "$lab_pid" ] && [ "$lab_pid" != "${lab_last_pid:-}" ] && kill -9 "$lab_pid" && lab_last_pid=$lab_pid
}

# in_child COMMAND...: what the neighbour says to it.
in_child() {
	bhctl exec neighbour -- "$@"
}

child_sound() {
	in_child dmesg >/run/dmesg || return
	! grep -E 'BUG:|WARNING: CPU|Oops|stall|Call Trace|blocked for more|I/O error|EXT4-fs (error|warning)|rescind|ransaction|rndis|NETDEV WATCHDOG' /run/dmesg
}

step replace "the neighbour's worker is killed at random instants, and the child goes on"
boot=$(in_child cat /proc/sys/kernel/random/boot_id)
hash=$(in_child sh -c 'dd if=/dev/urandom bs=1M count=6 2>/dev/null | tee /run/web/payload | sha256sum' | cut -d' ' -f1)
# One transfer after the other, all the while.
{
	while [ ! -e /run/enough ] && [ "$(fetched_hash http://10.99.0.11/payload)" = "$hash" ]; do
		echo right >>/run/fetched
	done
	[ -e /run/enough ] && touch /run/all-right
} &
for count in 1 2 3 4 5 6 7 8; do
	# The second half's workers have no thread for the VP.
	[ "$count" != 5 ] || workers_on 1
	sleep "0.$(od -An -N1 -tu1 /dev/urandom | tr -d ' ')"
	eventually 10 "killed" killed neighbour
	# Sometimes at once, so that the next one is hit while it begins.
	[ $((count % 3)) = 0 ] || eventually 10 "replaced $count times" replaced neighbour "$count"
done
eventually 10 "replaced 8 times" replaced neighbour 8
rounds=$(said_count neighbour 'guest-io: round')
eventually 20 "it goes on" said_more neighbour 'guest-io: round' "$rounds"
touch /run/enough
eventually 20 "each connection has brought all of its data" [ -e /run/all-right ]
echo "transfers: $(wc -l </run/fetched)"
run bhctl replace-worker neighbour
expect "one thread ran it at last" alone neighbour
expect "the network works" ping -q -c 2 -i 0.1 -W 3 10.99.0.11
expect "the child is the same" [ "$(in_child cat /proc/sys/kernel/random/boot_id)" = "$boot" ]
expect "its kernel has nothing to say" child_sound
expect "events say why" sh -c "bhctl events | grep -q 'worker replaced.*SIGKILL'"
refuse 1 'on_worker_failure' bhctl replace-worker victim
expect "its data are right" not said neighbour 'FAILED'

step disks "shut both down; the disks are clean and hold what was written"
for name in victim neighbour; do
	run bhctl shutdown "$name"
	expect "off" shown "$name" off
done
check_disk victim /disks/one.img
check_disk neighbour /disks/three.img
expect "no memory is kept" [ "$(memory_of_partitions)" = 0 ]

step both "worker killed while the child boots; then worker and daemon at once: nobody holds the child any more"
run bhctl start neighbour
seen=$(said_count neighbour 'guest-io: round')
for delay in 0.2 0.3 0.4; do
	sleep "$delay"
	eventually 10 "killed" killed neighbour
done
eventually 40 "it has booted and works" said_more neighbour 'guest-io: round' "$seen"
worker=$(worker_pid neighbour)
kill -9 "$daemon_pid" "$worker"
wait "$daemon_pid"
daemon_start
expect "failed" shown neighbour failed
expect "no memory is kept" [ "$(memory_of_partitions)" = 0 ]
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
