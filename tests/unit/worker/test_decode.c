/* SPDX-License-Identifier: BSD-2-Clause */
/* MOVs as compilers and Linux's readl/writel emit them, and what must be refused. */
#include "decode.h"
#include "tests/unit/run_tests.h"

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static struct decoded_mov m;
static uint64_t gpr[16];

static bool decode(const uint8_t *bytes, size_t count, unsigned int mode)
{
	unsigned int i;

	m = (struct decoded_mov){ 0 };
	for (i = 0; i < 16; i++)
		gpr[i] = 0x1122334455667700u + i;
	return decode_mov(bytes, count, mode, &m);
}

START_TEST(stores)
{
	/* mov %eax,(%rdi) */
	ck_assert(decode(BYTES(0x89, 0x07), 64));
	ck_assert_uint_eq(m.length, 2);
	ck_assert(m.write);
	ck_assert_uint_eq(decoded_mov_source(&m, gpr), 0x55667700u);
	/* mov %r9d,0x10(%rax,%rbx,4), more bytes follow */
	ck_assert(decode(BYTES(0x44, 0x89, 0x4c, 0x98, 0x10, 0x90, 0x90), 64));
	ck_assert_uint_eq(m.length, 5);
	ck_assert_uint_eq(decoded_mov_source(&m, gpr), 0x55667709u);
	/* movl $0x12345678,disp32 (SIB without base) */
	ck_assert(decode(BYTES(0xc7, 0x04, 0x25, 0, 0, 0xc0, 0xfe, 0x78, 0x56, 0x34, 0x12), 64));
	ck_assert_uint_eq(m.length, 11);
	ck_assert_uint_eq(decoded_mov_source(&m, gpr), 0x12345678);
	/* movq $-1,(%rax): the immediate is 32 bits, sign extended */
	ck_assert(decode(BYTES(0x48, 0xc7, 0x00, 0xff, 0xff, 0xff, 0xff), 64));
	ck_assert_uint_eq(m.size, 8);
	ck_assert_uint_eq(decoded_mov_source(&m, gpr), ~0ull);
	/* mov %ah,(%rsi) and mov %spl,(%rsi) */
	ck_assert(decode(BYTES(0x88, 0x26), 64));
	ck_assert_uint_eq(decoded_mov_source(&m, gpr), 0x77);
	ck_assert(decode(BYTES(0x40, 0x88, 0x26), 64));
	ck_assert_uint_eq(decoded_mov_source(&m, gpr), 0x04);
	/* mov %ax,(%edi) with both size prefixes */
	ck_assert(decode(BYTES(0x66, 0x67, 0x89, 0x07), 64));
	ck_assert_uint_eq(m.size, 2);
	ck_assert_uint_eq(decoded_mov_source(&m, gpr), 0x7700);
}
END_TEST

START_TEST(loads)
{
	/* mov 0x10(%rip),%ecx: the upper half is cleared */
	ck_assert(decode(BYTES(0x8b, 0x0d, 0x10, 0, 0, 0), 64));
	ck_assert_uint_eq(m.length, 6);
	ck_assert(!m.write);
	decoded_mov_complete(&m, gpr, 0xffffffff89abcdefu);
	ck_assert_uint_eq(gpr[1], 0x89abcdefu);
	/* mov (%rdi),%al and %ah keep the rest */
	ck_assert(decode(BYTES(0x8a, 0x07), 64));
	decoded_mov_complete(&m, gpr, 0xee);
	ck_assert_uint_eq(gpr[0], 0x11223344556677eeu);
	ck_assert(decode(BYTES(0x8a, 0x27), 64));
	decoded_mov_complete(&m, gpr, 0xee);
	ck_assert_uint_eq(gpr[0], 0x112233445566ee00u);
	/* movzbl, movswq */
	ck_assert(decode(BYTES(0x0f, 0xb6, 0x07), 64));
	ck_assert_uint_eq(m.size, 1);
	decoded_mov_complete(&m, gpr, 0xfff0);
	ck_assert_uint_eq(gpr[0], 0xf0);
	ck_assert(decode(BYTES(0x48, 0x0f, 0xbf, 0x07), 64));
	decoded_mov_complete(&m, gpr, 0x8001);
	ck_assert_uint_eq(gpr[0], 0xffffffffffff8001u);
	/* mov moffs32,%eax in 32-bit code, moffs64 in 64-bit code */
	ck_assert(decode(BYTES(0xa1, 0, 0, 0xc0, 0xfe), 32));
	ck_assert_uint_eq(m.length, 5);
	ck_assert(decode(BYTES(0xa1, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0), 64));
	ck_assert_uint_eq(m.length, 9);
	/* 16-bit code: mov disp16,%bx */
	ck_assert(decode(BYTES(0x8b, 0x1e, 0x34, 0x12), 16));
	ck_assert_uint_eq(m.length, 4);
	ck_assert_uint_eq(m.size, 2);
}
END_TEST

/* Anything else, register operands, and every truncation of a long MOV. */
START_TEST(refused)
{
	const uint8_t whole[] = { 0x48, 0xc7, 0x84, 0x98, 0, 0, 0xc0, 0xfe, 1, 2, 3, 4 };
	size_t n;

	ck_assert(!decode(BYTES(0x0f, 0x0b), 64));
	ck_assert(!decode(BYTES(0x89, 0xc7), 64));
	ck_assert(!decode(BYTES(0xc7, 0x08, 0, 0, 0, 0), 64));
	ck_assert(!decode(BYTES(0xf3, 0xa5), 64));
	ck_assert(!decode(BYTES(0xf0, 0x0f, 0xb1, 0x07), 64));
	ck_assert(!decode(BYTES(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x89), 64));
	for (n = 0; n < sizeof whole; n++)
		ck_assert(!decode(whole, n, 64));
	ck_assert(decode(whole, sizeof whole, 64));
	ck_assert(!decode_mov(NULL, 0, 64, &m));
}
END_TEST

/* No input makes the decoder read beyond it or report a length beyond it. */
START_TEST(random_bytes)
{
	static const unsigned int modes[3] = { 16, 32, 64 };
	unsigned int round, i;

	srand(1);
	for (round = 0; round < 300000; round++) {
		size_t n = (size_t)rand() % 17;
		uint8_t *bytes = malloc(n + 1);

		for (i = 0; i < n; i++)
			bytes[i] = (uint8_t)rand();
		if (n > 2 && round % 2)
			bytes[0] = (uint8_t)(0x88 + rand() % 4);
		bytes = realloc(bytes, n ? n : 1);
		if (decode(bytes, n, modes[round % 3])) {
			ck_assert_uint_le(m.length, n);
			ck_assert_uint_lt(m.reg, 16);
			ck_assert(m.size == 1 || m.size == 2 || m.size == 4 || m.size == 8);
			if (m.write)
				decoded_mov_source(&m, gpr);
			else
				decoded_mov_complete(&m, gpr, 0x123456789abcdefu);
		}
		free(bytes);
	}
}
END_TEST

RUN_TESTS("worker decode", stores, loads, refused, random_bytes)
