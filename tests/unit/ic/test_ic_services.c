/* SPDX-License-Identifier: BSD-2-Clause */
/* Key-value pairs and freezing against a guest that behaves like Linux' drivers and daemons, and against one that does not. */
#include "tests/unit/ic/guest.h"
#include "tests/unit/run_tests.h"
#include "vsp/ic/ic_internal.h"

static void on_kvp(void *arg, int error, uint32_t status, const char *key, const char *value)
{
	on_done(arg, error, status);
	ck_assert((key != NULL) == (value != NULL));
	strcpy(result.key, key ? key : "");
	strcpy(result.value, value ? value : "");
}

static int kvp(enum ic_kvp_operation operation, const char *key, const char *value)
{
	struct ic_kvp_request request = { .operation = operation, .pool = IC_KVP_GUEST, .key = key, .value = value, .index = 7 };

	return ic_kvp_request(ic, &request, on_kvp, NULL);
}

START_TEST(text_goes_to_utf16_and_back)
{
	static const char *const wrong[] = { "\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80", "a\x80" };
	static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
	const uint8_t odd[] = { 0x00, 0xd8, 'x', 0, 0x00, 0xdc, 0x3d };
	uint8_t units[64];
	char back[64];

	ck_assert_int_eq(ic_text_encode(text, units, sizeof units), 12);
	ck_assert_int_eq(units[10] | units[11], 0);
	ic_text_decode(units, 12, back, sizeof back);
	ck_assert_str_eq(back, text);
	ck_assert_int_eq(ic_text_encode(text, units, 11), -E2BIG);
	for (unsigned int i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_int_eq(ic_text_encode(wrong[i], units, sizeof units), -EILSEQ);
	/* Half a pair, and half a unit at the end. */
	ic_text_decode(odd, sizeof odd, back, sizeof back);
	ck_assert_str_eq(back, "\xef\xbf\xbdx\xef\xbf\xbd");
	ic_text_decode(units, 10, back, 7);   /* cut at a whole character */
	ck_assert_str_eq(back, "a\xc3\xa9\xe2\x82\xac");
}
END_TEST

START_TEST(a_pair_is_set_and_got)
{
	struct ic_kvp body;
	char text[64];

	setup(IC_KVP);
	ck_assert_int_eq(kvp(IC_KVP_SET, "k\xc3\xa9y", "value"), 0);
	ck_assert_int_eq(kvp(IC_KVP_SET, "other", "value"), -EBUSY);
	ck_assert(receive());
	ck_assert_uint_eq(message.header.bytes, sizeof body);
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.operation, 1);
	ck_assert_uint_eq(body.pool, 1);
	ck_assert_uint_eq(body.pair.type, IC_KVP_TEXT);
	ck_assert_uint_eq(body.pair.key_bytes, 8);
	ck_assert_uint_eq(body.pair.value_bytes, 12);
	ic_text_decode(body.pair.key, sizeof body.pair.key, text, sizeof text);
	ck_assert_str_eq(text, "k\xc3\xa9y");
	reply();
	expect(1, 0);

	ck_assert_int_eq(kvp(IC_KVP_GET, "key", NULL), 0);
	ck_assert(receive());
	memcpy(&body, message.body, sizeof body);
	body.pair.type = IC_KVP_TEXT;
	body.pair.value_bytes = 6;
	memcpy(body.pair.value, "h\0i\0\0", 6);
	memcpy(message.body, &body, sizeof body);
	reply();
	expect(2, 0);
	ck_assert_str_eq(result.value, "hi");
	end();
}
END_TEST

static void put_text(uint8_t *to, const char *text)
{
	for (; *text; text++, to += 2)
		*to = (uint8_t)*text;
}

