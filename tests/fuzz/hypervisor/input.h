/* SPDX-License-Identifier: BSD-2-Clause */
/* The fuzzer's bytes, taken from the front; zeros when they are used up. */
#ifndef BULKHEAD_FUZZ_HYPERVISOR_INPUT_H
#define BULKHEAD_FUZZ_HYPERVISOR_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *data;
	size_t size;
};

static inline void input_take(struct input *in, void *to, size_t n)
{
	size_t have = n < in->size ? n : in->size;

	memset(to, 0, n);
	if (have)
		memcpy(to, in->data, have);
	in->data += have;
	in->size -= have;
}

static inline uint8_t input_u8(struct input *in)
{
	uint8_t v;

	input_take(in, &v, sizeof v);
	return v;
}

static inline uint64_t input_u64(struct input *in)
{
	uint64_t v;

	input_take(in, &v, sizeof v);
	return v;
}

#endif
