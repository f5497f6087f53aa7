# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=sh
# bulkhead-guest in a Debian of its own: booted from its disk by an initramfs that has Hyper-V's drivers by the package's hook
# alone, installed there by apt without a network, used, purged without a trace. See debian/build-image.
. /lab/functions.sh
. /lab/partitions.sh
. /lab/network.sh

step boot "a Debian boots from its disk"
run modprobe bulkhead
daemon_start
bridge_add br0 10.99.0.1/24
ip address add fd00:99::1/64 dev br0 nodad
mac=00:15:5d:00:00:0d
cat >/run/debian.xml <<-XML
	<partition>
	  <name>debian</name>
	  <memory unit="MiB">512</memory>
	  <vcpu>2</vcpu>
	  <os>
	    <kernel>/lab/vmlinuz</kernel>
	    <initrd>/scenario/initrd</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 root=LABEL=debian ro systemd.getty_auto=no systemd.show_status=no</cmdline>
	  </os>
	  <devices>
	    <disk type="block"><source dev="/dev/lab/debian"/><target dev="sda" bus="scsi"/></disk>
	    <disk type="block"><source dev="/dev/lab/repository"/><target dev="sdb" bus="scsi"/><readonly/></disk>
	    <interface type="bridge"><source bridge="br0"/><mac address="$mac"/></interface>
	  </devices>
	</partition>
XML
run bhctl define /run/debian.xml
run bhctl start debian
eventually 60 "apt begins" said debian 'guest: installing'

step install "apt installs bulkhead-guest there, without a network"
in_guest() {
	bhctl exec debian -- "$@"
}
installed() {
	[ -n "$(in_guest cat /run/lab-install)" ]
}
eventually 60 "it has come to an end" installed
in_guest cat /run/lab-install.log
expect "a good one" [ "$(in_guest cat /run/lab-install)" = installed ]
run in_guest dpkg-query -W bulkhead-guest hyperv-daemons

step use "what came with it is at work"
run in_guest systemctl is-active bulkhead-guest-exec.service
run in_guest systemctl restart getty.target
eventually 20 "a login waits on the console" said debian 'debian login:'
services_ready() {
	bhctl show debian | grep -q 'kvp ready, vss ready, fcopy ready'
}
eventually 20 "its daemons serve pairs, backups and files" services_ready
refuse 3 '^nobody$' bhctl exec debian --user nobody -- sh -c 'id -un; exit 3'
echo 'unset HISTFILE; echo shell is $0 of $(id -un); exit 9' | bhctl login debian >/run/login
expect "a login ends as its shell does" [ $? = 9 ]
# Bash speaks to the terminal before it, and the terminal echoes the question, which has no such words.
expect "and is root's login shell" grep -q 'shell is -bash of root' /run/login
expect "chrony has the host's clock" in_guest sh -c 'chronyc -n -c sources | grep -q "^#,.*,PHC0,"'
run in_guest sh /repository/stranger
expect "and the journal says so" in_guest sh -c 'journalctl -b -u bulkhead-guest-exec | grep -q "from CID 1, which is not the host, was refused"'

step services "what its daemons do for the host"
bhctl guest-info debian --json >/run/info
expect "it says that it is a Debian" grep -qE '"OSName": "Debian' /run/info
run bhctl kvp debian set greeting hello
expect "a pair is there" in_guest grep -aq greeting /var/lib/hyperv/.kvp_pool_0
run bhctl copy debian /lab/child.cpio /var/tmp/
expect "a file is there" [ "$(in_guest sha256sum /var/tmp/child.cpio | cut -d' ' -f1)" = "$(sha256sum /lab/child.cpio | cut -d' ' -f1)" ]
run bhctl backup debian --disk sda /disks/copy.img
run e2fsck -f -n /disks/copy.img
expect "the copy has what was installed" sh -c 'debugfs -R "stat /usr/sbin/bulkhead-guest-exec" /disks/copy.img 2>/dev/null | grep -q "Type: regular"'
rm /disks/copy.img

step addresses "the host sets them, whoever looks after the network there"
# has PATTERN: what the guest says of its interface.
has() {
	bhctl guest-info debian | grep -qE "^00:15:5D:00:00:0D +no +$1"
}
in_guest sh -c 'cp -a /etc/network /etc/resolv.conf /root/'
run in_guest systemctl start systemd-networkd
run bhctl set-addresses debian $mac 10.99.0.60/24,fd00:99::60/64 10.99.0.1 10.99.0.1,fd00:99::1
run ping -q -c 1 -W 5 10.99.0.60
run ping -q -c 1 -W 5 fd00:99::60
run bhctl guest-info debian
expect "systemd-networkd has them, and the name servers" has '10\.99\.0\.60;fd00:99::60;.* 255\.255\.255\.0;/64;.* 10\.99\.0\.1; .*10\.99\.0\.1;fd00:.*:0001;'
run in_guest systemctl stop systemd-networkd.socket systemd-networkd
in_guest sh -c 'printf "auto lo eth0\niface eth0 inet static\n address 10.99.0.70/24\n" >>/etc/network/interfaces; ifup eth0'
run bhctl set-addresses debian $mac 10.99.0.61/24,10.99.0.62/25,fd00:99::61/64 10.99.0.1 10.99.0.1
run ping -q -c 1 -W 5 10.99.0.61
run ping -q -c 1 -W 5 10.99.0.62
run ping -q -c 1 -W 5 fd00:99::61
expect "not what was set before" not ping -q -c 1 -W 1 10.99.0.70
expect "and is not to have it at the next boot" [ "$(in_guest ifquery eth0 | grep -c 'address: 10.99.0.70')" = 0 ]
run in_guest mv /usr/sbin/ifup /usr/sbin/ifup.away
refuse 1 'its log may say why' bhctl set-addresses debian $mac 10.99.0.63/24
expect "it does" in_guest sh -c 'journalctl -b -u bulkhead-guest-addresses | grep -q "neither systemd-networkd nor ifupdown"'
run in_guest mv /usr/sbin/ifup.away /usr/sbin/ifup
in_guest sh -c 'ifdown eth0; rm -r /etc/network /etc/resolv.conf /etc/systemd/network/05-host-eth0.network; mv /root/network /root/resolv.conf /etc/'

step purge "purged, through its own service, it leaves nothing"
run in_guest sh /repository/purge
bhctl exec debian -- true >/run/after 2>&1
expect "the service has gone" [ $? = 125 ]
run cat /run/after
run bhctl turn-off debian
daemon_stop
run rmmod bulkhead
expect "no complaint of the kernel" kernel_sound
done_all