START_TEST(addresses_of_an_interface_are_asked_for)
{
	static struct ic_kvp_addresses body;
	char text[64];

	setup(IC_KVP);
	ck_assert_int_eq(kvp(IC_KVP_GET_ADDRESSES, "00:15:5D:00:00:0B", NULL), 0);
	ck_assert(receive());
	ck_assert_uint_eq(message.header.bytes, 7428);
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.operation, 4);
	ic_text_decode(body.adapter, sizeof body.adapter, text, sizeof text);
	ck_assert_str_eq(text, "00:15:5D:00:00:0B");
	body.family = IC_ADDRESS_IPV4 | IC_ADDRESS_IPV6;
	body.dhcp = 1;
	put_text(body.address, "10.0.0.5;fe80::1%eth0 gateway=1\n");
	put_text(body.mask, "255.255.255.0;/64");
	put_text(body.dns, "10.0.0.1");
	memcpy(message.body, &body, sizeof body);
	reply();
	expect(1, 0);
	/* What a guest says does not become words of ours. */
	ck_assert_str_eq(result.value, "dhcp=1 family=46 address=10.0.0.5;fe80::1%e0aea1 mask=255.255.255.0;/64 dns=10.0.0.1");
	/* All of it full, without a NUL anywhere. */
	ck_assert_int_eq(kvp(IC_KVP_GET_ADDRESSES, "00:15:5D:00:00:0B", NULL), 0);
	ck_assert(receive());
	memset(message.body, '1', sizeof body);
	reply();
	expect(2, 0);
	ck_assert_int_eq(kvp(IC_KVP_GET_ADDRESSES, "00:15:5D:00:00:0B", NULL), 0);
	ck_assert(receive());
	message.header.status = IC_STATUS_FAIL;   /* no such interface */
	reply();
	expect(3, -EIO);
	ck_assert_int_eq(kvp(IC_KVP_GET_ADDRESSES, "00:15:5D:00:00:0B", NULL), 0);
	ck_assert(receive());
	message_bytes = 1000;
	reply();
	expect(4, -EIO);
	end();
}
END_TEST

START_TEST(addresses_of_an_interface_are_set)
{
	static const char *const wrong[] = { "", "address", "color=red", "dhcp=2", "address=1 gate=2" };
	static struct ic_kvp_addresses body;
	char text[64], large[1100] = "address=";

	setup(IC_KVP);
	ck_assert_int_eq(kvp(IC_KVP_SET_ADDRESSES, "{00155d00-000b-4b48-913f-f2d2f965ed0e}",
			     "dhcp=0 address=10.0.0.5 mask=255.255.255.0  gateway=10.0.0.1 dns=10.0.0.1;10.0.0.2"), 0);
	ck_assert(receive());
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.operation, 5);
	ck_assert_uint_eq(body.family, IC_ADDRESS_IPV4);
	ck_assert_uint_eq(body.dhcp, 0);
	ic_text_decode(body.mask, sizeof body.mask, text, sizeof text);
	ck_assert_str_eq(text, "255.255.255.0");
	ic_text_decode(body.dns, sizeof body.dns, text, sizeof text);
	ck_assert_str_eq(text, "10.0.0.1;10.0.0.2");
	reply();
	expect(1, 0);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		ck_assert_int_eq(kvp(IC_KVP_SET_ADDRESSES, "{}", wrong[i]), -EINVAL);
	memset(large + 8, '1', sizeof large - 9);
	ck_assert_int_eq(kvp(IC_KVP_SET_ADDRESSES, "{}", large), -E2BIG);
	ck_assert_int_eq(kvp(IC_KVP_SET_ADDRESSES, "", "dhcp=1"), -EINVAL);
	end();
}
END_TEST

START_TEST(numbers_are_shown_as_text)
{
	struct ic_kvp body;
	uint64_t number = 0x1122334455667788;

	setup(IC_KVP);
	ck_assert_int_eq(kvp(IC_KVP_ENUMERATE, NULL, NULL), 0);
	ck_assert(receive());
	memcpy(&body, message.body, sizeof body);
	ck_assert_uint_eq(body.enumerate.index, 7);
	body.enumerate.pair.type = IC_KVP_U64;
	body.enumerate.pair.key_bytes = 4;
	memcpy(body.enumerate.pair.key, "n\0\0", 4);
	memcpy(body.enumerate.pair.value, &number, 8);
	memcpy(message.body, &body, sizeof body);
	reply();
	expect(1, 0);
	ck_assert_str_eq(result.key, "n");
	ck_assert_str_eq(result.value, "1234605616436508552");
	end();
}
END_TEST

