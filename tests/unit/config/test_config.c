/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Definitions: what is accepted and what it means, what is refused and with which words at which place, that text that wants
 * to exhaust the reader is turned away in bounded time, and that stored text comes back byte for byte.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <libxml/parser.h>
#include "root-partition/config/reader.h"
#include "definitions.h"

static struct partition_config *accept_text(const char *text)
{
	struct partition_config *config = NULL;
	struct config_error error = { 0 };

	ck_assert_msg(!config_parse("t.xml", text, strlen(text), &config, &error), "%s", error.text);
	return config;
}

static void refuse_text(const char *text, size_t size, const char *expected)
{
	struct partition_config *config = NULL;
	struct config_error error = { 0 };

	ck_assert_int_eq(config_parse("t.xml", text, size, &config, &error), -1);
	ck_assert_ptr_null(config);
	ck_assert_str_eq(error.text, expected);
}

START_TEST(full_definition_is_read)
{
	struct partition_config *c = accept_text(full_definition);

	ck_assert_str_eq(c->name, "web-1.example_x");
	ck_assert(!c->has_uuid);
	ck_assert_uint_eq(c->memory_bytes, 2ull << 30);
	ck_assert_uint_eq(c->vp_count, 4);
	ck_assert_str_eq(c->kernel, "/boot/vmlinuz");
	ck_assert_str_eq(c->initrd, "/boot/initrd");
	ck_assert_str_eq(c->cmdline, "console=ttyS0 a<b c&d");
	ck_assert_uint_eq(c->integration, CONFIG_IC_ALL & ~CONFIG_IC_TIMESYNC);
	ck_assert(c->invariant_tsc);
	ck_assert_int_eq(c->on_crash, CONFIG_CRASH_RESTART);
	ck_assert_uint_eq(c->crash_limit, 5);
	ck_assert_uint_eq(c->crash_within_s, 60);
	ck_assert_int_eq(c->on_reboot, CONFIG_REBOOT_STOP);
	ck_assert(c->autostart);
	ck_assert_uint_eq(c->autostart_order, 7);
	ck_assert(!c->console_log);
	ck_assert_str_eq(c->title, "Web \xe2\x80\x93 1");
	ck_assert_uint_eq(c->disk_count, 2);
	ck_assert_str_eq(c->disks[0].source, "/srv/a b.img");
	ck_assert_str_eq(c->disks[0].target, "sda");
	ck_assert_str_eq(c->disks[0].serial, "A-1");
	ck_assert_int_eq(c->disks[0].cache, CONFIG_CACHE_UNSAFE);
	ck_assert(!c->disks[0].read_only && !c->disks[0].block);
	ck_assert(c->disks[1].read_only && c->disks[1].block);
	ck_assert_uint_eq(c->disks[1].controller, 2);
	ck_assert_uint_eq(c->disks[1].lun, 63);
	ck_assert_uint_eq(c->disks[1].block_size, 4096);
	ck_assert_str_eq(c->disks[1].target, "2:63");
	ck_assert_uint_eq(c->interface_count, 2);
	ck_assert_str_eq(c->interfaces[0].bridge, "br0");
	ck_assert(!c->interfaces[0].has_mac && !c->interfaces[0].link_down && !c->interfaces[0].allow_spoofing);
	ck_assert_uint_eq(c->interfaces[0].mtu, 0);
	ck_assert_str_eq(c->interfaces[1].bridge, "br-x.1");
	ck_assert(c->interfaces[1].has_mac && c->interfaces[1].link_down && c->interfaces[1].allow_spoofing);
	ck_assert_mem_eq(c->interfaces[1].mac, ((const uint8_t[]){ 0x00, 0x15, 0x5d, 0x01, 0x02, 0xfe }), 6);
	ck_assert_uint_eq(c->interfaces[1].vlan, 42);
	ck_assert_uint_eq(c->interfaces[1].mtu, 9000);
	ck_assert_uint_eq(c->interfaces[1].queues, 4);
	ck_assert_uint_eq(c->interfaces[1].inbound.average, 1000);
	ck_assert_uint_eq(c->interfaces[1].inbound.peak, 5000);
	ck_assert_uint_eq(c->interfaces[1].inbound.burst, 1024);
	ck_assert_uint_eq(c->interfaces[1].outbound.average, 128);
	ck_assert_uint_eq(c->interfaces[1].outbound.peak, 0);
	config_free(c);
}
END_TEST

