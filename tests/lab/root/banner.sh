# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# For the lab's shell: everything is loaded, and what can be tried.
. /lab/partitions.sh
. /lab/network.sh
modprobe -a msr bridge tun
bridge_add br0 10.99.0.1/24 >/dev/null
bulkhead-check | tail -n 1
modprobe bulkhead && daemon_start
cat <<'TEXT'

The root partition. The hypervisor is under it, bulkheadd runs. Try:

  bhctl host
  bhctl define /lab/one.xml /lab/two.xml; bhctl start one two; bhctl list
  bhctl console two                  # Enter for a shell in the child; the escape key is shown
  bhctl show one                     # exits, disks, integration components
  ping 10.99.0.11                    # one's network: bhctl list-interfaces one
  bhctl shutdown two; bhctl events
  cat /sys/kernel/debug/bulkhead/log

exit or Ctrl-A X ends the machine.

TEXT
