# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The life of a stock child with two processors: its clock, a VP that goes and comes, kexec, a panic with a dump, reboot, a panic
# without. Each start finds the VMBus afresh and its data on the disk. What runs in the child is child/lifecycle, from its disk.
. /lab/functions.sh
. /lab/partitions.sh

# prepare_disk: what the child needs for kexec, and its script.
prepare_disk() {
	mkdir -p /mnt/disk
	mount -o loop /disks/one.img /mnt/disk || fail "cannot mount one.img"
	cp lifecycle /mnt/disk/script
	cp /lab/vmlinuz /lab/child.cpio /mnt/disk/
	umount /mnt/disk
}

# definition NAME MIB VPS CMDLINE ELEMENTS
definition() {
	cat >"/run/$1.xml" <<-XML
	<partition>
	  <name>$1</name>
	  <memory unit="MiB">$2</memory>
	  <vcpu>$3</vcpu>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/lab/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet $4</cmdline>
	  </os>
	  $5
	</partition>
	XML
	run bhctl define "/run/$1.xml"
}

# stage NAME SECONDS WORDS PATTERN: the child says it, and has found nothing wrong.
stage() {
	eventually "$2" "$3" said "$1" "$4|life: FAILED|guest-io: FAILED"
	grep -E 'life: |FAILED' "/var/log/bulkhead/$1-console.log" | tail -n 2 | tr -d '\r'
	expect "nothing was wrong" not said "$1" 'FAILED'
}

# drift: parts in a million by which the child's clock runs fast against the root's.
drift() {
	{
		sed -n 's/.*life: \(first\|last\) clock/\1/p' /var/log/bulkhead/life-console.log
		cat /run/root-clock
	} | tr -d '\r' | awk '{ t[$1] = $2; n[$1] = $3 } END {
		child = (n["last"] - n["first"]) / (t["last"] - t["first"])
		root = (n["root-last"] - n["root-first"]) / (t["root-last"] - t["root-first"])
		printf "%.2f\n", (child / root - 1) * 1000000 }'
}

step clock "its clock, its timers, and a VP that goes and comes"
run modprobe bulkhead
daemon_start
prepare_disk
# kexec takes no kernel and initrd of more than half the memory that is free beside the dump kernel's.
definition life 352 2 "panic=-1 lab.mib=8 lab.script" '<devices><disk type="file"><source file="/disks/one.img"/><target dev="sda"/></disk></devices>'
echo "root-first $(guest-clock | cut -d' ' -f2-)" >/run/root-clock
run bhctl start life
stage life 60 "twice" 'life: last clock'
echo "root-last $(guest-clock | cut -d' ' -f2-)" >>/run/root-clock
expect "the clock is the reference TSC page" said life 'life: clock source hyperv_clocksource_tsc_page'
expect "both VPs have a synthetic timer" said life 'life: synthetic timers 2'
expect "and use it" said life 'life: stimer interrupts [1-9][0-9]+ [1-9][0-9]'
ppm=$(drift)
echo "   the child's clock against the root's: $ppm ppm"
expect "less than 50 ppm" awk -v p="$ppm" 'BEGIN { exit !(p != "" && p < 50 && p > -50) }'

step kexec "kexec"
stage life 60 "kexec's kernel runs" 'life: stage kexec'

step kdump "a panic; the dump kernel writes a vmcore"
# What it says itself may still be on the way then.
stage life 60 "it panics" 'sysrq: Trigger a crash'
eventually 20 "the panic arrives with its message" sh -c 'bhctl events | grep -q "life.*crashed.*Kernel panic - not syncing: sysrq triggered crash"'
run grep 'guest:.*Kernel panic' /var/log/bulkhead/life-worker.log
stage life 60 "the dump is on the disk" 'life: vmcore written'
stage life 60 "it reboots from there" 'life: stage panic'

step panic "a panic without a dump kernel: reported, and the guest reboots itself"
# Its last words on the console may be lost with it.
stage life 60 "it panics and is there again" 'life: all stages done'
expect "two crashes were counted" sh -c 'bhctl show life | grep -qE "guest crashes +2"'
expect "it runs, and nothing is wrong now" sh -c '! bhctl list | grep -q "^life.*crashed"'
run bhctl events
run bhctl shutdown life
check_disk life /disks/one.img

step still "a guest that panics and stands still has failed: restarted once, then given up"
definition still 128 1 "panic=0 lab.mode=panic" '<on_crash wait="2" limit="1">restart</on_crash>'
run bhctl start still
eventually 60 "given up after one restart" shown still 'failed .*Kernel panic.*stood still.*limit'
run bhctl list
expect "no memory is kept" [ "$(memory_of_partitions)" = 0 ]
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