START_TEST(minimal_definition_has_defaults)
{
	struct partition_config *c = accept_text(WITH(""));

	ck_assert_uint_eq(c->vp_count, 1);
	ck_assert_uint_eq(c->integration, CONFIG_IC_ALL);
	ck_assert(!c->invariant_tsc);
	ck_assert_int_eq(c->on_crash, CONFIG_CRASH_STOP);
	ck_assert_int_eq(c->on_reboot, CONFIG_REBOOT_RESTART);
	ck_assert(!c->autostart && c->console_log && !c->initrd && !c->cmdline);
	ck_assert(c->vsock.offered && !*c->vsock.owner && !*c->vsock.group);
	ck_assert_uint_eq(c->vsock.mode, 0660);
	ck_assert_uint_eq(c->vsock.listen.count, 1);
	ck_assert_uint_eq(c->vsock.connect.ranges[0].last, UINT32_MAX);
	config_free(c);
}
END_TEST

#define VSOCK(attributes, content) WITH("  <devices><vsock" attributes ">" content "</vsock></devices>\n")

START_TEST(vsock_is_read)
{
	struct partition_config *c = accept_text(VSOCK(" owner='web' group='0' mode='0606'",
		"<connect ports='22,5000-5010,4294967295'/><listen ports=''/>"));

	ck_assert(c->vsock.offered);
	ck_assert_str_eq(c->vsock.owner, "web");
	ck_assert_str_eq(c->vsock.group, "0");
	ck_assert_uint_eq(c->vsock.mode, 0606);
	ck_assert_uint_eq(c->vsock.listen.count, 0);
	ck_assert_uint_eq(c->vsock.connect.count, 3);
	ck_assert_uint_eq(c->vsock.connect.ranges[0].first, 22);
	ck_assert_uint_eq(c->vsock.connect.ranges[0].last, 22);
	ck_assert_uint_eq(c->vsock.connect.ranges[1].first, 5000);
	ck_assert_uint_eq(c->vsock.connect.ranges[1].last, 5010);
	ck_assert_uint_eq(c->vsock.connect.ranges[2].first, UINT32_MAX);
	config_free(c);
	c = accept_text(VSOCK(" state='off'", ""));
	ck_assert(!c->vsock.offered);
	config_free(c);
}
END_TEST

static const char *const accepted[] = {
	WITH("  <uuid>6ba7b810-9dad-11d1-80b4-00c04fd430c8</uuid>\n"),
	WITH("  <features/>\n  <devices/>\n"),
	WITH("  <metadata/>\n"),
	WITH("  <!-- comment --><?pi data?>\n"),
	WITH(DISK("<source file='/a'/><target dev='sdp'/>")),
	WITH(DISK("<target lun='0'/><readonly/><source file='/a'/></disk><disk type='file'><target dev='sdb'/><readonly/><source file='/a'/>")),
	WITH("<on_crash>restart</on_crash>"),
	WITH("<on_worker_failure limit='100' within='1'>replace</on_worker_failure>"),
	WITH("<on_worker_failure>replace</on_worker_failure>" NIC("<source bridge='b'/>")),
	WITH("<on_worker_failure>replace</on_worker_failure><dynamicMemory minimum='32' unit='MiB'/>"),
	WITH(NIC("<source bridge='virbr0.7'/>")),
	WITH(NIC("<bandwidth/><source bridge='b'/></interface><interface type='bridge'><source bridge='b'/>")),
	"\xef\xbb\xbf" WITH(""),
};

START_TEST(variants_are_accepted)
{
	config_free(accept_text(accepted[_i]));
}
END_TEST

