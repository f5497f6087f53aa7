# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Guests that do what Linux never does, one after the other, beside a neighbour that writes and verifies its disk all the time. Each is told off
# or ended with a reason; the neighbour's data and the root stay untouched; all memory comes back.
. /lab/functions.sh
worker=/usr/libexec/bulkhead/bulkhead-worker

# guest NAME [MORE...]: a child with two VPs that runs program NAME; what it prints goes to /run/out/NAME.log, its worker's words to NAME.worker.
guest() {
	timeout -k 2 60 "$worker" --standalone --kernel /lab/conformance.elf --memory 64MiB --cpus 2 --name "$1" --disk /disks/three.img \
		--append "test=$*" >"/run/out/$1.log" 2>"/run/out/$1.worker" </dev/null
	guest_code=$?
	grep '^GUEST' "/run/out/$1.log"
	grep -v 'no device\|no memory or device' "/run/out/$1.worker" | tail -n 4
}

# told_off NAME [MORE...]: it goes on to the end and finds that everything was answered as it should be.
told_off() {
	step "$1" "is told off"
	guest "$@"
	if ! grep -q "^GUEST-RESULT $1 success" "/run/out/$1.log"; then
		cat "/run/out/$1.log"
		fail "$1: exit code $guest_code"
	fi
}

# ended NAME TEXT: its worker ends with code 2 and a reason like TEXT.
ended() {
	step "$1" "is ended: $2"
	guest "$1"
	[ "$guest_code" = 2 ] || fail "$1: exit code $guest_code where 2 was expected"
	grep -qE "$2" "/run/out/$1.worker" || fail "$1: no reason like '$2'"
}

step launch "the hypervisor, and the neighbour"
run modprobe bulkhead
before=$(free_kib)
"$worker" --standalone --kernel /lab/conformance.elf --memory 64MiB --name neighbour --disk /disks/one.img \
	--append "test=storage mib=8 ms=${neighbour_ms:-20000}" >/run/out/neighbour.log 2>/run/out/neighbour.worker </dev/null &
neighbour=$!
eventually 20 "the neighbour works" grep -q "VMBus" /run/out/neighbour.log

told_off controls
told_off hypercall
told_off wildmsr
told_off wildport count=500
told_off wildcall
told_off mmio
told_off badgpadl
told_off badring
told_off baddata
told_off channels
told_off flipring ms=2000
told_off storm ms=1000
told_off wildapic ms=1000 nmi=0
ended triplefault 'triple fault'
ended triplefault2 'VP 1: triple fault'
ended fetch 'instruction fetch outside memory'
ended mmioatomic 'no emulation for the instruction'
ended deadtables 'cannot fetch the instruction|outside memory'
told_off crash
grep -q 'crash on purpose' /run/out/crash.worker || fail "the crash's text is not in the log"
told_off crashnowhere

step neighbour "its data is as it wrote it"
wait $neighbour || fail "neighbour: exit code $?"
cat /run/out/neighbour.log
grep -q "GUEST-RESULT storage success" /run/out/neighbour.log || fail "the neighbour"

step root "the root is untouched, its memory back"
expect "the kernel has nothing to complain of" kernel_sound
rm -f /run/out/*.log
after=$(free_kib)
echo "free before $before KiB, after $after KiB"
[ "$after" -gt $((before - 16384)) ] || fail "$((before - after)) KiB are gone"
run rmmod bulkhead
done_all
