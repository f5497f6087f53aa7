#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# wsman.sh BUILD: what bulkhead-wsmand takes for 1,000 defined partitions, on this machine, with a real daemon and workers that only play
# one. Prints a table; exit 1 when full enumeration takes a second or more, a request fails, or memory grows.
build=$(cd "$1" && pwd) || exit 2
gateway_tests=$(cd "${0%/*}/../unit/gateway" && pwd) || exit 2
WSMAND=$build/wmi-like-api/gateway/bulkhead-wsmand WSMAND_OPTIONS= BULKHEADD=$build/root-partition/daemon/bulkheadd
BHCTL=$build/root-partition/cli/bhctl WORKER=$build/tests/unit/daemon/fake-worker WSMAN_LOAD=$build/tests/bench/wsman-load LAUNCHER=
# shellcheck source=tests/unit/gateway/functions.sh
. "$gateway_tests/functions.sh"
bad=0
echo "The management service, 1,000 partitions defined (required: enumerated in less than 1 s; flat memory):"

configure "max-contexts = 1000"
"$WSMAND" --config "$dir/wsmand.conf" make-certificate >/dev/null || exit 1
mkdir -p "$dir/definitions"
echo kernel >"$dir/kernel"
for i in $(seq 1000); do
	printf "<partition><name>vm%04d</name><uuid>00000000-0000-4000-8000-%012d</uuid><memory unit='MiB'>16</memory><os><kernel>%s</kernel></os></partition>\n" \
		"$i" "$i" "$dir/kernel" >"$dir/definitions/$(printf 'vm%04d.xml' "$i")"
done
daemon_start --group nogroup --no-autostart >/dev/null
wsmand_start

# figure NAME LOAD OPTION...: one run of the load program on $dir/request; its words become variables.
figure() {
	name=$1
	shift
	"$WSMAN_LOAD" --ca "$dir/wsmand.crt" --user root:secret-root "$@" "$port" "$dir/request" >"$dir/load" || bad=1
	# shellcheck disable=SC2046
	set -- $(cat "$dir/load")
	while [ $# -gt 1 ]; do
		eval "$1=$2"
		shift 2
	done
	printf '    %-44s %8s requests  %8.0f /s   p50 %7.2f ms   p99 %7.2f ms   max %7.2f ms\n' "$name" "$requests" "$per_second" \
		"$(ms "$p50_us")" "$(ms "$p99_us")" "$(ms "$max_us")"
}

ms() {
	awk "BEGIN { print $1 / 1000 }"
}

expected() {
	[ "$1" -ge "$2" ] || { echo "    $1 items instead of $2"; bad=1; }
}

for class in Msvm_ComputerSystem Msvm_VirtualSystemSettingData Msvm_ProcessorSettingData Msvm_MemorySettingData; do
	enumerate "SELECT * FROM $class" ""
	figure "$class, one a Pull" --requests 3 --enumerate
	[ "$p50_us" -lt 1000000 ] || { echo "    a second or more"; bad=1; }
	expected "$items" 3000
	enumerate "SELECT * FROM $class"
	figure "$class, optimised" --requests 3 --enumerate --max-elements 32000
	expected "$items" 3000
done
enumerate "SELECT * FROM Msvm_ComputerSystem WHERE Name='00000000-0000-4000-8000-000000000500'"
post 200 root
says "<p:ElementName>vm0500</p:ElementName>"
figure "one of 1,000 by its name" --requests 2000
figure "the same, 200 connections" --requests 20000 --connections 200
before=$(rss_kib)
figure "the same, 100,000 times" --requests 100000 --connections 10
after=$(rss_kib)
echo "    resident: $before KiB before, $after KiB after"
[ "$after" -le $((before + 4096)) ] || bad=1

# Reads while 50 partitions start and a worker is stopped.
"$BHCTL" start $(seq -f 'vm%04g' 50) >/dev/null 2>&1 &
starter=$!
figure "the same, while 50 partitions start" --requests 5000 --connections 4
wait "$starter"
expect "they run" [ "$("$BHCTL" list --active | wc -l)" -ge 51 ]
kill -STOP "$(worker_of vm0001)"
figure "the same, with a worker stopped" --requests 5000 --connections 4
kill -CONT "$(worker_of vm0001)"
exit $bad
