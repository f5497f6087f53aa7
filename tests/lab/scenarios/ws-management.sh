# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# Partitions that are managed over HTTPS are real children: what bhctl --host and curl with virsh's requests ask for happens to them, and
# what the daemon says, bhctl and WS-Management agree.
. /lab/functions.sh
. /lab/partitions.sh
. /lab/network.sh
export PATH="$PATH:/scenario/gateway/bin" BULKHEAD_PASSWORD=secret
uuid='' name=web context=''

# Libraries of the machine that packed them; only what needs them gets them.
packed() {
	LD_LIBRARY_PATH=/scenario/gateway/lib "$@"
}

remote() {
	packed bhctl --host https://root@localhost --ca-file /run/wsmand.crt "$@"
}

# send FILE [PATTERN]: one of the recorded requests; the reply is in /run/reply.
send() {
	sed -e "/^<!-- SPDX/d" -e "s,@UUID@,$uuid,g" -e "s,@NAME@,$name,g" -e "s,@NODE@,root,g" -e "s,@CONTEXT@,$context,g" "/scenario/shapes/$1.xml" >/run/request
	packed curl -s --cacert /run/wsmand.crt -u root:secret -H 'Content-Type: application/soap+xml;charset=UTF-8' --data-binary @/run/request \
		-o /run/reply https://localhost:5986/wsman || fail "curl: $1"
	context=$(sed -n 's,.*<n:EnumerationContext>\([^<]*\)</n:EnumerationContext>.*,\1,p' /run/reply)
	[ -z "${2:-}" ] || grep -q "$2" /run/reply || { cat /run/reply; fail "$1: no '$2'"; }
	echo "   ok: $1"
}

serving() {
	packed curl -s --cacert /run/wsmand.crt -o /run/reply https://localhost:5986/wsman
}

# agree: name, UUID, state, processors, memory and autostart, by the daemon and by WS-Management.
agree() {
	bhctl list --json | grep -E '"(name|uuid|state|vps|memory_bytes|autostart)"' >/run/local
	remote list --json | grep -E '"(name|uuid|state|vps|memory_bytes|autostart)"' | cmp -s - /run/local
}

both_show() {
	eventually 10 "both say: $*" agree
	expect "it is so" shown "$name" "$1"
}

pid() {
	worker_pid "$name"
}

step gateway "the daemon, and the gateway in its sandbox"
run modprobe bulkhead
daemon_start
ip link set lo up
echo '127.0.0.1 localhost root' >/etc/hosts
mkdir -p /run/pam
cat >/run/pam/bulkhead <<-END
	auth required /scenario/gateway/security/pam_exec.so quiet expose_authtok /run/pam/check
	account required /scenario/gateway/security/pam_permit.so
END
printf '#!/bin/sh\nread -r password || true\n[ "$password" = secret ]\n' >/run/pam/check
chmod 755 /run/pam/check
cat >/run/wsmand.conf <<-END
	listen = 127.0.0.1:5986
	certificate = /run/wsmand.crt
	key = /run/wsmand.key
	pam-directory = /run/pam
	audit-log = /run/out/audit
	user = bulkhead
	administrators = root
	default-kernel = /lab/vmlinuz
	default-initrd = /lab/child.cpio
	default-cmdline = console=ttyS0 quiet panic=-1 lab.mode=idle
END
run packed bulkhead-wsmand --config /run/wsmand.conf make-certificate localhost
LD_LIBRARY_PATH=/scenario/gateway/lib bulkhead-wsmand --config /run/wsmand.conf >>/run/out/wsmand.log 2>&1 &
gateway_pid=$!
eventually 10 "it serves" serving
expect "unprivileged" grep -q '^CapEff:.0000000000000000$' "/proc/$gateway_pid/status"

step define "what is defined over HTTPS is a file, and the other way round"
send virsh-define '<p:ReturnValue>\(0\|4096\)<'
expect "a file" grep -q '<name>web</name>' /etc/bulkhead/partitions/web.xml
uuid=$(sed -n 's,.*<uuid>\(.*\)</uuid>.*,\1,p' /etc/bulkhead/partitions/web.xml)
remote dump-xml web >/run/web.xml
expect "its own text" cmp /run/web.xml /etc/bulkhead/partitions/web.xml
run remote define /run/web.xml
run remote set-memory web 192MiB
send virsh-setvcpus '<p:ReturnValue>\(0\|4096\)<'
run remote autostart web on
eventually 5 "two processors" sh -c 'bhctl dump-xml web | grep -q "<vcpu>2</vcpu>"'
both_show off
expect "in the file" grep -q '<autostart>yes</autostart>' /etc/bulkhead/partitions/web.xml

step start "a real child"
run remote start --wait web
eventually 30 "the child is up" said web 'child: idle'
both_show running
run remote list
worker=$(pid)
expect "ProcessID is its worker" sh -c "kill -0 $worker"

step states "pause, resume, reset"
run remote pause web
both_show paused
used=$(awk '{ print $14 + $15 }' "/proc/$worker/stat")
sleep "$lab_poll"
expect "it stands still" [ "$(awk '{ print $14 + $15 }' "/proc/$worker/stat")" -le $((used + 1)) ]
run bhctl resume web
both_show running
starts=$(said_count web 'child: idle')
run remote reset web
eventually 30 "it boots afresh" said_more web 'child: idle' "$starts"
both_show running

step counters "what a real VP has run, and an interface while it runs"
vp_time() {
	# what virsh vcpuinfo reads, of both
	remote show web --json | awk -F': ' '/"guest_ns"/ { sum += $2; n++ } END { exit !(n == 2 && sum > 50000000) }'
}
eventually 15 "its VPs have run for a while" vp_time
bridge_add br0 10.99.0.1/24
run remote attach-interface web --bridge br0 --mac 00:15:5d:00:00:07 --config
expect "it is there" sh -c 'bhctl list-interfaces web | grep -q "^00:15:5d:00:00:07  *up"'
run remote set-link web 00:15:5d:00:00:07 down --config
expect "unplugged" sh -c 'bhctl list-interfaces web | grep -q "^00:15:5d:00:00:07  *down"'
expect "in the definition too" grep -q "<link state=.down" /etc/bulkhead/partitions/web.xml
run remote detach-interface web 00:15:5d:00:00:07 --config
expect "gone from both" sh -c '! bhctl list-interfaces web | grep -q 00:15 && ! grep -q "<interface" /etc/bulkhead/partitions/web.xml'

step shutdown "by its own kernel"
refuse 1 'running' remote undefine web
eventually 20 "its shutdown component is ready" sh -c 'bhctl show web | grep -q "shutdown ready"'
run remote shutdown web
both_show off
expect "the guest powered off" sh -c 'bhctl show web | grep -qi "shut down"'
run remote show web
run remote undefine web
expect "no file" [ ! -e /etc/bulkhead/partitions/web.xml ]
expect "audited" grep -q 'done user="root".*RequestStateChange' /run/out/audit
expect "nothing was kept" [ "$(memory_of_partitions)" = 0 ]
expect "the kernel is sound" kernel_sound
done_all
