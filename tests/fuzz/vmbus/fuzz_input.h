/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes values off the fuzzer's bytes; zeros when they are used up. */
#ifndef BULKHEAD_FUZZ_INPUT_H
#define BULKHEAD_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *data;
	size_t size;
};

static inline void input_bytes(struct input *in, void *to, size_t size)
{
	size_t have = size < in->size ? size : in->size;

	memset(to, 0, size);
	if (have)
		memcpy(to, in->data, have);
	in->data += have;
	in->size -= have;
}

static inline uint8_t input_u8(struct input *in)
{
	uint8_t value;

	input_bytes(in, &value, sizeof value);
	return value;
}

static inline uint32_t input_u32(struct input *in)
{
	uint32_t value;

	input_bytes(in, &value, sizeof value);
	return value;
}

#endif