/* The message is the interface: place, what was found, what to write instead. `structure`: the schema alone must refuse it too. */
static const struct refused {
	const char *text, *message;
	bool structure;
} refused[] = {
	{ "", "t.xml:1:1: Document is empty", false },
	{ "<partition>\n<name>a</nome></partition>", "t.xml:2:15: Opening and ending tag mismatch: name line 2 and nome", false },
	{ "<domain type='kvm'/>", "t.xml:1:1: <domain>: unknown root element; a definition is a <partition>", true },
	{ "<partition/>", "t.xml:1:1: <partition>: <name> is missing", true },
	{ "<partition>\n<name>a</name>\n</partition>", "t.xml:1:1: <partition>: <memory> is missing", true },
	{ WITH("  <memory unit='MiB'>2</memory>\n"), "t.xml:5:3: <memory>: given twice in <partition>; keep one", true },
	{ WITH("  <memroy>2</memroy>\n"), "t.xml:5:3: <memroy>: unknown element in <partition>; did you mean <memory>?", true },
	{ WITH("  <devices>\n    <filesystem/>\n  </devices>\n"),
	  "t.xml:6:5: <filesystem>: unknown element in <devices>; allowed here: disk, interface, vsock, console", true },
	{ WITH("  <x:vcpu xmlns:x='urn:x'>1</x:vcpu>\n"), "t.xml:5:3: <vcpu>: unknown element in <partition>; did you mean <vcpu>?", true },
	{ WITH("  stray\n"), "t.xml:1:1: <partition>: text between its elements; only elements may stand here", true },
	{ WITH("  <vcpu placement='static'>1</vcpu>\n"), "t.xml:5:3: <vcpu>: unknown attribute 'placement'; this element has none", true },
	{ WITH("  <vcpu><b/></vcpu>\n"), "t.xml:5:9: <b>: unexpected in <vcpu>, which holds only text", true },
	{ WITH("  <vcpu>0</vcpu>\n"), "t.xml:5:3: <vcpu>: '0' is out of range; use a number from 1 to 64", false },
	{ WITH("  <vcpu>65</vcpu>\n"), "t.xml:5:3: <vcpu>: '65' is out of range; use a number from 1 to 64", false },
	{ WITH("  <vcpu>-1</vcpu>\n"), "t.xml:5:3: <vcpu>: '-1' is out of range; use a number from 1 to 64", true },
	{ WITH("  <vcpu>99999999999999999999999</vcpu>\n"),
	  "t.xml:5:3: <vcpu>: '99999999999999999999999' is out of range; use a number from 1 to 64", false },
	{ WITH("  <uuid>12</uuid>\n"), "t.xml:5:3: <uuid>: '12' is no UUID; leave the element out to have one generated", true },
	{ WITH("  <on_crash>destroy</on_crash>\n"), "t.xml:5:3: <on_crash>: 'destroy' is unknown; use stop or restart", true },
	{ WITH("  <on_worker_failure limit='2'>fail</on_worker_failure>\n"),
	  "t.xml:5:3: <on_worker_failure>: 'limit' and 'within' are for 'replace'; remove them", true },
	{ WITH("  <on_crash limit='2'>stop</on_crash>\n"), "t.xml:5:3: <on_crash>: 'limit' and 'within' are for 'restart'; remove them", true },
	{ WITH("  <on_crash limit='0'>restart</on_crash>\n"),
	  "t.xml:5:3: <on_crash limit='0'>: '0' is out of range; use a number from 1 to 1000", false },
	{ WITH("  <on_reboot>maybe</on_reboot>\n"), "t.xml:5:3: <on_reboot>: 'maybe' is unknown; use restart or stop", true },
	{ WITH("  <autostart>on</autostart>\n"), "t.xml:5:3: <autostart>: 'on' is unknown; use yes or no", true },
	{ WITH("  <features><integration><shutdown/></integration></features>\n"), "t.xml:5:26: <shutdown>: attribute 'state' is missing", true },
	{ WITH("  <features><integration><kvq state='on'/></integration></features>\n"),
	  "t.xml:5:26: <kvq>: unknown element in <integration>; did you mean <kvp>?", true },
	{ WITH("  <features><integration><fcopy state='no'/></integration></features>\n"),
	  "t.xml:5:26: <fcopy state='no'>: 'no' is unknown; use on or off", true },
	{ VSOCK(" state='maybe'", ""), "t.xml:5:12: <vsock state='maybe'>: 'maybe' is unknown; use on or off", true },
	{ VSOCK(" group='a b'", ""), "t.xml:5:12: <vsock group='a b'>: 'a b' is no account; use a name or a number", true },
	{ VSOCK(" mode='1660'", ""), "t.xml:5:12: <vsock mode='1660'>: '1660' is no mode; use three octal digits, such as 660", true },
	{ VSOCK("", "<listen/>"), "t.xml:5:19: <listen>: attribute 'ports' is missing", true },
	{ VSOCK("", "<listen ports='1,,2'/>"), "t.xml:5:19: <listen ports='1,,2'>: '1,,2' are no ports; write numbers up to 4294967295 and ranges, such "
	  "as 22,5000-5010, or nothing for none", true },
	{ VSOCK("", "<connect ports='9-5'/>"), "t.xml:5:19: <connect ports='9-5'>: '9-5' are no ports; write numbers up to 4294967295 and ranges, such "
	  "as 22,5000-5010, or nothing for none", false },
	{ VSOCK("", "<connect ports='4294967296'/>"), "t.xml:5:19: <connect ports='4294967296'>: '4294967296' are no ports; write numbers up to "
	  "4294967295 and ranges, such as 22,5000-5010, or nothing for none", false },
	{ VSOCK("", "<connect ports='1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17'/>"), "t.xml:5:19: <connect ports='1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17'>: "
	  "more than 16 ranges", false },
	{ WITH("  <features><invtsc/></features>\n"), "t.xml:5:13: <invtsc>: attribute 'state' is missing", true },
	{ WITH("  <features><invtsc state='yes'/></features>\n"), "t.xml:5:13: <invtsc state='yes'>: 'yes' is unknown; use on or off", true },
	{ WITH("  <devices><console type='pty'/></devices>\n"), "t.xml:5:12: <console type='pty'>: 'pty' is unknown; use unix", true },
	{ WITH("  <devices>\n    <disk><source file='/a'/></disk></devices>\n"), "t.xml:6:5: <disk>: attribute 'type' is missing", true },
	{ WITH("  <devices>\n    <disk type='network'/></devices>\n"), "t.xml:6:5: <disk type='network'>: 'network' is unknown; use file or block", true },
	{ WITH("  <devices>\n    <disk type='file' device='cdrom'/></devices>\n"),
	  "t.xml:6:5: <disk device='cdrom'>: 'cdrom' is unknown; use disk", true },
	{ WITH(DISK("<target dev='sda'/>")), "t.xml:6:5: <disk>: <source> is missing", true },
	{ WITH(DISK("<source file='/a'/>")), "t.xml:6:5: <disk>: <target> is missing", true },
	{ WITH(DISK("<source dev='/dev/x'/>")), "t.xml:7:1: <source>: attribute 'dev' does not fit <disk type='file'>; use 'file'", true },
	{ WITH(DISK("<source/>")), "t.xml:7:1: <source>: attribute 'file' is missing", true },
	{ WITH(DISK("<source file='a.img'/>")), "t.xml:7:1: <source file='a.img'>: 'a.img' is no absolute path; begin with /", true },
	{ WITH(DISK("<source file='/a'/><target dev='hda'/>")), "t.xml:7:20: <target dev='hda'>: 'hda' is no disk name; use sda to sdp", true },
	{ WITH(DISK("<source file='/a'/><target dev='sda' lun='1'/>")),
	  "t.xml:7:20: <target>: give either 'dev' or 'controller' and 'lun'", true },
	{ WITH(DISK("<source file='/a'/><target/>")), "t.xml:7:20: <target>: attribute 'dev' or 'lun' is missing", true },
	{ WITH(DISK("<source file='/a'/><target controller='4' lun='1'/>")),
	  "t.xml:7:20: <target controller='4'>: '4' is out of range; use a number from 0 to 3", false },
	{ WITH(DISK("<source file='/a'/><target dev='sda'/><serial>a b</serial>")),
	  "t.xml:7:39: <serial>: 'a b' is no serial number; use 1 to 32 of A-Z a-z 0-9 . _ + -", true },
	{ WITH(DISK("<source file='/a'/><target dev='sda'/><driver cache='writeback'/>")),
	  "t.xml:7:39: <driver cache='writeback'>: 'writeback' is unknown; use none or unsafe", true },
	{ WITH(DISK("<source file='/a'/><target dev='sda'/><readonly>yes</readonly>")),
	  "t.xml:7:39: <readonly>: text between its elements; only elements may stand here", true },
	{ WITH(DISK("<source file='/a'/><target dev='sda'/></disk>\n    <disk type='file'><source file='/b'/><target lun='0'/>")),
	  "t.xml:8:5: <disk>: target 0:0 is taken by another disk; use a free one", false },
	{ WITH(DISK("<source file='/a'/><target dev='sda'/></disk>\n    <disk type='file'><readonly/><source file='/a'/><target dev='sdb'/>")),
	  "t.xml:8:5: <disk>: '/a' is disk sda already; only read-only disks may share a source", false },
	{ WITH(NIC("")), "t.xml:6:5: <interface>: <source> is missing", true },
	{ WITH("<devices>\n<interface type='network'><source bridge='b'/></interface></devices>"),
	  "t.xml:6:1: <interface type='network'>: 'network' is unknown; use bridge", true },
	{ WITH("<devices>\n<interface/></devices>"), "t.xml:6:1: <interface>: attribute 'type' is missing", true },
	{ WITH(NIC("<source bridge='a/b'/>")),
	  "t.xml:7:1: <source bridge='a/b'>: 'a/b' is no name of a bridge; use 1 to 15 of A-Z a-z 0-9 . _ -", true },
	{ WITH(NIC("<source bridge='sixteen-bytes-xx'/>")),
	  "t.xml:7:1: <source bridge='sixteen-bytes-xx'>: 'sixteen-bytes-xx' is no name of a bridge; use 1 to 15 of A-Z a-z 0-9 . _ -", true },
	{ WITH(NIC("<source bridge='b'/><mac address='00:15:5d:00:00'/>")),
	  "t.xml:7:21: <mac address='00:15:5d:00:00'>: '00:15:5d:00:00' is no MAC address; leave <mac> out to have one generated", true },
	{ WITH(NIC("<source bridge='b'/><mac address='01:15:5d:00:00:01'/>")),
	  "t.xml:7:21: <mac address='01:15:5d:00:00:01'>: '01:15:5d:00:00:01' is no station's address; the first byte must be even and not all zero",
	  false },
	{ WITH(NIC("<source bridge='b'/><mac address='00:00:00:00:00:00'/>")),
	  "t.xml:7:21: <mac address='00:00:00:00:00:00'>: '00:00:00:00:00:00' is no station's address; the first byte must be even and not all zero",
	  false },
	{ WITH(NIC("<source bridge='b'/><vlan/>")), "t.xml:7:21: <vlan>: <tag> is missing", true },
	{ WITH(NIC("<source bridge='b'/><vlan><tag id='4095'/></vlan>")),
	  "t.xml:7:27: <tag id='4095'>: '4095' is out of range; use a number from 1 to 4094", false },
	{ WITH(NIC("<source bridge='b'/><mtu size='9001'/>")),
	  "t.xml:7:21: <mtu size='9001'>: '9001' is out of range; use a number from 576 to 9000", false },
	{ WITH(NIC("<source bridge='b'/><bandwidth><inbound peak='9'/></bandwidth>")),
	  "t.xml:7:32: <inbound>: attribute 'average' is missing", true },
	{ WITH(NIC("<source bridge='b'/><bandwidth><inbound average='10' peak='9'/></bandwidth>")),
	  "t.xml:7:32: <inbound peak='9'>: less than the average of 10; use more, or leave it out", false },
	{ WITH(NIC("<source bridge='b'/><bandwidth><outbound average='4000001'/></bandwidth>")),
	  "t.xml:7:32: <outbound average='4000001'>: '4000001' is out of range; use a number from 1 to 4000000", false },
	{ WITH(NIC("<source bridge='b'/><link state='off'/>")), "t.xml:7:21: <link state='off'>: 'off' is unknown; use up or down", true },
	{ WITH(NIC("<source bridge='b'/><driver queues='9'/>")),
	  "t.xml:7:21: <driver queues='9'>: '9' is out of range; use a number from 1 to 8", false },
	{ WITH(NIC("<source bridge='b'/><port macspoofing='yes'/>")),
	  "t.xml:7:21: <port macspoofing='yes'>: 'yes' is unknown; use off or on", true },
	{ WITH(NIC("<source bridge='b'/><mac address='00:15:5D:00:00:0a'/></interface>\n"
		   "<interface type='bridge'><mac address='00-15-5d-00-00-0A'/><source bridge='c'/>")),
	  "t.xml:8:1: <interface>: MAC address 00:15:5d:00:00:0a is taken by another interface; use another, or leave <mac> out", false },
	{ "<partition>\n <name>-x</name></partition>",
	  "t.xml:2:2: <name>: '-x' is no partition name; use 1 to 63 of A-Z a-z 0-9 . _ - and begin with none of . -", true },
	{ "<partition>\n <name>../x</name></partition>",
	  "t.xml:2:2: <name>: '../x' is no partition name; use 1 to 63 of A-Z a-z 0-9 . _ - and begin with none of . -", true },
	{ "<partition><name>a</name>\n  <!-- \xc3\xa4\xc3\xb6 --> <memory unit='MB'>2</memory></partition>",
	  "t.xml:2:15: <memory unit='MB'>: unknown unit 'MB'; use MiB or GiB", true },
	{ "<partition>\n<memory unit='kB'>2</memory></partition>", "t.xml:2:1: <memory unit='kB'>: unknown unit 'kB'; use KiB", true },
	{ "<partition>\n<memory>512</memory></partition>",
	  "t.xml:2:1: <memory>: 512 KiB are too little, the least is 16 MiB; without unit='MiB' the number counts KiB", false },
	{ "<partition>\n<memory unit='MiB'>4</memory></partition>",
	  "t.xml:2:1: <memory>: 4096 KiB are too little, the least is 16 MiB; ask for more", false },
	{ "<partition><name>a</name><memory unit='MiB'>64</memory>\n<currentMemory unit='MiB'>32</currentMemory><os><kernel>/k</kernel></os></partition>",
	  "t.xml:2:1: <currentMemory>: less than <memory> at the start needs <dynamicMemory>; add it, or leave <currentMemory> out", false },
	{ "<partition><name>a</name><memory unit='MiB'>64</memory>\n<currentMemory unit='MiB'>66</currentMemory><os><kernel>/k</kernel></os></partition>",
	  "t.xml:2:1: <currentMemory>: 66 MiB at the start are more than the maximum, the 64 MiB of <memory>", false },
	{ "<partition><name>a</name><memory unit='MiB'>64</memory><currentMemory unit='MiB'>32</currentMemory>\n<dynamicMemory minimum='34' unit='MiB'/>"
	  "<os><kernel>/k</kernel></os></partition>",
	  "t.xml:2:1: <dynamicMemory minimum='34'>: more than the partition has at its start, 32 MiB", false },
	{ "<partition><name>a</name><memory unit='MiB'>64</memory>\n<dynamicMemory/></partition>",
	  "t.xml:2:1: <dynamicMemory>: attribute 'minimum' is missing", true },
	{ "<partition><name>a</name><memory unit='MiB'>64</memory>\n<dynamicMemory minimum='32' unit='MiB' priority='101'/></partition>",
	  "t.xml:2:1: <dynamicMemory priority='101'>: '101' is out of range; use a number from 0 to 100", false },
	{ "<partition>\n<memory unit='MiB'>33</memory></partition>", "t.xml:2:1: <memory>: 33792 KiB are no multiple of 2 MiB; use 34 MiB", false },
	{ "<partition>\n<memory unit='GiB'>449</memory></partition>",
	  "t.xml:2:1: <memory>: '449' is no size; use a whole number of at most 448 GiB", false },
	{ "<partition>\n<memory unit='GiB'>1.5</memory></partition>",
	  "t.xml:2:1: <memory>: '1.5' is no size; use a whole number of at most 448 GiB", true },
	{ "<partition>\n<os><kernel>vmlinuz</kernel></os></partition>", "t.xml:2:5: <kernel>: 'vmlinuz' is no absolute path; begin with /", true },
	{ "<?xml version='1.0'?>\n<!DOCTYPE p [<!ENTITY a 'b'>]><partition/>",
	  "t.xml:2:1: document type declarations and entities are refused; remove <!...>", false },
	{ "<partition><name>&x;</name></partition>", "t.xml:1:21: Entity 'x' not defined", false },
};

