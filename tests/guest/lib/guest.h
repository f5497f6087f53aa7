/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest program is written with. A program is a file with one GUEST_TEST; the command line's `test=NAME[,NAME]` chooses.
 * Each prints, as a line of its own, `GUEST-RESULT NAME success|skip|error|failure`; the machine then ends through port F4h
 * with the worst of these as the code (0, 1, 2, 3).
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "cpu.h"

enum outcome {
	OUTCOME_SUCCESS,
	OUTCOME_SKIP,                /* what it is about is not there */
	OUTCOME_ERROR,               /* the test itself could not be carried out */
	OUTCOME_FAILURE              /* the other side is wrong */
};

struct guest_test {
	const char *name, *about;
	void (*run)(void);
};
#define GUEST_TEST(id, text) \
	static void run_##id(void); \
	static const struct guest_test test_##id = { #id, text, run_##id }; \
	static const struct guest_test *const pointer_##id __attribute__((used, section(".guest_tests." #id))) = &test_##id; \
	static void run_##id(void)

/* Outcome: each keeps the worst so far and goes on; the test returns by itself. */
void report(enum outcome outcome, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define failure(...) report(OUTCOME_FAILURE, __VA_ARGS__)
#define error(...)   report(OUTCOME_ERROR, __VA_ARGS__)
#define skip(...)    report(OUTCOME_SKIP, __VA_ARGS__)
/** False after it has reported a failure. */
#define check(condition, ...) ((condition) ? true : (failure(__VA_ARGS__), false))
/** `GUEST-EXPECT text`: what the other side should now say of us; nothing is printed after it. */
void expect_end(const char *text);
/** Ends the machine with the outcome so far. */
void guest_exit(enum outcome outcome) __attribute__((noreturn));

/* Console: %s %c %d %u %x %lx %llx %p with a width and 0; never blocks. Lines of several VPs do not mix. */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Command line: the text behind `key=`, up to a blank; false if it is not there. */
bool option_text(const char *key, char *text, size_t size);
uint64_t option_number(const char *key, uint64_t otherwise);

/* Memory map of the loader. */
struct memory_range {
	uint64_t start, size;
	uint32_t type;               /* 1 = RAM */
};
extern struct memory_range memory_map[64];
extern unsigned int memory_ranges;
uint64_t memory_top(void);           /* end of RAM below 4 GiB */
void *page_alloc(unsigned int pages); /* zeroed; never given back; ends the test run if there is none */

/* Interrupts: how often each vector came, and what to call. */
struct interrupt_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t vector, error_code;
	uint64_t rip, cs, rflags, rsp, ss;
};
typedef void interrupt_handler(struct interrupt_frame *frame);
void interrupt_handle(unsigned int vector, interrupt_handler *handler);
uint64_t interrupt_count(unsigned int vector);
void interrupts_load(void);          /* this VP's IDT register */

/* Time. */
extern uint64_t tsc_hz;              /* from the frequency MSR, else a guess */
void delay_us(uint64_t us);
/** Waits until *word >= value; false after so many microseconds. Interrupts stay as they are. */
bool wait_count(const volatile uint64_t *word, uint64_t value, uint64_t us);

/** Seeded pseudo-random numbers (xorshift64*). */
struct random {
	uint64_t state;
};
uint64_t random_next(struct random *r);

#endif
