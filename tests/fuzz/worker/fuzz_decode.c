/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction bytes are the guest's: whatever they are, the decoder stays inside them and its result is usable. */
#include <stdlib.h>

#include "decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned int modes[3] = { 16, 32, 64 };
	uint64_t gpr[16] = { 0 };
	struct decoded_mov mov;

	if (size == 0 || !decode_mov(data + 1, size - 1, modes[data[0] % 3], &mov))
		return 0;
	if (mov.length > size - 1 || mov.reg > 15 || mov.size > 8)
		abort();
	if (mov.write)
		decoded_mov_source(&mov, gpr);
	else
		decoded_mov_complete(&mov, gpr, ~0ull);
	return 0;
}
