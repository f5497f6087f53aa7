# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The measured scenario, on a machine with one CPU: rounds that alternate between the bare machine, a Bulkhead child (with the
# root itself measured beside it) and a child of KVM+QEMU, with the same kernel, disk and memory. Raw lines go to /run/out/bench.

. /lab/functions.sh
. /lab/partitions.sh
rounds=$(cat /scenario/bench/rounds)
disk=/dev/lab/two
out=/run/out/bench
lib=/scenario/bench/qemu
guest_arguments="console=ttyS0 quiet bench.peer=10.99.0.1"

# The network's other end is a program in the root, behind the bridge that both kinds of child are on.
modprobe -a bridge tun vhost_net
ip link add br0 type bridge forward_delay 0
ip address add 10.99.0.1/24 dev br0
ip link set br0 up
for tap in bulkhead0 kvm0; do
	ip tuntap add dev $tap mode tap vnet_hdr
	ip link set $tap master br0 up
done
/scenario/bench/net-bench peer >/dev/null 2>&1 &

worker=/usr/libexec/bulkhead/bulkhead-worker
# As the daemon does after a kernel's first start.
kernel=/run/vmlinuz.unpacked
run /usr/libexec/bulkhead/bulkhead-unpack-kernel /lab/vmlinuz $kernel
# small COMMAND...: with $small_label, the hypercall's price as a small guest kernel sees it; its last exit code is QEMU's or the worker's business.
small() {
	"$@" </dev/null 2>/dev/null | sed -n "s/.*GUEST-VALUE hypercall-ns /$small_label hypercall_ns /p" >>$out
}

bulkhead() {
	run /scenario/bench/bench-run bulkhead "$1" "$worker" --standalone --name bench --memory 256MiB \
		--kernel $kernel --initrd /scenario/bench/child.cpio --append "$guest_arguments" --disk "$disk" \
		--tap bulkhead0 --console stdio </dev/null >>$out
}

kvm_qemu() {
	run /scenario/bench/bench-run kvm_qemu "$1" env LD_LIBRARY_PATH=$lib/lib \
		"$lib/qemu-system-x86_64" -L "$lib/share" -machine pc,accel=kvm -cpu host -m 256 -nodefaults -display none -no-reboot \
		-object iothread,id=io0 -drive "if=none,id=d,file=$disk,format=raw,cache=none,aio=native" \
		-device virtio-blk-pci,drive=d,iothread=io0 -netdev tap,id=n,ifname=kvm0,script=no,downscript=no,vhost=on \
		-device virtio-net-pci,netdev=n,romfile= -serial stdio -kernel /lab/vmlinuz \
		-initrd /scenario/bench/child.cpio -append "$guest_arguments bench.disk=virtio" </dev/null >>$out
}

# returned LABEL COMMAND...: asks a child that has touched its memory and freed it for half of it: MiB a second until the root has 128 of it.
returned() {
	returned_label=$1
	shift
	returned_before=$(available_kib)
	returned_start=$(lab_uptime)
	"$@" || fail "$*"
	returned_tries=0
	until [ $(($(available_kib) - returned_before)) -ge $((128 << 10)) ]; do
		returned_tries=$((returned_tries + 1))
		[ $returned_tries -le 600 ] || fail "$returned_label gives no memory back"
		sleep 0.05
	done
	echo "$returned_label memory_returned $(lab_since "$returned_start" | awk '{ print 128 / ($1 > 0.01 ? $1 : 0.01) }')" >>$out
}

available_kib() {
	awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo
}

bulkhead_memory() {
	rm -f /var/log/bulkhead/memory-console.log
	daemon_start
	run bhctl define /run/memory.xml
	run bhctl start memory
	eventually 60 "the child has touched its memory" said memory BENCH-READY
	returned bulkhead bhctl set-memory memory 256MiB
	run bhctl turn-off memory
	run bhctl undefine memory
	daemon_stop
}

kvm_qemu_memory() {
	rm -f /run/monitor /run/memory-said
	mkfifo /run/monitor
	env LD_LIBRARY_PATH=$lib/lib "$lib/qemu-system-x86_64" -L "$lib/share" -machine pc,accel=kvm -cpu host -m 512 -nodefaults \
		-display none -no-reboot -device virtio-balloon-pci -monitor stdio -serial file:/run/memory-said -kernel /lab/vmlinuz \
		-initrd /scenario/bench/child.cpio -append "console=ttyS0 quiet bench.only=memory bench.disk=virtio" \
		</run/monitor >/dev/null 2>&1 &
	qemu_pid=$!
	exec 9>/run/monitor
	eventually 60 "the child has touched its memory" grep -qs BENCH-READY /run/memory-said
	returned kvm_qemu sh -c 'echo "balloon 256" >&9'
	echo quit >&9
	exec 9>&-
	wait $qemu_pid
}

bare() {
	/scenario/bench/guest-bench "$disk" | sed -n "s/^BENCH \([a-z]\)/$1 \1/p" >>$out || fail "guest-bench on $1"
}

cat >/run/memory.xml <<-XML
	<partition>
	  <name>memory</name>
	  <memory unit="MiB">512</memory>
	  <dynamicMemory minimum="128" unit="MiB"/>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/scenario/bench/child.cpio</initrd>
	    <cmdline>console=ttyS0 quiet bench.only=memory</cmdline>
	  </os>
	  <devices><console log="on"/></devices>
	</partition>
XML

for round in $(seq "$rounds"); do
	step "bare-$round" "the machine without a hypervisor"
	bare bare

	step "bulkhead-$round" "a Bulkhead child"
	run modprobe bulkhead
	bare root
	bulkhead /sys/kernel/debug/bulkhead/stats
	small_label=bulkhead
	small "$worker" --standalone --name small --memory 64MiB --kernel /lab/conformance.elf --append test=hypercallloop --console stdio
	run rmmod bulkhead

	step "kvm-$round" "a child of KVM and QEMU"
	run modprobe kvm_amd
	kvm_qemu /sys/kernel/debug/kvm/exits
	small_label=kvm_qemu
	small env LD_LIBRARY_PATH=$lib/lib "$lib/qemu-system-x86_64" -L "$lib/share" -machine pc,accel=kvm -cpu host -m 64 -nodefaults \
		-display none -no-reboot -serial stdio -device isa-debug-exit,iobase=0xf4 -kernel /lab/conformance.elf \
		-append test=hypercallloop
	run rmmod kvm_amd kvm

	step "memory-$round" "memory given back by both"
	run modprobe bulkhead
	bulkhead_memory
	run rmmod bulkhead
	run modprobe kvm_amd
	kvm_qemu_memory
	run rmmod kvm_amd kvm
done

step syscalls "system calls per operation, which are not counted while times are taken"
mount -t tracefs trace /sys/kernel/tracing || fail "tracefs"
run modprobe bulkhead
bulkhead syscalls
run rmmod bulkhead
run modprobe kvm_amd
kvm_qemu syscalls
done_all
