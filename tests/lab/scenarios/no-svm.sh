# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# A processor without SVM (or with it switched off by the firmware): the refusal says why and what to do, and changes nothing.
. /lab/functions.sh

step check "bulkhead-check names what is missing"
refuse 1 'amd-v +FAIL' bulkhead-check
step refuse "modprobe refuses"
refuse 1 'modprobe' modprobe bulkhead
dmesg | grep bulkhead
expect "the log names it" sh -c 'dmesg | grep -q "bulkhead: .*AMD-V"'
expect "the module is not loaded" [ ! -e /sys/module/bulkhead ]
expect "no complaint of the kernel" kernel_sound
done_all
