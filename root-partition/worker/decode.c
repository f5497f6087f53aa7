/* SPDX-License-Identifier: BSD-2-Clause */
/* See decode.h. Encodings: AMD64 APM vol. 3, chapter 1 and appendix A. */
#include "decode.h"

#include <string.h>

#define MAX_LENGTH 15u

struct cursor {
	const uint8_t *bytes;
	size_t count, at;
	unsigned int mode;
	unsigned int operand_size, address_size; /* bytes */
	uint8_t rex;
	bool failed;
};

#define REX_W 8u
#define REX_R 4u

static uint64_t fetch(struct cursor *c, unsigned int bytes)
{
	uint64_t value = 0;

	if (bytes > c->count - c->at) {
		c->failed = true;
		c->at = c->count;
		return 0;
	}
	memcpy(&value, c->bytes + c->at, bytes);
	c->at += bytes;
	return value;
}

/** Prefixes and the first opcode byte. */
static uint8_t fetch_opcode(struct cursor *c)
{
	bool small_operand = c->mode == 16, small_address = c->mode == 16;
	uint8_t byte;

	for (;;) {
		byte = (uint8_t)fetch(c, 1);
		switch (byte) {
		case 0x66:
			small_operand = c->mode != 16;
			continue;
		case 0x67:
			small_address = c->mode != 16;
			continue;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
			continue;
		}
		break;
	}
	if (c->mode == 64 && (byte & 0xf0) == 0x40) {
		c->rex = byte;
		byte = (uint8_t)fetch(c, 1);
	}
	c->operand_size = c->rex & REX_W ? 8 : small_operand ? 2 : 4;
	if (c->mode == 64)
		c->address_size = small_address ? 4 : 8;
	else
		c->address_size = small_address ? 2 : 4;
	return byte;
}

/** ModRM, SIB and displacement. Returns the reg field with REX.R; fails on a register operand. */
static uint8_t skip_modrm(struct cursor *c)
{
	uint8_t modrm = (uint8_t)fetch(c, 1), mod = modrm >> 6, rm = modrm & 7, sib;

	if (mod == 3) {
		c->failed = true;
	} else if (c->address_size == 2) {
		if (mod == 1)
			fetch(c, 1);
		else if (mod == 2 || rm == 6)
			fetch(c, 2);
	} else {
		if (rm == 4) {
			sib = (uint8_t)fetch(c, 1);
			if (mod == 0 && (sib & 7) == 5)
				fetch(c, 4);
		} else if (mod == 0 && rm == 5) {
			fetch(c, 4);
		}
		if (mod == 1)
			fetch(c, 1);
		else if (mod == 2)
			fetch(c, 4);
	}
	return (uint8_t)((modrm >> 3 & 7) | (c->rex & REX_R ? 8 : 0));
}

static void set_register(const struct cursor *c, struct decoded_mov *m, uint8_t reg, unsigned int reg_size)
{
	m->high_byte = reg_size == 1 && c->rex == 0 && reg >= 4 && reg < 8;
	m->reg = m->high_byte ? reg - 4 : reg;
	m->reg_size = (uint8_t)reg_size;
}

static void decode_extend(struct cursor *c, struct decoded_mov *m)
{
	uint8_t opcode = (uint8_t)fetch(c, 1);

	switch (opcode) {
	case 0xb6: case 0xb7: case 0xbe: case 0xbf: /* MOVZX, MOVSX r, r/m8 or r/m16 */
		m->size = opcode & 1 ? 2 : 1;
		m->sign_extend = opcode >= 0xbe;
		set_register(c, m, skip_modrm(c), c->operand_size);
		break;
	default:
		c->failed = true;
	}
}

bool decode_mov(const uint8_t *bytes, size_t count, unsigned int mode, struct decoded_mov *ret)
{
	struct cursor c = { .bytes = bytes, .count = count < MAX_LENGTH ? count : MAX_LENGTH, .mode = mode };
	struct decoded_mov m = { 0 };
	uint8_t opcode = fetch_opcode(&c);

	m.size = (uint8_t)(opcode & 1 ? c.operand_size : 1);
	switch (opcode) {
	case 0x88: case 0x89:        /* MOV r/m, r */
		m.write = true;
		set_register(&c, &m, skip_modrm(&c), m.size);
		break;
	case 0x8a: case 0x8b:        /* MOV r, r/m */
		set_register(&c, &m, skip_modrm(&c), m.size);
		break;
	case 0xa0: case 0xa1:        /* MOV accumulator, moffs */
		fetch(&c, c.address_size);
		set_register(&c, &m, 0, m.size);
		break;
	case 0xa2: case 0xa3:        /* MOV moffs, accumulator */
		m.write = true;
		fetch(&c, c.address_size);
		set_register(&c, &m, 0, m.size);
		break;
	case 0xc6: case 0xc7:        /* MOV r/m, imm */
		m.write = m.immediate = true;
		if (skip_modrm(&c) & 7)
			return false;
		m.value = m.size == 8 ? (uint64_t)(int64_t)(int32_t)fetch(&c, 4) : fetch(&c, m.size);
		break;
	case 0x0f:
		decode_extend(&c, &m);
		break;
	default:
		return false;
	}
	m.length = (uint8_t)c.at;
	if (c.failed)
		return false;
	*ret = m;
	return true;
}

static uint64_t mask_of(unsigned int size)
{
	return size == 8 ? ~0ull : (1ull << size * 8) - 1;
}

uint64_t decoded_mov_source(const struct decoded_mov *m, const uint64_t gpr[16])
{
	uint64_t value = m->immediate ? m->value : gpr[m->reg] >> (m->high_byte ? 8 : 0);

	return value & mask_of(m->size);
}

void decoded_mov_complete(const struct decoded_mov *m, uint64_t gpr[16], uint64_t value)
{
	uint64_t mask = mask_of(m->reg_size);

	value &= mask_of(m->size);
	if (m->sign_extend && value >> (m->size * 8 - 1))
		value |= ~mask_of(m->size);
	if (m->high_byte)
		gpr[m->reg] = (gpr[m->reg] & ~0xff00ull) | (value & 0xff) << 8;
	else if (m->reg_size >= 4)   /* a 32-bit result clears the upper half */
		gpr[m->reg] = value & mask;
	else
		gpr[m->reg] = (gpr[m->reg] & ~mask) | (value & mask);
}