START_TEST(the_end_of_a_pool_and_failures_are_told_apart)
{
	setup(IC_KVP);
	ck_assert_int_eq(kvp(IC_KVP_ENUMERATE, NULL, NULL), 0);
	ck_assert(receive());
	message.header.status = IC_STATUS_NO_MORE;
	reply();
	expect(1, -ENOENT);
	ck_assert_int_eq(kvp(IC_KVP_DELETE, "key", NULL), 0);
	ck_assert(receive());
	message.header.status = IC_STATUS_FAIL;
	reply();
	expect(2, -EIO);
	ck_assert_uint_eq(result.status, IC_STATUS_FAIL);
	reply();                     /* the same again answers nothing */
	expect(2, -EIO);
	end();
}
END_TEST

START_TEST(what_cannot_be_asked_is_refused)
{
	char large[1200];

	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = 0;
	setup(IC_KVP);
	ck_assert_int_eq(kvp(IC_KVP_GET, "", NULL), -EINVAL);
	ck_assert_int_eq(kvp(IC_KVP_GET, large, NULL), -E2BIG);
	ck_assert_int_eq(kvp(IC_KVP_SET, "k", large), -E2BIG);
	ck_assert_int_eq(kvp(IC_KVP_SET, "\xff", ""), -EILSEQ);
	ck_assert_int_eq(kvp((enum ic_kvp_operation)9, "k", ""), -EINVAL);
	ck_assert(!receive());
	end();
}
END_TEST

/* Sizes beyond the fields, text without an end, an answer that is cut off: nothing is read outside the answer. */
START_TEST(an_answers_sizes_are_not_trusted)
{
	struct ic_kvp body;

	setup(IC_KVP);
	ck_assert_int_eq(kvp(IC_KVP_ENUMERATE, NULL, NULL), 0);
	ck_assert(receive());
	memset(&body, 0x41, sizeof body);
	body.enumerate.pair.type = IC_KVP_TEXT;
	body.enumerate.pair.key_bytes = body.enumerate.pair.value_bytes = UINT32_MAX;
	memcpy(message.body, &body, sizeof body);
	reply();
	expect(1, 0);
	ck_assert_uint_eq(strlen(result.key), 255 * 3);   /* U+4141, cut to what a key holds */
	ck_assert_int_eq(kvp(IC_KVP_ENUMERATE, NULL, NULL), 0);
	ck_assert(receive());
	message_bytes = sizeof message.header + 100;
	reply();
	expect(2, -EIO);
	end();
}
END_TEST

START_TEST(nobody_waits_for_ever)
{
	setup(IC_KVP);
	ck_assert_int_eq(kvp(IC_KVP_GET, "key", NULL), 0);
	ic_tick(ic, 40000);
	expect(0, 0);
	ic_tick(ic, 41000);
	expect(1, -ETIMEDOUT);
	ck_assert_int_eq(kvp(IC_KVP_GET, "key", NULL), 0);
	guest_post_relid(&p, VMBUS_MSG_CLOSE, 1);
	expect(2, -ENOTCONN);
	ck_assert_int_eq(kvp(IC_KVP_GET, "key", NULL), -ENOTCONN);
	end();
}
END_TEST

static uint8_t vss_asked(void)
{
	if (!receive())
		return 0xff;
	ck_assert_uint_eq(message.header.bytes, sizeof(struct ic_vss));
	return message.body[0];
}

static void freeze(uint32_t lease_ms)
{
	ck_assert_int_eq(ic_vss_freeze(ic, lease_ms, on_done, NULL), 0);
	ck_assert_uint_eq(vss_asked(), IC_VSS_HOT_BACKUP);
	message.body[8] = 5;
	reply();
	ck_assert_uint_eq(vss_asked(), IC_VSS_FREEZE);
	ck_assert_uint_eq(result.count, 0);
	reply();
	expect(1, 0);
	ck_assert_uint_eq(ic_vss_flags(ic), 5);
}

