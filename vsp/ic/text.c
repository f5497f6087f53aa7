/* SPDX-License-Identifier: BSD-2-Clause */
/* UTF-8 of the root's side, UTF-16LE of the messages. */
#include <errno.h>

#include "vsp/ic/ic_internal.h"

/* The next code point, or -1: not UTF-8 (RFC 3629: no overlong forms, no surrogates). */
static int32_t next(const uint8_t **at)
{
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	const uint8_t *p = *at;
	uint32_t c = *p++;
	unsigned int more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;

	if (c >= 0xf8 || (c >= 0x80 && c < 0xc2))
		return -1;
	if (more)
		c &= 0x3fu >> more;
	for (unsigned int i = 0; i < more; i++, p++) {
		if ((*p & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (*p & 0x3f);
	}
	if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return -1;
	*at = p;
	return (int32_t)c;
}

static void put_unit(uint8_t *to, uint32_t unit)
{
	to[0] = (uint8_t)unit;
	to[1] = (uint8_t)(unit >> 8);
}

int ic_text_encode(const char *text, uint8_t *to, uint32_t bytes)
{
	const uint8_t *at = (const uint8_t *)text;
	uint32_t used = 0;

	while (*at) {
		int32_t c = next(&at);
		uint32_t units = c >= 0x10000 ? 2 : 1;

		if (c < 0)
			return -EILSEQ;
		if (used + 2 * units + 2 > bytes)
			return -E2BIG;
		if (units == 2) {
			put_unit(to + used, 0xd800 + ((uint32_t)(c - 0x10000) >> 10));
			put_unit(to + used + 2, 0xdc00 + ((uint32_t)c & 0x3ff));
		} else {
			put_unit(to + used, (uint32_t)c);
		}
		used += 2 * units;
	}
	put_unit(to + used, 0);
	return (int)(used + 2);
}

static uint32_t unit_at(const uint8_t *from, uint32_t at)
{
	return (uint32_t)from[at] | (uint32_t)from[at + 1] << 8;
}

static uint32_t put_utf8(uint32_t c, uint8_t out[4])
{
	uint32_t count = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (uint32_t i = count; --i > 0; c >>= 6)
		out[i] = (uint8_t)(0x80 | (c & 0x3f));
	out[0] = (uint8_t)(count == 1 ? c : (0xf00u >> count & 0xff) | c);
	return count;
}

void ic_text_decode(const uint8_t *from, uint32_t bytes, char *to, uint32_t size)
{
	uint32_t used = 0;

	for (uint32_t at = 0; at + 2 <= bytes; at += 2) {
		uint32_t c = unit_at(from, at), count;
		uint8_t utf8[4];

		if (!c)
			break;
		if (c >= 0xd800 && c < 0xe000) {
			uint32_t low = at + 4 <= bytes ? unit_at(from, at + 2) : 0;

			if (c < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
				at += 2;
			} else {
				c = 0xfffd;
			}
		}
		count = put_utf8(c, utf8);
		if (used + count >= size)
			break;
		for (uint32_t i = 0; i < count; i++)
			to[used++] = (char)utf8[i];
	}
	to[used] = 0;
}
