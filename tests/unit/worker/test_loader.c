/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The loader with a bzImage and an ELF made here, with the distribution's own kernel where one is installed, and with
 * headers that lie.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/registers.h"
#include "boot_params.h"
#include "boot_state.h"
#include "loader.h"
#include "tests/unit/run_tests.h"

#define MIB (1ull << 20)

static struct guest_memory memory;
static struct loader_result result;
static char why[256];

static void begin(uint64_t size)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	guest_memory_unmap(&memory);
	ck_assert_int_eq(guest_memory_map(&memory, fd, size), 0);
	close(fd);
}

static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
	return fd;
}

static int load(int kernel_fd, int initrd_fd, const char *cmdline)
{
	struct loader_input input = { kernel_fd, initrd_fd, cmdline, LAYOUT_ACPI, false };

	why[0] = '\0';
	result = (struct loader_result){ 0 };
	return loader_load(&memory, &input, &result, why, sizeof why);
}

/* A minimal image: one setup sector, then 64 KiB of code of which every byte is its offset's low byte. */
#define PAYLOAD 65536u
static uint8_t image[1024 + PAYLOAD];

static struct setup_header *make_image(void)
{
	struct setup_header *h = (struct setup_header *)(image + SETUP_HEADER_OFFSET);
	size_t i;

	memset(image, 0, 1024);
	for (i = 0; i < PAYLOAD; i++)
		image[1024 + i] = (uint8_t)(i * 7 + i / 256);
	*h = (struct setup_header){
		.setup_sects = 1, .syssize = PAYLOAD / 16, .boot_flag = 0xaa55, .jump_opcode = 0xeb, .jump_offset = 0x6a,
		.header = SETUP_HEADER_MAGIC, .version = 0x020f, .loadflags = LOADED_HIGH, .initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000, .relocatable_kernel = 1, .xloadflags = XLF_KERNEL_64, .cmdline_size = 2047,
		.pref_address = 16 * MIB, .init_size = 4 * MIB,
	};
	return h;
}

static int load_image(size_t size)
{
	int fd = file_of(image, size), rc = load(fd, -1, "console=ttyS0");

	close(fd);
	return rc;
}

START_TEST(bzimage)
{
	const struct boot_params *bp;
	uint8_t initrd[5000];
	int kernel, ramdisk;

	begin(64 * MIB);
	make_image();
	memset(initrd, 0x5a, sizeof initrd);
	kernel = file_of(image, sizeof image);
	ramdisk = file_of(initrd, sizeof initrd);
	ck_assert_msg(load(kernel, ramdisk, "quiet root=/dev/sda") == 0, "%s", why);
	bp = guest_memory_low(&memory, LAYOUT_BOOT_PARAMS);
	ck_assert_uint_eq(result.entry, 16 * MIB + 0x200);
	ck_assert_int_eq(memcmp(guest_memory_at(&memory, 16 * MIB, PAYLOAD), image + 1024, PAYLOAD), 0);
	ck_assert_uint_eq(bp->hdr.header, SETUP_HEADER_MAGIC);
	ck_assert_uint_eq(bp->hdr.type_of_loader, 0xff);
	ck_assert_uint_eq(bp->acpi_rsdp_addr, LAYOUT_ACPI);
	ck_assert_str_eq(guest_memory_low(&memory, bp->hdr.cmd_line_ptr), "quiet root=/dev/sda");
	/* The initrd: as high as it fits, on a page, unchanged. */
	ck_assert_uint_eq(bp->hdr.ramdisk_size, sizeof initrd);
	ck_assert_uint_eq(bp->hdr.ramdisk_image, (64 * MIB - sizeof initrd) & ~4095ull);
	ck_assert_int_eq(memcmp(guest_memory_at(&memory, bp->hdr.ramdisk_image, sizeof initrd), initrd, sizeof initrd), 0);
	close(kernel);
	close(ramdisk);
}
END_TEST

/* The map covers all RAM once, in order, without the firmware area; RAM beyond 3.5 GiB goes on at 4 GiB. */
START_TEST(e820)
{
	const struct boot_params *bp;
	uint64_t end = 0, ram = 0;
	unsigned int i;

	begin(5ull << 30);
	make_image();
	ck_assert_msg(load_image(sizeof image) == 0, "%s", why);
	bp = guest_memory_low(&memory, LAYOUT_BOOT_PARAMS);
	for (i = 0; i < bp->e820_entries; i++) {
		ck_assert_uint_ge(bp->e820[i].start, end);
		ck_assert_uint_gt(bp->e820[i].size, 0);
		end = bp->e820[i].start + bp->e820[i].size;
		if (bp->e820[i].type == E820_RAM)
			ram += bp->e820[i].size;
	}
	ck_assert_uint_eq(end, LAYOUT_4G + (5ull << 30) - LAYOUT_LOW_RAM_MAX);
	ck_assert_uint_eq(ram, (5ull << 30) - (LAYOUT_HIGH_START - LAYOUT_LOW_END));
	ck_assert_ptr_eq(guest_memory_at(&memory, LAYOUT_LOW_RAM_MAX, 1), NULL);
	ck_assert_ptr_eq(guest_memory_at(&memory, LAYOUT_LOW_RAM_MAX - 1, 2), NULL);
	ck_assert_ptr_eq(guest_memory_at(&memory, LAYOUT_4G, 1), memory.host + LAYOUT_LOW_RAM_MAX);
	ck_assert_ptr_eq(guest_memory_at(&memory, UINT64_MAX, 2), NULL);
	ck_assert_ptr_eq(guest_memory_at(&memory, 0, UINT64_MAX), NULL);
}
END_TEST

