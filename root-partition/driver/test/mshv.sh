# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# /dev/mshv against its promises (mshv-test, brought along with --with), then removal, and all of it comes back.
. /lab/functions.sh

step check "what bulkhead-check says before and after"
run bulkhead-check
run modprobe bulkhead
run bulkhead-check
bulkhead-check | grep -q "Bulkhead is running" || fail "bulkhead-check does not see it"
before=$(free_kib)

step mshv "mshv-test"
run /scenario/mshv-test
dmesg | grep -i bulkhead
[ -d /sys/kernel/debug/bulkhead ] || mount -t debugfs debugfs /sys/kernel/debug
cat /sys/kernel/debug/bulkhead/stats
tail -n 20 /sys/kernel/debug/bulkhead/log

step busy "no suspend, no CPU hotplug, no unload while a partition exists"
exec 9<>/dev/mshv
refuse 1 "in use|unavailable" rmmod bulkhead
[ ! -e /sys/power/state ] || ! echo freeze 2>/dev/null >/sys/power/state || fail "suspended"
[ ! -e /sys/devices/system/cpu/cpu1/online ] || ! echo 0 2>/dev/null >/sys/devices/system/cpu/cpu1/online || fail "CPU 1 went off"
exec 9>&-
dmesg | tail -n 3

step memory "nothing is lost"
after=$(free_kib)
echo "free: $before KiB before, $after KiB after"
expect "less than 8 MiB difference" [ $((before - after)) -lt 8192 ]
run rmmod bulkhead
run modprobe bulkhead
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