START_TEST(a_guest_is_frozen_and_thawed)
{
	setup(IC_VSS);
	freeze(10000);
	ck_assert_int_eq(ic_vss_freeze(ic, 10000, on_done, NULL), -EBUSY);
	ck_assert_int_eq(ic_vss_thaw(ic, on_done, NULL), 0);
	ck_assert_uint_eq(vss_asked(), IC_VSS_THAW);
	expect(1, 0);
	reply();
	expect(2, 0);
	ck_assert_uint_eq(state.frozen, 0);
	ck_assert_int_eq(ic_vss_thaw(ic, on_done, NULL), -ESTALE);
	end();
}
END_TEST

START_TEST(a_freeze_that_nobody_keeps_up_ends)
{
	setup(IC_VSS);
	freeze(10000);
	ic_tick(ic, 10000);
	ck_assert_int_eq(ic_vss_keep(ic, 10000), 0);
	ic_tick(ic, 19000);
	ck_assert_uint_eq(vss_asked(), 0xff);
	ic_tick(ic, 20000);
	ck_assert_uint_eq(vss_asked(), IC_VSS_THAW);
	ck_assert_int_eq(ic_vss_keep(ic, 10000), -ESTALE);
	ck_assert_int_eq(ic_vss_thaw(ic, on_done, NULL), -ESTALE);
	/* It does not answer, then refuses: asked again. */
	ic_tick(ic, 25000);
	ck_assert_uint_eq(vss_asked(), IC_VSS_THAW);
	message.header.status = IC_STATUS_FAIL;
	reply();
	ck_assert_uint_eq(state.frozen, 1);
	ic_tick(ic, 30000);
	ck_assert_uint_eq(vss_asked(), IC_VSS_THAW);
	reply();
	ck_assert_uint_eq(state.frozen, 0);
	end();
}
END_TEST

START_TEST(a_freeze_that_hangs_or_fails_is_undone)
{
	setup(IC_VSS);
	ck_assert_int_eq(ic_vss_freeze(ic, 10000, on_done, NULL), 0);
	ck_assert_uint_eq(vss_asked(), IC_VSS_HOT_BACKUP);
	reply();
	ck_assert_uint_eq(vss_asked(), IC_VSS_FREEZE);
	ic_tick(ic, 11000);
	expect(1, -ETIMEDOUT);
	reply();                     /* too late: not an answer to the thaw */
	ck_assert_uint_eq(vss_asked(), IC_VSS_THAW);
	ck_assert_uint_eq(state.frozen, 1);
	reply();
	ck_assert_uint_eq(state.frozen, 0);
	/* Without its daemon Linux refuses at once. */
	ck_assert_int_eq(ic_vss_freeze(ic, 10000, on_done, NULL), 0);
	ck_assert_uint_eq(vss_asked(), IC_VSS_HOT_BACKUP);
	message.header.status = IC_STATUS_FAIL;
	reply();
	expect(2, -EIO);
	ck_assert_uint_eq(vss_asked(), 0xff);
	end();
}
END_TEST

START_TEST(a_successor_thaws_what_its_predecessor_froze)
{
	setup(IC_VSS);
	freeze(10000);
	partition_succeed(&p);
	ic_detach(ic);
	offer(IC_VSS);
	ck_assert_uint_eq(vss_asked(), IC_VSS_THAW);
	reply();
	ck_assert_uint_eq(state.frozen, 0);
	end();
}
END_TEST

RUN_TESTS("ic services", text_goes_to_utf16_and_back, a_pair_is_set_and_got, addresses_of_an_interface_are_asked_for,
	addresses_of_an_interface_are_set, numbers_are_shown_as_text, the_end_of_a_pool_and_failures_are_told_apart,
	what_cannot_be_asked_is_refused, an_answers_sizes_are_not_trusted, nobody_waits_for_ever, a_guest_is_frozen_and_thawed,
	a_freeze_that_nobody_keeps_up_ends, a_freeze_that_hangs_or_fails_is_undone, a_successor_thaws_what_its_predecessor_froze)