/* A kernel that prefers an address beyond RAM goes as low as it may; one that cannot move is refused. */
START_TEST(placement)
{
	struct setup_header *h;

	begin(16 * MIB);
	h = make_image();
	ck_assert_msg(load_image(sizeof image) == 0, "%s", why);
	ck_assert_uint_eq(result.kernel_start, 2 * MIB);
	h->relocatable_kernel = 0;
	ck_assert_int_lt(load_image(sizeof image), 0);
	h = make_image();
	h->init_size = 15 * MIB;
	ck_assert_int_eq(load_image(sizeof image), -ENOMEM);
	h->pref_address = UINT64_MAX - 4096;
	ck_assert_int_eq(load_image(sizeof image), -ENOMEM);
	h = make_image();
	h->pref_address = 0;
	h->kernel_alignment = 3;
	ck_assert_int_eq(load_image(sizeof image), -ENOEXEC);
	h->kernel_alignment = 0;
	ck_assert_int_eq(load_image(sizeof image), -ENOEXEC);
	h->kernel_alignment = 0x80000000;
	ck_assert_int_eq(load_image(sizeof image), -ENOMEM);
}
END_TEST

START_TEST(malformed_bzimage)
{
	struct setup_header *h;
	size_t n;

	begin(64 * MIB);
#define REFUSED(change) \
	do { \
		h = make_image(); \
		change; \
		ck_assert_int_lt(load_image(sizeof image), 0); \
		ck_assert_str_ne(why, ""); \
	} while (0)
	REFUSED(h->boot_flag = 0);
	REFUSED(h->header = 0);
	REFUSED(h->version = 0x020b);
	REFUSED(h->xloadflags = 0);
	REFUSED(h->loadflags = 0);
	REFUSED(h->syssize = 0);
	REFUSED(h->syssize = 0xffffffff);
	REFUSED(h->syssize = PAYLOAD / 16 + 257);
	REFUSED(h->setup_sects = 255);
	REFUSED(h->init_size = 4096);
	REFUSED(h->cmdline_size = 5);
#undef REFUSED
	make_image();
	for (n = 0; n < 1024 + 0x200; n += 13)
		ck_assert_int_lt(load_image(n), 0);
	ck_assert_int_eq(load_image(sizeof image), 0);
}
END_TEST

/* Any header at all: refused or loaded, never out of bounds (the sanitizers watch). */
START_TEST(random_headers)
{
	unsigned int round, i;

	begin(64 * MIB);
	srand(7);
	for (round = 0; round < 3000; round++) {
		make_image();
		for (i = 0; i < 1 + round % 6; i++)
			image[SETUP_HEADER_OFFSET + (size_t)rand() % sizeof(struct setup_header)] = (uint8_t)rand();
		if (load_image(sizeof image) == 0) {
			ck_assert_uint_ge(result.kernel_start, LAYOUT_HIGH_START);
			ck_assert_uint_le(result.kernel_end, memory.low_size);
		}
	}
}
END_TEST

START_TEST(initrd_does_not_fit)
{
	int kernel, ramdisk = memfd_create("initrd", MFD_CLOEXEC);

	begin(32 * MIB);
	make_image();
	kernel = file_of(image, sizeof image);
	ck_assert_int_eq(ftruncate(ramdisk, 12 * MIB + 1), 0);
	ck_assert_int_eq(load(kernel, ramdisk, ""), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(why, "more memory"));
	ck_assert_int_eq(ftruncate(ramdisk, 12 * MIB), 0);
	ck_assert_msg(load(kernel, ramdisk, "") == 0, "%s", why);
	ck_assert_int_eq(ftruncate(ramdisk, 1ll << 40), 0);
	ck_assert_int_eq(load(kernel, ramdisk, ""), -ENOMEM);
	close(kernel);
	close(ramdisk);
}
END_TEST

struct small_elf {
	Elf64_Ehdr e;
	Elf64_Phdr p[2];
	uint8_t code[256];
};

static struct small_elf make_elf(void)
{
	struct small_elf f = {
		.e = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC, .e_machine = EM_X86_64, .e_entry = 0xffffffff80000010u,
			.e_phoff = offsetof(struct small_elf, p), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
		},
		.p = { { .p_type = PT_NOTE },
		       { .p_type = PT_LOAD, .p_offset = offsetof(struct small_elf, code), .p_vaddr = 0xffffffff80000000u,
			 .p_paddr = 2 * MIB, .p_filesz = 256, .p_memsz = 8192 } },
	};

	memset(f.code, 0xcc, sizeof f.code);
	return f;
}