START_TEST(mistakes_are_refused_with_place_and_remedy)
{
	refuse_text(refused[_i].text, strlen(refused[_i].text), refused[_i].message);
}
END_TEST

START_TEST(schema_refuses_the_same_structure)
{
	const char *text = refused[_i].text;
	const xmlNode *node = NULL;
	char message[256];
	xmlDoc *doc;

	if (!refused[_i].structure)
		return;
	doc = xmlReadMemory(text, (int)strlen(text), NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	ck_assert_ptr_nonnull(doc);
	ck_assert_msg(schema_validate(doc, &node, message, sizeof message) == -1, "%s", text);
	xmlFreeDoc(doc);
	config_schema_release();
}
END_TEST

/* The text grows by repeating; whatever it is, the answer comes from a pass over it that allocates a fixed amount. */
static char *repeated(const char *head, const char *piece, size_t count, const char *tail)
{
	size_t h = strlen(head), p = strlen(piece), t = strlen(tail);
	char *text = malloc(h + p * count + t + 1);

	memcpy(text, head, h);
	for (size_t i = 0; i < count; i++)
		memcpy(text + h + i * p, piece, p);
	memcpy(text + h + p * count, tail, t + 1);
	return text;
}

START_TEST(entity_bomb_is_refused_unexpanded)
{
	static const char text[] = "<!DOCTYPE lolz [<!ENTITY a '0123456789'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
				   "<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]><partition><name>&c;</name></partition>";

	refuse_text(text, strlen(text), "t.xml:1:1: document type declarations and entities are refused; remove <!...>");
}
END_TEST

START_TEST(external_entity_is_not_opened)
{
	static const char text[] = "<!DOCTYPE p [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><partition><name>&x;</name></partition>";

	refuse_text(text, strlen(text), "t.xml:1:1: document type declarations and entities are refused; remove <!...>");
}
END_TEST

START_TEST(deep_nesting_is_refused)
{
	char *text = repeated("<partition><metadata>", "<a>", 80000, "");

	refuse_text(text, strlen(text), "t.xml:1:112: elements are nested more than 32 deep");
	free(text);
}
END_TEST

START_TEST(endless_attribute_is_refused)
{
	char *text = repeated("<partition a='", "x", 100000, "'/>");

	refuse_text(text, strlen(text), "t.xml:1:1: tag is longer than 8192 bytes");
	free(text);
}
END_TEST

START_TEST(many_elements_are_refused)
{
	char *text = repeated("<partition>\n", "<a/>\n", 5000, "</partition>");

	refuse_text(text, strlen(text), "t.xml:4097:1: more than 4096 elements");
	free(text);
}
END_TEST

START_TEST(large_text_is_refused)
{
	char *text = repeated("<partition>", "          ", 30000, "</partition>");

	refuse_text(text, strlen(text), "t.xml:1:1: 300023 bytes are too many for a definition; at most 262144");
	free(text);
}
END_TEST

START_TEST(nul_and_other_encodings_are_refused)
{
	static const char nul[] = "<partition>\0</partition>";
	static const char utf16[] = "\xff\xfe<\0p\0/\0>\0";

	refuse_text(nul, sizeof nul - 1, "t.xml:1:12: the text holds a NUL byte; it must be UTF-8");
	refuse_text(utf16, sizeof utf16 - 1, "t.xml:1:4: the text holds a NUL byte; it must be UTF-8");
}
END_TEST

START_TEST(too_many_interfaces_are_refused)
{
	char *text = repeated("<partition><devices>\n", "<interface type='bridge'><source bridge='b'/></interface>\n", 9,
			      "</devices></partition>");

	refuse_text(text, strlen(text), "t.xml:10:1: <interface>: more than 8 interfaces");
	free(text);
}
END_TEST

/* An interface by itself, as `bhctl attach-interface` takes it: the same rules, places in the text that was given. */
START_TEST(interface_alone_is_read)
{
	static const char good[] = "<?xml version='1.0'?>\n<interface type='bridge'>\n <source bridge='br0'/><vlan><tag id='7'/></vlan></interface>\n";
	static const char bad[] = "<interface type='bridge'>\n <source bridge='br0'/>\n <mtu size='x'/></interface>";
	static const char other[] = "<disk/>";
	struct config_interface interface;
	struct config_error error = { 0 };

	ck_assert_msg(!config_parse_interface("i.xml", good, strlen(good), &interface, &error), "%s", error.text);
	ck_assert_str_eq(interface.bridge, "br0");
	ck_assert_uint_eq(interface.vlan, 7);
	ck_assert(!interface.has_mac);
	ck_assert_int_eq(config_parse_interface("i.xml", bad, strlen(bad), &interface, &error), -1);
	ck_assert_str_eq(error.text, "i.xml:3:2: <mtu size='x'>: 'x' is out of range; use a number from 576 to 9000");
	ck_assert_int_eq(config_parse_interface("i.xml", other, strlen(other), &interface, &error), -1);
	ck_assert_str_eq(error.text, "i.xml:1:1: <disk>: unknown root element; this is an <interface>");
}
END_TEST

START_TEST(disk_alone_is_read)
{
	static const char good[] = "<disk type='block'>\n <source dev='/dev/x'/><target controller='1' lun='7'/><readonly/></disk>\n";
	static const char bad[] = "<disk type='file'>\n <source file='/a'/>\n <target dev='hda'/></disk>";
	static const char other[] = "<interface/>";
	struct config_error error = { 0 };
	struct config_disk disk;

	ck_assert_msg(!config_parse_disk("d.xml", good, strlen(good), &disk, &error), "%s", error.text);
	ck_assert(disk.block && disk.read_only && disk.controller == 1 && disk.lun == 7);
	ck_assert_str_eq(disk.source, "/dev/x");
	ck_assert_str_eq(disk.target, "1:7");
	free(disk.source);
	ck_assert_int_eq(config_parse_disk("d.xml", bad, strlen(bad), &disk, &error), -1);
	ck_assert_str_eq(error.text, "d.xml:3:2: <target dev='hda'>: 'hda' is no disk name; use sda to sdp");
	ck_assert_int_eq(config_parse_disk("d.xml", other, strlen(other), &disk, &error), -1);
	ck_assert_str_eq(error.text, "d.xml:1:1: <interface>: unknown root element; this is a <disk>");
}
END_TEST

START_TEST(targets_are_read)
{
	static const char *const wrong[] = { "", "sd", "sdq", "sdaa", "hda", "1", "1:", ":1", "4:0", "0:64", "0:-1", "0:1 ", " 0:1", "0:100", "10:1", "0:1:2" };
	uint8_t controller, lun;

	ck_assert(!config_target_parse("sdp", &controller, &lun) && controller == 0 && lun == 15);
	ck_assert(!config_target_parse("3:63", &controller, &lun) && controller == 3 && lun == 63);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		ck_assert_msg(config_target_parse(wrong[i], &controller, &lun) == -1, "%s", wrong[i]);
}
END_TEST

START_TEST(too_many_disks_are_refused)
{
	char *text = repeated("<partition><devices>\n", "<disk type='file'><source file='/a'/><target lun='1'/></disk>\n", 17,
			      "</devices></partition>");

	refuse_text(text, strlen(text), "t.xml:18:1: <disk>: more than 16 disks");
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("definitions");
	struct rlimit limit = { 60, 60 };
	SRunner *runner;
	int failed;

	setrlimit(RLIMIT_CPU, &limit);
	tcase_add_test(tc, full_definition_is_read);
	tcase_add_test(tc, minimal_definition_has_defaults);
	tcase_add_test(tc, vsock_is_read);
	tcase_add_loop_test(tc, variants_are_accepted, 0, sizeof accepted / sizeof *accepted);
	tcase_add_loop_test(tc, mistakes_are_refused_with_place_and_remedy, 0, sizeof refused / sizeof *refused);
	tcase_add_loop_test(tc, schema_refuses_the_same_structure, 0, sizeof refused / sizeof *refused);
	tcase_add_test(tc, entity_bomb_is_refused_unexpanded);
	tcase_add_test(tc, external_entity_is_not_opened);
	tcase_add_test(tc, deep_nesting_is_refused);
	tcase_add_test(tc, endless_attribute_is_refused);
	tcase_add_test(tc, many_elements_are_refused);
	tcase_add_test(tc, large_text_is_refused);
	tcase_add_test(tc, nul_and_other_encodings_are_refused);
	tcase_add_test(tc, too_many_disks_are_refused);
	tcase_add_test(tc, too_many_interfaces_are_refused);
	tcase_add_test(tc, interface_alone_is_read);
	tcase_add_test(tc, disk_alone_is_read);
	tcase_add_test(tc, targets_are_read);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	config_schema_release();
	xmlCleanupParser();
	return failed != 0;
}
