# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# What scenarios are written with. Results go as "@@ ..." lines to the second serial port, where the host reads them.

lab_results=/dev/ttyS1
lab_poll=0.1          # seconds between two looks at a condition

lab_report() {
	echo "@@ $*" >"$lab_results"
}

lab_uptime() {
	cut -d' ' -f1 /proc/uptime
}

# lab_since START: seconds since then, two digits.
lab_since() {
	awk -v a="$1" -v b="$(lab_uptime)" 'BEGIN { printf "%.2f", b - a }'
}

# step NAME WORDS...: what comes now. The one before is thereby done and was good.
step() {
	step_done
	lab_step=$1
	lab_step_start=$(lab_uptime)
	shift
	echo
	echo "== $lab_step: $*"
	lab_report "begin $lab_step $*"
}

step_done() {
	if [ -n "${lab_step:-}" ]; then
		echo "   $lab_step: verified, $(lab_since "$lab_step_start") s"
		lab_report "step $lab_step ok $(lab_since "$lab_step_start")"
		lab_step=
	fi
}

# fail WORDS...: the scenario ends here.
fail() {
	echo "FAILED: $*"
	lab_report "step ${lab_step:-scenario} fail $(lab_since "${lab_step_start:-0}") $*"
	lab_step=
	exit 1
}

# done_all: the last line of a scenario.
done_all() {
	step_done
	exit 0
}

# run COMMAND...: shows it as a person would type it, then runs it; it must succeed.
run() {
	echo "# $*"
	"$@" || fail "exit code $? of: $*"
}

# refuse CODE TEXT COMMAND...: the command must end with exit code CODE and say TEXT (a grep -E pattern).
refuse() {
	lab_code=$1
	lab_text=$2
	shift 2
	echo "# $*"
	"$@" >/run/refused 2>&1
	lab_got=$?
	cat /run/refused
	[ "$lab_got" = "$lab_code" ] || fail "exit code $lab_got where $lab_code was expected: $*"
	grep -qE "$lab_text" /run/refused || fail "no message like '$lab_text' from: $*"
}

# expect WORDS COMMAND...: the command must succeed; what it prints is shown only when it does not.
expect() {
	lab_what=$1
	shift
	if ! "$@" >/run/expected 2>&1; then
		cat /run/expected
		fail "not so: $lab_what"
	fi
	echo "   ok: $lab_what"
}

# eventually SECONDS WORDS COMMAND...: waits until the command succeeds. The seconds are those of an otherwise idle host; a
# busy one may take three times as long.
eventually() {
	lab_limit=$(($1 * 3))
	lab_deadline=$(awk -v now="$(lab_uptime)" -v s="$lab_limit" 'BEGIN { print now + s }')
	lab_what=$2
	lab_begin=$(lab_uptime)
	shift 2
	until "$@" >/dev/null 2>&1; do
		awk -v now="$(lab_uptime)" -v end="$lab_deadline" 'BEGIN { exit now < end }' &&
			fail "not within $lab_limit s: $lab_what"
		sleep "$lab_poll"
	done
	echo "   ok: $lab_what ($(lab_since "$lab_begin") s)"
}

# hypervisor_on CPU: CPUID there names a hypervisor with Hyper-V's interface.
hypervisor_on() {
	[ -e "/dev/cpu/$1/cpuid" ] || modprobe cpuid
	# The device's offset is the leaf; 40000000h in units of 16 bytes.
	dd if="/dev/cpu/$1/cpuid" bs=16 skip=67108864 count=1 2>/dev/null | grep -q 'Microsoft Hv'
}

hypervisor_everywhere() {
	for lab_cpu in $(sed -n 's/^processor.*: //p' /proc/cpuinfo); do
		hypervisor_on "$lab_cpu" || return 1
	done
}

hypervisor_nowhere() {
	for lab_cpu in $(sed -n 's/^processor.*: //p' /proc/cpuinfo); do
		! hypervisor_on "$lab_cpu" || return 1
	done
}

# free_kib: what the root could hand out: no clean page cache, but the pages that each CPU keeps on a list of its own (whole
# 2 MiB ones among them) and that MemFree leaves out.
free_kib() {
	rm -f /var/cache/bulkhead/v*    # on a disk it would be page cache too
	sync
	echo 3 >/proc/sys/vm/drop_caches
	awk '/nr_free_pages/ { n += $2 } $1 == "count:" { n += $2 } END { print n * 4 }' /proc/zoneinfo
}

# kernel_sound: no oops, warning, lockup or stall has been logged.
kernel_sound() {
	! dmesg | grep -E 'BUG:|WARNING: CPU|Oops|soft lockup|rcu.*stall|Call Trace|general protection|blocked for more than'
}