static int load_elf(const struct small_elf *f, size_t size)
{
	int fd = file_of(f, size), rc = load(fd, -1, "x");

	close(fd);
	return rc;
}

START_TEST(elf)
{
	struct small_elf f = make_elf();

	begin(16 * MIB);
	memset(guest_memory_at(&memory, 2 * MIB, 8192), 0xff, 8192);
	ck_assert_msg(load_elf(&f, sizeof f) == 0, "%s", why);
	ck_assert_uint_eq(result.entry, 2 * MIB + 0x10);
	ck_assert_uint_eq(*guest_memory_at(&memory, 2 * MIB + 255, 1), 0xcc);
	ck_assert_uint_eq(*guest_memory_at(&memory, 2 * MIB + 256, 1), 0);
	ck_assert_uint_eq(*guest_memory_at(&memory, 2 * MIB + 8191, 1), 0);
	f.e.e_entry = 2 * MIB + 0x20;
	ck_assert_int_eq(load_elf(&f, sizeof f), 0);
	ck_assert_uint_eq(result.entry, 2 * MIB + 0x20);
}
END_TEST

START_TEST(malformed_elf)
{
	struct small_elf f;
	size_t n;

	begin(16 * MIB);
#define REFUSED(change) \
	do { \
		f = make_elf(); \
		change; \
		ck_assert_int_lt(load_elf(&f, sizeof f), 0); \
		ck_assert_str_ne(why, ""); \
	} while (0)
	REFUSED(f.e.e_ident[EI_CLASS] = ELFCLASS32);
	REFUSED(f.e.e_machine = EM_ARM);
	REFUSED(f.e.e_phnum = 0);
	REFUSED(f.e.e_phnum = 65535);
	REFUSED(f.e.e_phentsize = 1);
	REFUSED(f.e.e_phoff = UINT64_MAX);
	REFUSED(f.e.e_phoff = sizeof f);
	REFUSED(f.e.e_entry = 0);
	REFUSED(f.p[1].p_paddr = 0x1000);
	REFUSED(f.p[1].p_paddr = 16 * MIB - 4096);
	REFUSED(f.p[1].p_paddr = UINT64_MAX);
	REFUSED(f.p[1].p_memsz = UINT64_MAX);
	REFUSED(f.p[1].p_filesz = 8193);
	REFUSED(f.p[1].p_offset = UINT64_MAX);
	REFUSED(f.p[1].p_offset = sizeof f - 255);
#undef REFUSED
	f = make_elf();
	for (n = 0; n < sizeof f; n++)
		ck_assert_int_lt(load_elf(&f, n), 0);
}
END_TEST

/* The kernel that children run, as installed. */
START_TEST(distribution_kernel)
{
	glob_t found;
	int fd;

	if (glob("/boot/vmlinuz-*-cloud-amd64", 0, NULL, &found) != 0)
		return;
	fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC);
	globfree(&found);
	if (fd < 0)
		return;
	begin(256 * MIB);
	ck_assert_msg(load(fd, -1, "console=ttyS0") == 0, "%s", why);
	ck_assert_uint_eq(result.kernel_start, 16 * MIB);
	ck_assert_uint_eq(result.entry, 16 * MIB + 0x200);
	close(fd);
}
END_TEST

/* The first VP starts in 64-bit mode with what the boot protocol promises; page tables map the kernel to itself. */
START_TEST(initial_state)
{
	struct hv_register_assoc r[BOOT_STATE_REGISTERS];
	unsigned int n = boot_state_bsp(r, 0x1000200), i;
	const uint64_t *table;
	uint64_t cr3 = 0, rip = 0, apic_base = 0;

	ck_assert_uint_le(n, BOOT_STATE_REGISTERS);
	for (i = 0; i < n; i++) {
		if (r[i].name == HV_X64_REGISTER_CR3)
			cr3 = r[i].value.reg64;
		if (r[i].name == HV_X64_REGISTER_RIP)
			rip = r[i].value.reg64;
		if (r[i].name == HV_X64_REGISTER_APIC_BASE)
			apic_base = r[i].value.reg64;
	}
	ck_assert_uint_eq(rip, 0x1000200);
	ck_assert_uint_eq(apic_base, 0xfee00d00);
	begin(64 * MIB);
	make_image();
	ck_assert_int_eq(load_image(sizeof image), 0);
	table = guest_memory_low(&memory, cr3);
	table = guest_memory_low(&memory, table[0] & ~4095ull);
	table = guest_memory_low(&memory, table[3] & ~4095ull);
	ck_assert_uint_eq(table[511], 0xffe00083u);
	ck_assert_uint_eq(boot_state_ap(r), 2);
	ck_assert_uint_eq(r[0].value.reg64, 0xfee00c00);
}
END_TEST

RUN_TESTS("worker loader", bzimage, e820, placement, malformed_bzimage, random_headers, initrd_does_not_fit, elf, malformed_elf,
	  distribution_kernel, initial_state)
