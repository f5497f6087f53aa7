# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# bhctl's verbs against a real child, which gets its disks while it runs, and what is refused while one exists.
. /lab/functions.sh
. /lab/partitions.sh

# definition NAME MIB [ELEMENTS...]: an idle child.
definition() {
	cat >"/run/$1.xml" <<-XML
	<partition>
	  <name>$1</name>
	  <memory unit="MiB">$2</memory>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/lab/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 lab.mode=idle</cmdline>
	  </os>
	  ${3:-}
	</partition>
	XML
}

in_child() {
	bhctl exec idle -- sh -c "$1"
}

# has_disk LUN [SECTORS]: the child has a disk there, of that size.
has_disk() {
	in_child "s=\$(cat /sys/class/scsi_disk/*:0:0:$1/device/block/*/size) && [ \${s:-0} = ${2:-\$s} ]"
}

no_disk() {
	in_child "! ls /sys/class/scsi_disk/*:0:0:$1"
}

descriptors() {
	find "/proc/$(worker_pid idle)/fd" -mindepth 1 | wc -l
}

step define "definitions come, are shown and go"
run modprobe bulkhead
daemon_start
workers_on 1
definition idle 192
run bhctl define /run/idle.xml
run bhctl show idle
run bhctl list
expect "the XML is what was given" sh -c 'bhctl dump-xml idle | grep -q "<name>idle</name>"'
definition big 100000
run bhctl define /run/big.xml
refuse 1 'memory' bhctl start big
run bhctl undefine big
definition nokernel 128
sed -i 's,/lab/vmlinuz,/lab/missing,' /run/nokernel.xml
run bhctl define /run/nokernel.xml
refuse 1 '/lab/missing' bhctl start nokernel
run bhctl undefine nokernel
expect "nothing was kept" [ "$(memory_of_partitions)" = 0 ]

step start "start, and what is refused while it runs"
run bhctl start idle
expect "running" shown idle running
eventually 30 "the child is up" said idle 'child: idle'
expect "one thread runs it" alone idle
refuse 1 'running' bhctl start idle
refuse 1 'running' bhctl undefine idle
refuse 1 'in use' rmmod bulkhead
expect "no CPU hotplug" sh -c '! echo 0 >/sys/devices/system/cpu/cpu1/online'
expect "both CPUs are there" [ "$(nproc)" = 2 ]

step pause "a paused child stands still"
run bhctl pause idle
expect "paused" shown idle paused
used=$(awk '{ print $14 + $15 }' "/proc/$(worker_pid idle)/stat")
sleep "$lab_poll"
expect "its worker does not compute" [ "$(awk '{ print $14 + $15 }' "/proc/$(worker_pid idle)/stat")" -le $((used + 1)) ]
run bhctl resume idle
expect "running" shown idle running

