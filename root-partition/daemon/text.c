/* SPDX-License-Identifier: BSD-2-Clause */
/* See text.h. */
#include "root-partition/daemon/text.h"

#include <stdint.h>

/* Bytes of the character at s, or 0 when it is no valid one (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF). */
static unsigned character(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned length = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	uint32_t code;

	if (length == 1)
		return 1;
	if (s[0] < 0xc0 || s[0] > 0xf4)
		return 0;
	code = s[0] & (0xffu >> (length + 1));
	for (unsigned i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)   /* also the end of the text */
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) || (code >= 0x80 && code < 0xa0))
		return 0;
	return length;
}

void text_clean(char *text)
{
	unsigned char *s = (unsigned char *)text;
	unsigned length;

	for (; *s; s += length) {
		length = character(s);
		if (!length || *s < ' ' || *s == 127) {
			*s = *s == '\n' || *s == '\t' || *s == '\r' ? ' ' : '?';
			length = 1;
		}
	}
}
