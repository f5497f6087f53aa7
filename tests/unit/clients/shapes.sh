#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck source=tests/unit/gateway/functions.sh
# What real clients put on the wire, answered as they need it: shapes/ has the requests, here stands their order and what comes back.
gateway_tests=${0%/*}/../gateway
. "$gateway_tests/functions.sh"
shapes=${0%/*}/shapes
uuid='' job='' name=v1

# shape STATUS FILE [PATTERN...]: sent over TLS; the reply has each pattern.
shape() {
	status=$1 file=$2
	shift 2
	sed -e "/^<!-- SPDX/d" -e "s,@UUID@,$uuid,g" -e "s,@NAME@,$name,g" -e "s,@NODE@,$(uname -n),g" -e "s,@DIR@,$dir,g" -e "s,@CONTEXT@,$(context),g" \
		-e "s,@JOB@,$job,g" "$shapes/$file.xml" >"$dir/request"
	post "$status" root -H 'Content-Type: application/soap+xml;charset=UTF-8'
	for pattern; do
		says "$pattern"
	done
}

# reply NAME: the text of its first element of this name.
reply() {
	sed -n "s,.*<p:$1>\([^<]*\)</p:$1>.*,\1,p" "$dir/reply" | head -n 1
}

job_of_reply() {
	job=$(sed -n 's,.*Name="InstanceID">\([^<]*\)<.*,\1,p' "$dir/reply")
	[ -n "$job" ] || { cat "$dir/reply"; fail "no job"; }
}

job_done() {
	shape 200 virsh-job
	shape 200 virsh-pull
	grep -q '<p:JobState>7<' "$dir/reply"
}

# The method's reply has a job, which ends well.
by_job() {
	says '<p:ReturnValue>4096<'
	job_of_reply
	eventually 10 job_done
}

# Any file serves the fake worker as a kernel.
configure "default-kernel = $dir/v1.img" "default-initrd = $dir/v1.img" "default-cmdline = quiet lab=1"
: >"$dir/reply"
expect "a pair for this host" "$WSMAND" --config "$dir/wsmand.conf" make-certificate
daemon_start --group nogroup
wsmand_start

# virsh: connect
shape 200 virsh-open '<n:EnumerationContext>[^<]'
shape 200 virsh-pull '<p:UUID>[0-9A-F-]\{36\}<'
shape 200 virsh-list
shape 200 virsh-pull 'EndOfSequence'

# virsh define: found by its name at once; processors, memory, a controller, a drive on it, an image in that
truncate -s 1M "$dir/v1.img"
shape 200 virsh-define '<p:ReturnValue>0<\|<p:ReturnValue>4096<'
grep -q '<p:ReturnValue>4096<' "$dir/reply" && by_job
shape 200 virsh-find '<n:EnumerationContext>[^<]'
shape 200 virsh-pull '<p:ElementName>v1<' '<p:EnabledState>3<'
uuid=$(reply Name)
shape 200 virsh-settings
shape 200 virsh-pull "<p:InstanceID>Microsoft:$uuid<"
for file in virsh-setvcpus virsh-setmem; do
	shape 200 $file '<p:ReturnValue>0<\|<p:ReturnValue>4096<'
	grep -q '<p:ReturnValue>4096<' "$dir/reply" && by_job
done
for file in virsh-controller virsh-drive virsh-disk; do
	shape 200 $file '<p:ReturnValue>0<' "Name=\"InstanceID\">Microsoft:$uuid"
done
shape 200 virsh-autostart '<p:ReturnValue>0<\|<p:ReturnValue>4096<'
grep -q '<p:ReturnValue>4096<' "$dir/reply" && by_job
expect "all of it is in the definition" sh -c "'$BHCTL' dump-xml v1 | tr -d '\\n' | grep -q '<memory unit=\"MiB\">64<.*<vcpu>2<.*$dir/v1.img.*controller=\"0\" lun=\"1\".*<autostart>yes<'"

expect "and what the settings say" sh -c "'$BHCTL' dump-xml v1 | tr -d '\n' | grep -q '<kernel>$dir/v1.img</kernel> *<initrd>$dir/v1.img</initrd> *<cmdline>quiet lab=1<'"

# virsh: start, suspend, what Hyper-V would refuse too, shutdown, undefine
shape 200 virsh-start
by_job
expect "it runs" shown v1 ' running '
shape 200 virsh-managedsave '<p:ReturnValue>32770<'
shape 200 virsh-suspend '<p:ReturnValue>0<\|<p:ReturnValue>4096<'
grep -q '<p:ReturnValue>4096<' "$dir/reply" && by_job
expect "it is paused" shown v1 ' paused '
shape 200 virsh-keyboard
shape 200 virsh-start
by_job
shape 200 virsh-shutdown-component
shape 200 virsh-pull '<p:DeviceID>'
shape 200 virsh-shutdown '<p:ReturnValue>0<\|<p:ReturnValue>4096<'
eventually 10 shown v1 ' off '

# wsman
shape 200 wsman-identify '<[a-z]*:ProductVendor>Bulkhead<'
shape 200 wsman-enumerate '<p:ElementName>v1<' 'EndOfSequence'
shape 200 wsman-references '<n:EnumerationContext>[^<]'
shape 200 virsh-pull 'EndpointReference' 'ReferenceParameters'

# virt-who: a probe with nothing in it, blanks around the URI, some columns, a Pull with another namespace
: >"$dir/request"
post 200 root
shape 200 virt-who-list '<n:EnumerationContext>[^<]'
shape 200 virt-who-pull '<p:ElementName>v1<' "<p:VirtualSystemIdentifier>$uuid<"

# MI, WinRb
shape 200 mi-enumerate 'ElementName>v1<' 'EndOfSequence'
shape 200 winrb-query "<p:Name>$uuid<" 'EndOfSequence'

shape 200 virsh-undefine '<p:ReturnValue>0<\|<p:ReturnValue>4096<'
grep -q '<p:ReturnValue>4096<' "$dir/reply" && by_job
expect "it is gone" [ ! -e "$dir/definitions/v1.xml" ]
wsmand_stop
daemon_stop
echo "$checks checks passed"
