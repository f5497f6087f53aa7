/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decodes the one instruction that touched MMIO: the MOV family, which is what kernels use for it. The hypervisor gives
 * the address; this gives direction, width, register or immediate, and length.
 */
#ifndef BULKHEAD_WORKER_DECODE_H
#define BULKHEAD_WORKER_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decoded_mov {
	uint8_t length;              /* of the instruction, bytes */
	uint8_t size;                /* of the memory access: 1, 2, 4, 8 */
	bool    write;
	bool    immediate;           /* a write of `value`, not of a register */
	uint64_t value;
	uint8_t reg;                 /* 0..15 */
	bool    high_byte;           /* AH CH DH BH: reg is 0..3 */
	uint8_t reg_size;            /* a read's destination: bytes */
	bool    sign_extend;         /* MOVSX; else zero extended */
};

/** mode: 16, 32 or 64. False: not a MOV that this knows, or cut short. */
bool decode_mov(const uint8_t *bytes, size_t count, unsigned int mode, struct decoded_mov *ret);

/** The value that a write stores. gpr: rax rcx rdx rbx rsp .. r15. */
uint64_t decoded_mov_source(const struct decoded_mov *mov, const uint64_t gpr[16]);
/** Puts a read's result into its register, with the processor's rules for partial registers. */
void decoded_mov_complete(const struct decoded_mov *mov, uint64_t gpr[16], uint64_t value);

#endif
