# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# A worker killed at any instant of its child's disk I/O loses nothing that was acknowledged, and its neighbour notices nothing.
. /lab/functions.sh
. /lab/partitions.sh

# definition NAME DISK ROUNDS
definition() {
	cat >"/run/$1.xml" <<-XML
	<partition>
	  <name>$1</name>
	  <memory unit="MiB">192</memory>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/lab/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 lab.mib=8 lab.seed=$$ lab.rounds=100000</cmdline>
	  </os>
	  <devices>
	    $2
	    <console log="on"/>
	  </devices>
	</partition>
	XML
	bhctl define "/run/$1.xml" || fail "cannot define $1"
}

step start "two children write and verify"
run modprobe bulkhead
daemon_start
definition victim '<disk type="file"><source file="/disks/one.img"/><target dev="sda"/></disk>'
definition neighbour '<disk type="file"><source file="/disks/three.img"/><target dev="sda"/></disk>'
run bhctl start neighbour
run bhctl start victim
for name in victim neighbour; do
	eventually 40 "$name has written" said "$name" 'guest-io: round 1 verified'
done

step kill "the victim's worker is killed four times, each time elsewhere in its I/O"
for delay in 0.0 0.1 0.25 0.5; do
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

step disks "shut both down; the disks are clean and hold what was written"
for name in victim neighbour; do
	run bhctl shutdown "$name"
	expect "off" shown "$name" off
done
check_disk victim /disks/one.img
check_disk neighbour /disks/three.img
expect "no memory is kept" [ "$(memory_of_partitions)" = 0 ]
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
