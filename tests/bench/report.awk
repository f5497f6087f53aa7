# SPDX-License-Identifier: BSD-2-Clause
# Medians of "LABEL name value" lines as a table, as bench.json, and against what the project requires.

function median(label, name,    n, i, j, t, v) {
	n = count[label, name]
	if (!n) return "-"
	for (i = 1; i <= n; i++) v[i] = value[label, name, i]
	for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function number(x) {
	if (x == "-") return "-"
	return sprintf(x >= 1000 ? "%.0f" : x >= 10 ? "%.1f" : "%.2f", x)
}
function jsonic(x) { if (x == "-") return "null"; return sprintf("%.3f", x) }
function ratio(a, b) { if (a == "-" || b == "-" || b == 0) return "-"; return a / b }

# better: higher | lower. against: bare | kvm_qemu; limit on bulkhead / against.
function row(name, unit, better, against, limit,    b, h, k, r, verdict) {
	b = median("bare", name); h = median("bulkhead", name); k = median("kvm_qemu", name)
	verdict = ""
	if (against != "") {
		r = ratio(h, against == "bare" ? b : k)
		good = 0
		if (r != "-") good = better == "higher" ? (r >= limit) : (r <= limit)
		verdict = sprintf("%s %s of %s: %s", better == "higher" ? ">=" : "<=", limit, against, good ? "met" : "MISSED")
		if (!good) missed++
	}
	printf "%-24s %-8s %10s %10s %10s %9s %9s  %s\n", name, unit, number(b), number(h), number(k), number(ratio(h, b)), number(ratio(h, k)), verdict
	rows = rows (rows == "" ? "" : ",\n") sprintf("  {\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", \"bare\": %s, \"bulkhead\": %s, \"kvm_qemu\": %s}", \
		name, unit, better, jsonic(b), jsonic(h), jsonic(k))
}

$1 ~ /^(bare|root|bulkhead|kvm_qemu)$/ && NF == 3 { value[$1, $2, ++count[$1, $2]] = $3 + 0 }

END {
	printf "%-24s %-8s %10s %10s %10s %9s %9s  %s\n", "", "", "bare", "bulkhead", "KVM+QEMU", "/ bare", "/ KVM", "required"
	row("cpu_loop", "M/s", "higher", "bare", 0.95)
	row("cpuid_ns", "ns", "lower", "kvm_qemu", 0.65)
	row("hypercall_ns", "ns", "lower", "", 0)
	row("read4k_d1", "IOPS", "higher", "kvm_qemu", 1.2)
	row("read4k_d32", "IOPS", "higher", "kvm_qemu", 1.2)
	row("write4k_d32", "IOPS", "higher", "kvm_qemu", 1.2)
	row("read1m_seq", "MiB/s", "higher", "kvm_qemu", 1.2)
	row("tcp_send", "MiB/s", "higher", "kvm_qemu", 1)
	row("tcp_receive", "MiB/s", "higher", "kvm_qemu", 1)
	row("tcp_rr", "1/s", "higher", "kvm_qemu", 1)
	row("memory_returned", "MiB/s", "higher", "kvm_qemu", 1)
	row("start_to_init_ms", "ms", "lower", "kvm_qemu", 0.6)
	row("memory_kib", "KiB", "lower", "", 0)
	n = split("read4k_d1 read4k_d32 write4k_d32 read1m_seq tcp_send tcp_receive tcp_rr", order, " ")
	for (i = 1; i <= n; i++) row("exits_per_" order[i], "exits", "lower", "", 0)
	for (i = 1; i <= n; i++) row("dispatches_per_" order[i], "calls", "lower", "", 0)
	for (i = 1; i <= n; i++) row("signals_per_" order[i], "signals", "lower", "", 0)
	for (i = 1; i <= n; i++) row("syscalls_per_" order[i], "calls", "lower", "", 0)

	print "\nThe root itself, under the hypervisor, to the same machine bare (required: 0.90 or better):"
	n = split("cpu_loop read4k_d1 read4k_d32 write4k_d32 read1m_seq", p, " ")
	for (i = 1; i <= n; i++) {
		r = ratio(median("root", p[i]), median("bare", p[i]))
		good = 0
		if (r != "-") good = (r >= 0.9)
		printf "%-24s %-8s %s\n", p[i], number(r), good ? "met" : "MISSED"
		if (!good) missed++
		rows = rows sprintf(",\n  {\"name\": \"root_%s\", \"unit\": \"to bare\", \"better\": \"higher\", \"bare\": 1, \"bulkhead\": %s, \"kvm_qemu\": null}", p[i], jsonic(r))
	}
	h = median("bulkhead", "memory_kib")
	good = 0
	if (h != "-") good = (h < 16384)
	printf "\nmemory beyond the guest's: %s KiB (required: under 16384: %s)\n", number(h), good ? "met" : "MISSED"
	if (!good) missed++
	printf "hypervisor: %d bytes of image, %d lines\n", image, loc
	rows = rows sprintf(",\n  {\"name\": \"image_bytes\", \"unit\": \"bytes\", \"better\": \"lower\", \"bare\": null, \"bulkhead\": %d, \"kvm_qemu\": null}", image)
	rows = rows sprintf(",\n  {\"name\": \"hypervisor_lines\", \"unit\": \"lines\", \"better\": \"lower\", \"bare\": null, \"bulkhead\": %d, \"kvm_qemu\": null}", loc)
	printf("[\n%s\n]\n", rows) > json
	if (missed) { printf "%d required figures missed\n", missed; exit 1 }
}
