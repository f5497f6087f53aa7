# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# SVM switched off and locked by the firmware. QEMU's emulation has no VM_CR, KVM has one for its guests: a guest of KVM on this machine
# locks it before anything else runs there, as a firmware does, and then tries Bulkhead.
. /lab/functions.sh

step machine "a machine whose processor has SVM, locked by what ran first"
run modprobe kvm_amd nested=1
mkdir -p /run/guest/proc /run/guest/sys /run/guest/dev
cat >/run/guest/init <<-'INIT'
	#!/usr/bin/busybox sh
	/usr/bin/busybox --install -s /usr/bin
	export PATH=/usr/sbin:/usr/bin
	mount -t devtmpfs dev /dev
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	modprobe msr
	wrmsr 0xc0010114 0x18
	wrmsr 0xc0010114 0 2>/dev/null
	echo "VM_CR $(rdmsr 0xc0010114)"
	bulkhead-check
	echo "CHECK $?"
	modprobe bulkhead
	echo "MODPROBE $?"
	dmesg | grep 'bulkhead: '
	[ -e /sys/module/bulkhead ] || echo "NOT LOADED"
	poweroff -f
INIT
chmod 755 /run/guest/init
{
	(cd / && { echo usr; echo usr/bin; find bin sbin lib lib64 usr/lib usr/lib64 usr/sbin usr/bin/busybox usr/bin/kmod usr/bin/rdmsr usr/bin/wrmsr; } | cpio -o -H newc)
	(cd /run/guest && find . | cpio -o -H newc)
} >/run/guest.cpio 2>/dev/null
run env LD_LIBRARY_PATH=/scenario/qemu/lib timeout 120 /scenario/qemu/qemu-system-x86_64 -L /scenario/qemu/share -machine pc,accel=kvm \
	-cpu host -m 512 -nodefaults -display none -no-reboot -serial file:/run/said -kernel /lab/vmlinuz -initrd /run/guest.cpio \
	-append "console=ttyS0 quiet panic=-1 msr.allow_writes=on"
tr -d '\r' </run/said
expect "SVM is off and stays off" grep -q '^VM_CR 18' /run/said

step check "bulkhead-check says that the firmware has it, and the remedy"
expect "the line" grep -qE '^firmware +FAIL .*SVMDIS, locked' /run/said
expect "the remedy" grep -q 'enable "SVM mode" in the BIOS' /run/said
expect "its exit code" grep -q '^CHECK 1' /run/said

step refuse "modprobe refuses"
expect "its exit code" grep -q '^MODPROBE 1' /run/said
expect "the log names it" grep -q 'bulkhead: SVM is disabled by firmware (VM_CR.SVMDIS, locked)' /run/said
expect "the module is not loaded" grep -q '^NOT LOADED' /run/said
run rmmod kvm_amd kvm
done_all
