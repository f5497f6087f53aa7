/* SPDX-License-Identifier: BSD-2-Clause */
/* What the loader handed over: Linux's boot_params (Documentation/x86/zero-page.rst) or PVH's start info (Xen start_info.h). */
#include "guest.h"
#include "internal.h"

#define ZERO_PAGE_E820_ENTRIES 0x1e8u
#define ZERO_PAGE_CMDLINE      0x228u
#define ZERO_PAGE_E820         0x2d0u
#define E820_ENTRY_BYTES       20u
#define PVH_MAGIC 0x336ec578u

struct pvh_start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp;
	uint64_t memory_map;
	uint32_t memory_map_entries, reserved;
};

struct pvh_memory {
	uint64_t address, size;
	uint32_t type, reserved;
};

struct memory_range memory_map[64];
unsigned int memory_ranges;
static char cmdline[1024];
static uint64_t next_free;
extern uint8_t image_end[];

static void add_range(uint64_t start, uint64_t size, uint32_t type)
{
	if (memory_ranges < sizeof memory_map / sizeof memory_map[0])
		memory_map[memory_ranges++] = (struct memory_range){ start, size, type };
}

static void read_pvh(const struct pvh_start_info *info)
{
	const struct pvh_memory *memory = (const void *)info->memory_map;
	uint32_t i;

	if (info->magic != PVH_MAGIC)
		return;
	if (info->cmdline)
		strncpy(cmdline, (const char *)info->cmdline, sizeof cmdline - 1);
	for (i = 0; info->version >= 1 && i < info->memory_map_entries; i++)
		add_range(memory[i].address, memory[i].size, memory[i].type);
}

static void read_zero_page(const uint8_t *page)
{
	uint32_t text, i;
	uint64_t entry[2];
	uint32_t type;

	memcpy(&text, page + ZERO_PAGE_CMDLINE, sizeof text);
	if (text)
		strncpy(cmdline, (const char *)(uintptr_t)text, sizeof cmdline - 1);
	for (i = 0; i < page[ZERO_PAGE_E820_ENTRIES]; i++) {
		const uint8_t *e = page + ZERO_PAGE_E820 + i * E820_ENTRY_BYTES;

		memcpy(entry, e, sizeof entry);
		memcpy(&type, e + sizeof entry, sizeof type);
		add_range(entry[0], entry[1], type);
	}
}

void loader_read(bool pvh, const void *from)
{
	if (pvh)
		read_pvh(from);
	else
		read_zero_page(from);
	next_free = ((uintptr_t)image_end + 0xfff) & ~0xfffull;
}

static const char *find(const char *key)
{
	size_t length = strlen(key);
	const char *at;

	for (at = cmdline; *at; at++)
		if ((at == cmdline || at[-1] == ' ') && strncmp(at, key, length) == 0 && at[length] == '=')
			return at + length + 1;
	return NULL;
}

bool option_text(const char *key, char *text, size_t size)
{
	const char *from = find(key);
	size_t n = 0;

	if (!from)
		return false;
	while (from[n] && from[n] != ' ' && n + 1 < size) {
		text[n] = from[n];
		n++;
	}
	text[n] = 0;
	return true;
}

uint64_t option_number(const char *key, uint64_t otherwise)
{
	const char *from = find(key);
	uint64_t value = 0, base = 10;

	if (!from)
		return otherwise;
	if (from[0] == '0' && from[1] == 'x') {
		base = 16;
		from += 2;
	}
	for (;; from++) {
		if (*from >= '0' && *from <= '9')
			value = value * base + (uint64_t)(*from - '0');
		else if (base == 16 && *from >= 'a' && *from <= 'f')
			value = value * base + (uint64_t)(*from - 'a' + 10);
		else
			return value;
	}
}

uint64_t memory_top(void)
{
	uint64_t top = 0;
	unsigned int i;

	for (i = 0; i < memory_ranges; i++)
		if (memory_map[i].type == 1 && memory_map[i].start < 1ull << 32 && memory_map[i].start + memory_map[i].size > top)
			top = memory_map[i].start + memory_map[i].size;
	return top;
}

void *page_alloc(unsigned int pages)
{
	void *at = (void *)next_free;

	if (next_free + pages * 4096ull > memory_top()) {
		error("no memory for %u pages", pages);
		guest_exit(OUTCOME_ERROR);
	}
	next_free += pages * 4096ull;
	return memset(at, 0, pages * 4096ull);
}
