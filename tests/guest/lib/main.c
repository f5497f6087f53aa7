/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the programs that the command line names, and says how each came out. */
#include "guest.h"
#include "internal.h"

#define PORT_EXIT 0xf4u
#define PIC1_MASK 0x21u
#define PIC2_MASK 0xa1u

extern const struct guest_test *const guest_tests_start[], *const guest_tests_end[];

static const char *const outcome_names[] = { "success", "skip", "error", "failure" };
static const struct guest_test *running;
static enum outcome outcome, worst;

static void conclude(void)
{
	if (running)
		print("GUEST-RESULT %s %s\n", running->name, outcome_names[outcome]);
	running = NULL;
	if (outcome > worst)
		worst = outcome;
}

void guest_exit(enum outcome with)
{
	if (with > outcome)
		outcome = with;
	conclude();
	outb(PORT_EXIT, (uint8_t)worst);
	for (;;)
		asm volatile("cli; hlt");
}

void report(enum outcome with, const char *format, ...)
{
	va_list args;

	print("%s: %s: ", running ? running->name : "guest", outcome_names[with]);
	va_start(args, format);
	print_arguments(format, args);
	va_end(args);
	print("\n");
	if (with > outcome)
		outcome = with;
}

void expect_end(const char *text)
{
	print("GUEST-EXPECT %s\n", text);
}

uint64_t random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dull;
}

static const struct guest_test *find(const char *name)
{
	const struct guest_test *const *t;

	for (t = guest_tests_start; t != guest_tests_end; t++)
		if (strcmp((*t)->name, name) == 0)
			return *t;
	return NULL;
}

static void run(const char *name)
{
	outcome = OUTCOME_SUCCESS;
	running = find(name);
	if (!running) {
		report(OUTCOME_ERROR, "there is no program '%s'", name);
		worst = OUTCOME_ERROR;
		return;
	}
	print("%s: %s\n", running->name, running->about);
	running->run();
	conclude();
}

static void list(void)
{
	const struct guest_test *const *t;

	for (t = guest_tests_start; t != guest_tests_end; t++)
		print("%12s  %s\n", (*t)->name, (*t)->about);
}

/** Called by start.S. */
void guest_main(uint32_t pvh, const void *from) __attribute__((noreturn));
void guest_main(uint32_t pvh, const void *from)
{
	char names[256] = "hello", *name = names, *end;

	if (pvh) {
		outb(PIC1_MASK, 0xff);
		outb(PIC2_MASK, 0xff);
	}
	interrupts_init();
	loader_read(pvh, from);
	time_init();
	option_text("test", names, sizeof names);
	if (strcmp(names, "list") == 0) {
		list();
		guest_exit(OUTCOME_SUCCESS);
	}
	for (; name; name = end) {
		for (end = name; *end && *end != ','; end++)
			;
		if (*end)
			*end++ = 0;
		else
			end = NULL;
		run(name);
	}
	guest_exit(OUTCOME_SUCCESS);
}
