/* SPDX-License-Identifier: BSD-2-Clause */
/* Pieces of definitions for the tests: a minimal one, and the same with something put in. */
#ifndef BULKHEAD_TEST_DEFINITIONS_H
#define BULKHEAD_TEST_DEFINITIONS_H

/* Line 1 <partition>, 2 <name>, 3 <memory>, 4 <os>, 5 and up: what is under test. */
#define WITH(...)                                                                                                                    \
	"<partition>\n  <name>web1</name>\n  <memory unit='MiB'>256</memory>\n  <os><kernel>/k</kernel></os>\n" __VA_ARGS__          \
	"</partition>\n"
#define DISK(...) "  <devices>\n    <disk type='file' device='disk'>\n" __VA_ARGS__ "    </disk>\n  </devices>\n"
#define NIC(...) "  <devices>\n    <interface type='bridge'>\n" __VA_ARGS__ "    </interface>\n  </devices>\n"

static const char full_definition[] =
	"<?xml version='1.0' encoding='UTF-8'?>\n"
	"<!-- a comment with <tags> & such -->\n"
	"<partition>\n"
	"\t<on_reboot>stop</on_reboot>\n"
	"\t<devices>\n"
	"\t\t<console type='unix' log='off'/>\n"
	"\t\t<disk type='file' device='disk'>\n"
	"\t\t\t<target dev='sda' bus='scsi'/>\n"
	"\t\t\t<source file='/srv/a b.img'/>\n"
	"\t\t\t<driver type='raw' cache='unsafe'/>\n"
	"\t\t\t<serial>A-1</serial>\n"
	"\t\t</disk>\n"
	"\t\t<interface type='bridge'>\n"
	"\t\t\t<source bridge='br0'/>\n"
	"\t\t</interface>\n"
	"\t\t<disk type='block'>\n"
	"\t\t\t<source dev='/dev/vdb'/>\n"
	"\t\t\t<readonly/>\n"
	"\t\t\t<target controller='2' lun='63'/>\n"
	"\t\t\t<blockio logical_block_size='4096'/>\n"
	"\t\t</disk>\n"
	"\t\t<interface type='bridge'><driver queues='4'/><mac address='00:15:5D:01:02:fe'/><source bridge='br-x.1'/>\n"
	"\t\t\t<bandwidth><outbound average='128'/><inbound average='1000' peak='5000' burst='1024'/></bandwidth>\n"
	"\t\t\t<vlan><tag id='42'/></vlan><mtu size='9000'/><link state='down'/><port macspoofing='on'/></interface>\n"
	"\t</devices>\n"
	"\t<features><integration><timesync state='off'/><shutdown state='on'/></integration><invtsc state='on'/></features>\n"
	"\t<os>\n"
	"\t\t<cmdline>console=ttyS0 <![CDATA[a<b]]> c&amp;d</cmdline>\n"
	"\t\t<initrd>/boot/initrd</initrd>\n"
	"\t\t<kernel> /boot/vmlinuz </kernel>\n"
	"\t</os>\n"
	"\t<metadata><x:app xmlns:x='urn:x' x:k='v'>free <b>form</b></x:app></metadata>\n"
	"\t<vcpu>4</vcpu>\n"
	"\t<autostart order='7'>yes</autostart>\n"
	"\t<memory unit='GiB'>2</memory>\n"
	"\t<on_crash limit='5' within='60'>restart</on_crash>\n"
	"\t<title>Web &#x2013; 1</title>\n"
	"\t<description>two\nlines</description>\n"
	"\t<name>web-1.example_x</name>\n"
	"</partition>\n";

#endif
