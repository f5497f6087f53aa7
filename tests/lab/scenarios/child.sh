# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Children without a daemon: the stock kernel boots in two at once, with two processors each, and turns itself off; a worker
# killed at whatever instant leaves nothing behind.
. /lab/functions.sh

worker() {
	lab_name=$1
	shift
	/usr/libexec/bulkhead/bulkhead-worker --standalone --name "$lab_name" --kernel /lab/vmlinuz --initrd /lab/child.cpio \
		--memory 192MiB --console "/run/$lab_name.sock" --console-log "/run/out/$lab_name.console" "$@" \
		</dev/null >>"/run/out/$lab_name.log" 2>&1 &
}

# Waits for the worker and keeps its exit code.
ended() {
	wait "$1"
	lab_code=$?
}

nothing_left() {
	! grep -q '^partition' /sys/kernel/debug/bulkhead/stats
}

step boot "two children with two processors each"
run modprobe bulkhead
worker a --cpus 2 --append "console=ttyS0 quiet panic=-1 lab.mode=poweroff"
a=$!
worker b --cpus 2 --append "console=ttyS0 quiet panic=-1 lab.mode=poweroff"
b=$!
for name in a b; do
	eventually 40 "$name boots" grep -q 'child: init runs' "/run/out/$name.console"
done

step off "both turn themselves off through ACPI"
for pid in $a $b; do
	ended $pid
	expect "exit code 0" [ $lab_code = 0 ]
done
eventually 2 "no partition is left" nothing_left

step crash "a triple fault ends its child with a reason"
worker c --append "console=ttyS0 quiet reboot=t panic=-1 init=/nothing rdinit=/nothing"
ended $!
run grep 'triple fault at rip' /run/out/c.log
expect "exit code 2: crashed" [ $lab_code = 2 ]
eventually 2 "no partition is left" nothing_left

step kill "workers killed at any instant"
before=$(free_kib)
for delay in 0.05 0.1 0.2 0.3 0.4 0.5 0.7 0.9 1.1 1.4 1.8 2.4; do
	worker d --cpus 2 --append "console=ttyS0 quiet panic=-1 lab.mode=idle"
	sleep "$delay"
	kill -9 $!
	wait $! 2>/dev/null
	eventually 2 "no partition is left after $delay s" nothing_left
done

step memory "nothing is lost"
after=$(free_kib)
echo "free: $before KiB before, $after KiB after"
expect "less than 4 MiB difference" [ $((before - after)) -lt 4096 ]
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