step disks "a disk comes, goes under load, comes back with its data, grows"
truncate -s 64M /disks/hot.img
eventually 30 "commands run in it" bhctl exec idle -- true
expect "it has no disk" no_disk '*'
run bhctl attach-disk idle /disks/hot.img sdb
eventually 10 "the child finds it" has_disk 1 131072
# The file system leaves 16 MiB for a writer.
hash=$(in_child 'disk=/dev/$(ls /sys/class/scsi_disk/*:0:0:1/device/block) && mke2fs $disk 49152 >/dev/null && mount -t ext4 $disk /mnt &&
	dd if=/dev/urandom of=/mnt/data bs=1M count=16 2>/dev/null && sha256sum </mnt/data && umount /mnt')
echo "   data: $hash"
in_child 'disk=/dev/$(ls /sys/class/scsi_disk/*:0:0:1/device/block)
	for i in 1 2 3; do (while dd if=$disk of=/dev/null bs=64k iflag=direct; do :; done) >/dev/null 2>&1 & done
	(while dd if=/dev/zero of=$disk bs=64k seek=768 count=256 oflag=direct conv=notrunc; do :; done) >/dev/null 2>&1 & sleep 1'
descriptors=$(descriptors)
expect "it goes" sh -c 'bhctl detach-disk idle sdb | grep -qx "idle: disk sdb detached"'
eventually 10 "the child has lost it" no_disk 1
eventually 10 "and nobody reads or writes any more" in_child '! pidof dd'
expect "its file is let go of" [ "$(descriptors)" = $((descriptors - 1)) ]
expect "and not locked" sh -c '! grep -q ":$(stat -c %i /disks/hot.img) " /proc/locks'
for target in sdb sdb sdc; do
	run bhctl attach-disk idle /disks/hot.img $target
	eventually 10 "it comes" has_disk "$([ $target = sdb ] && echo 1 || echo 2)"
	run bhctl detach-disk idle $target
done
eventually 10 "nothing is left of them" no_disk '*'
expect "nor of their descriptors" [ "$(descriptors)" = $((descriptors - 1)) ]
run bhctl attach-disk idle /disks/hot.img 1:5
eventually 10 "on another controller" has_disk 5
expect "its data are there" [ "$(in_child 'mount -t ext4 /dev/$(ls /sys/class/scsi_disk/*:0:0:5/device/block) /mnt && sha256sum </mnt/data && umount /mnt')" = "$hash" ]
expect "its cache can be turned off" in_child 'cd /sys/class/scsi_disk/*:0:0:5 && echo write through >cache_type && grep -qx "write through" cache_type'
run bhctl resize-disk idle 1:5 128MiB
eventually 10 "the child knows the new size" has_disk 5 262144
expect "and its end can be written" in_child 'dd if=/dev/urandom of=/dev/$(ls /sys/class/scsi_disk/*:0:0:5/device/block) bs=1M seek=127 count=1 oflag=direct'
refuse 1 'cannot be made smaller' bhctl resize-disk idle 1:5 64MiB
truncate -s 16M /disks/other.img
run bhctl attach-disk idle /disks/other.img sdb
eventually 10 "another one comes" has_disk 1
run bhctl pause idle
expect "a paused child hears of nothing" sh -c 'bhctl detach-disk idle sdb | grep -q "disk sdb detached; the guest has not taken note yet"'
refuse 1 'has not taken note that the disk that was there is gone; use another target' bhctl attach-disk idle /disks/other.img sdb
run bhctl resume idle
eventually 10 "when it has, there is room again" bhctl attach-disk idle /disks/other.img sdb
eventually 10 "and it comes" has_disk 1
run bhctl detach-disk idle sdb
losetup /dev/loop7 /disks/other.img
run bhctl attach-disk idle /dev/loop7 sdb
run bhctl detach-disk idle sdb
expect "a block device is free for the next at once" bhctl attach-disk idle /dev/loop7 sdb
eventually 10 "which comes" has_disk 1 32768
truncate -s 32M /disks/other.img
losetup -c /dev/loop7
run bhctl resize-disk idle sdb
eventually 10 "and has grown by other means" has_disk 1 65536
run bhctl detach-disk idle sdb
expect "the child's kernel is sound" in_child '! dmesg | grep -E "BUG:|WARNING: CPU|Oops|Call Trace"'
run bhctl show idle

step reset "a reset boots it again, with the same worker"
worker=$(worker_pid idle)
starts=$(said_count idle 'child: init runs')
reads=$(bhctl show idle | awk '$1 == "1:5" { print $4 }')
run bhctl reset idle
eventually 30 "it boots again" said_more idle 'child: init runs' "$starts"
expect "the same worker" [ "$(worker_pid idle)" = "$worker" ]
eventually 30 "and reads the disk that it was given" sh -c '[ "$(bhctl show idle | awk "\$1 == \"1:5\" { print \$4 }")" -gt '"$reads ]"

step off "turn off, and all of it is gone"
run bhctl turn-off idle
expect "off" shown idle off
expect "no memory is kept" [ "$(memory_of_partitions)" = 0 ]
run bhctl undefine idle
expect "not listed" sh -c '! bhctl list | grep -q idle'
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
