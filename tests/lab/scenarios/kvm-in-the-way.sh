# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# KVM owns AMD-V while kvm_amd is loaded: the refusal names the remedy, the remedy works, and KVM finds nothing to use under
# the hypervisor.
. /lab/functions.sh

step refuse "modprobe refuses while kvm_amd is loaded"
run modprobe kvm_amd
refuse 1 'rmmod kvm_amd' bulkhead-check
refuse 1 'modprobe' modprobe bulkhead
expect "the log names the remedy" sh -c 'dmesg | grep -q "bulkhead: .*rmmod kvm_amd"'
expect "the module is not loaded" [ ! -e /sys/module/bulkhead ]

step remedy "rmmod kvm_amd, then modprobe"
run rmmod kvm_amd
run bulkhead-check
run modprobe bulkhead
expect "CPUID shows the hypervisor on every CPU" hypervisor_everywhere

step hidden "kvm_amd finds no SVM under the hypervisor"
refuse 1 'modprobe' modprobe kvm_amd
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
