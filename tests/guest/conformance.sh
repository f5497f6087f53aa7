# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# The guest programs as children: each alone, then two at once.
. /lab/functions.sh
worker=/usr/libexec/bulkhead/bulkhead-worker
more=

# guest NAME CPUS MORE...: a child that runs program NAME; what it prints goes to /run/out/NAME.log. $more: options for the worker.
guest() {
	guest_name=$1
	guest_cpus=$2
	shift 2
	# shellcheck disable=SC2086
	timeout -k 2 60 "$worker" --standalone --kernel /lab/conformance.elf --memory 64MiB --cpus "$guest_cpus" \
		--disk /disks/three.img $more --append "test=$guest_name $*" >"/run/out/$guest_name.log" 2>"/run/out/$guest_name.worker" </dev/null
	guest_code=$?
	cat "/run/out/$guest_name.log" "/run/out/$guest_name.worker"
	return $guest_code
}

# passes NAME CPUS MORE...: its own verdict is success.
passes() {
	guest "$@"
	grep -q "^GUEST-RESULT $1 success" "/run/out/$1.log" || fail "guest program $1"
}

step launch "the hypervisor"
run modprobe bulkhead

for name in hello cpuidloop msr features hypercall timer synic; do
	step $name "one VP"
	passes $name 1
done
# What a child has by default is what the document lists, row by row; neither has a row that the other lacks.
step coverage "docs/tlfs-coverage.md lists these answers"
expect "the document is there (--with docs/tlfs-coverage.md)" test -e /scenario/tlfs-coverage.md
sed -n 's/^ROW //p' /run/out/features.log | sort >/run/out/rows.guest
grep -E '^\| [^|]+ \| (read|write [0-9a-f]+h|call [0-9a-f]+h) \|' /scenario/tlfs-coverage.md | cut -d'|' -f1-4 | sed 's/$/|/' | sort >/run/out/rows.document
expect "the same rows" diff /run/out/rows.document /run/out/rows.guest
expect "rows" test -s /run/out/rows.guest

# The answers follow what CPUID is made to say: nothing but hypercalls and the VP index, then all and invariant TSC.
step nothing "nothing is granted"
more="--cpuid 40000003.eax=60/ffffffff --cpuid 40000003.ebx=0/ffffffff --cpuid 40000003.edx=0/ffffffff
	--cpuid 40000004.eax=0/ffffffff --cpuid 40000004.ebx=0/ffffffff"
passes features 1
expect "4 rows work: GUEST_OS_ID, HYPERCALL, VP_INDEX" [ "$(grep -c '^ROW .* works |' /run/out/features.log)" = 4 ]
step invtsc "invariant TSC is granted"
more="--cpuid 40000003.eax=8000/8000"
passes features 1
expect "its control register works" grep -q '^ROW | TSC_INVARIANT_CONTROL | write 1h | works |' /run/out/features.log
more=

for name in smp tlbflush nmi fpu; do
	step $name "two VPs"
	passes $name 2
done

for name in storage kexec reset; do
	step $name "a disk"
	passes $name 1
done

step poweroff "ACPI S5"
guest poweroff 1 || fail "exit code $guest_code"

step pair "two children at once keep their own floating point state"
guest fpu 2 seed=1 rounds=2000 >/dev/null &
one=$!
timeout 60 "$worker" --standalone --kernel /lab/conformance.elf --memory 64MiB --cpus 2 --name other \
	--append "test=fpu seed=2 rounds=2000" >/run/out/fpu2.log 2>/dev/null </dev/null
wait $one
grep -q "GUEST-RESULT fpu success" /run/out/fpu.log || fail "the first"
grep -q "GUEST-RESULT fpu success" /run/out/fpu2.log || fail "the second"
expect "the kernel has nothing to complain of" kernel_sound
step unload "the hypervisor goes"
run rmmod bulkhead
done_all
