# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# bhctl's verbs against a real child without disks, and what is refused while one exists.
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

step define "definitions come, are shown and go"
run modprobe bulkhead
daemon_start
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

step reset "a reset boots it again, with the same worker"
worker=$(worker_pid idle)
starts=$(said_count idle 'child: init runs')
run bhctl reset idle
eventually 30 "it boots again" said_more idle 'child: init runs' "$starts"
expect "the same worker" [ "$(worker_pid idle)" = "$worker" ]

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
