/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a bzImage through bulkhead-unpack-kernel's code to guest memory: kernels made here, packed in every way that is known, with
 * relocations that can be checked one by one; files that lie; and the distribution's own kernel where one is installed.
 */
#include <archive.h>
#include <archive_entry.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot_params.h"
#include "loader.h"
#include "root-partition/lib/unpacked_kernel.h"
#include "root-partition/unpack/unpack.h"
#include "tests/unit/run_tests.h"

#define MIB (1ull << 20)
#define BASE (16 * MIB)
#define VIRTUAL (0xffffffff80000000ull + BASE)

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

/* A vmlinux as it lies in a payload: text of two pages, data of one behind a hole; then its relocations. */
static struct __attribute__((packed)) vmlinux {
	Elf64_Ehdr e;
	Elf64_Phdr p[2];
	uint8_t text[8192], data[4096];
	uint32_t relocations[7];
} vmlinux;

#define ADDRESS(offset) ((uint32_t)(VIRTUAL + (offset)))

static void make_vmlinux(void)
{
	uint64_t wide = VIRTUAL + 0x10;
	uint32_t narrow = ADDRESS(0x20), inverse = 1000;

	vmlinux = (struct vmlinux){
		.e = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_EXEC, .e_machine = EM_X86_64,
		       .e_entry = BASE + 0x40, .e_phoff = offsetof(struct vmlinux, p), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2,
		       .e_shoff = offsetof(struct vmlinux, relocations) },
		.p = { { .p_type = PT_LOAD, .p_offset = offsetof(struct vmlinux, text), .p_vaddr = VIRTUAL, .p_paddr = BASE,
			 .p_filesz = sizeof vmlinux.text, .p_memsz = sizeof vmlinux.text },
		       { .p_type = PT_LOAD, .p_offset = offsetof(struct vmlinux, data), .p_vaddr = VIRTUAL + 2 * MIB, .p_paddr = BASE + 2 * MIB,
			 .p_filesz = sizeof vmlinux.data, .p_memsz = 2 * sizeof vmlinux.data } },
		/* 64 bits, inverse, 32 bits */
		.relocations = { 0, ADDRESS(2 * MIB + 8), 0, ADDRESS(8188), 0, ADDRESS(0x101), ADDRESS(0x200) },
	};
	memset(vmlinux.text, 0x11, sizeof vmlinux.text);
	memset(vmlinux.data, 0x22, sizeof vmlinux.data);
	memcpy(vmlinux.data + 8, &wide, 8);
	memcpy(vmlinux.text + 8188, &inverse, 4);
	memcpy(vmlinux.text + 0x101, &narrow, 4);
	memcpy(vmlinux.text + 0x200, &narrow, 4);
}

static uint8_t bzimage[65536];
static size_t bzimage_size;

static struct setup_header *header(void)
{
	return (struct setup_header *)(bzimage + SETUP_HEADER_OFFSET);
}

/* The payload begins behind the setup code and some of the decompressor's; its size as Linux's build appends it is gzip's own trailer. */
static void pack(int (*filter)(struct archive *a), bool own_size)
{
	struct archive *a = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	uint32_t size = sizeof vmlinux;
	size_t used = 0;

	memset(bzimage, 0, sizeof bzimage);
	ck_assert_int_eq(archive_write_set_format_raw(a), ARCHIVE_OK);
	ck_assert_int_eq(filter(a), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_open_memory(a, bzimage + 1536, sizeof bzimage - 1536, &used), ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	ck_assert_int_eq(archive_write_header(a, entry), ARCHIVE_OK);
	ck_assert_int_eq(archive_write_data(a, &vmlinux, sizeof vmlinux), sizeof vmlinux);
	ck_assert_int_eq(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	archive_entry_free(entry);
	if (!own_size) {
		memcpy(bzimage + 1536 + used, &size, 4);
		used += 4;
	}
	*header() = (struct setup_header){
		.setup_sects = 1, .syssize = 4096, .boot_flag = 0xaa55, .jump_opcode = 0xeb, .jump_offset = 0x6a,
		.header = SETUP_HEADER_MAGIC, .version = 0x020f, .loadflags = LOADED_HIGH, .initrd_addr_max = 0x7fffffff,
		.kernel_alignment = 0x200000, .relocatable_kernel = 1, .xloadflags = XLF_KERNEL_64, .cmdline_size = 2047,
		.payload_offset = 512, .payload_length = (uint32_t)used, .pref_address = BASE, .init_size = 4 * MIB,
	};
	bzimage_size = 1536 + used;
}

static int unpack(struct unpacked *ret)
{
	why[0] = '\0';
	return unpack_kernel(bzimage, bzimage_size, ret, why, sizeof why);
}

static int load(const struct unpacked *u, const char *cmdline, bool used, int initrd_fd)
{
	int fd = memfd_create("unpacked", MFD_CLOEXEC), rc;
	struct loader_input input = { .kernel_fd = fd, .initrd_fd = initrd_fd, .cmdline = cmdline, .rsdp = LAYOUT_ACPI, .memory_used = used };

	ck_assert_int_eq(write(fd, u->bytes, u->size), (ssize_t)u->size);
	result = (struct loader_result){ 0 };
	why[0] = '\0';
	rc = loader_load(&memory, &input, &result, why, sizeof why);
	close(fd);
	return rc;
}

static uint64_t at(uint64_t offset, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, guest_memory_at(&memory, result.kernel_start + offset, size), size);
	return value;
}

static const struct {
	int (*filter)(struct archive *a);
	bool own_size;
} formats[] = {
	{ archive_write_add_filter_gzip, true }, { archive_write_add_filter_bzip2, false }, { archive_write_add_filter_lzma, false },
	{ archive_write_add_filter_xz, false }, { archive_write_add_filter_lz4, false }, { archive_write_add_filter_zstd, false },
};

START_TEST(formats_and_nokaslr)
{
	struct unpacked u;

	begin(64 * MIB);
	make_vmlinux();
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		pack(formats[i].filter, formats[i].own_size);
		ck_assert_msg(unpack(&u) == 0, "format %zu: %s", i, why);
		ck_assert_msg(load(&u, "quiet nokaslr", false, -1) == 0, "%s", why);
		ck_assert_uint_eq(result.kernel_start, BASE);
		ck_assert_uint_eq(result.kernel_end, BASE + 4 * MIB);
		ck_assert_uint_eq(result.entry, BASE + 0x40);
		ck_assert_int_eq(memcmp(guest_memory_at(&memory, BASE, 8192), vmlinux.text, 8192), 0);
		ck_assert_int_eq(memcmp(guest_memory_at(&memory, BASE + 2 * MIB, 4096), vmlinux.data, 4096), 0);
		ck_assert_int_eq(((struct boot_params *)guest_memory_low(&memory, LAYOUT_BOOT_PARAMS))->hdr.loadflags, LOADED_HIGH);
		free(u.bytes);
	}
}
END_TEST

/* Every address moves by the same distance, a multiple of the alignment; what is not an address stays; no two starts agree for long. */
START_TEST(addresses_by_chance)
{
	const struct boot_params *bp = NULL;
	struct unpacked u;
	uint64_t moved = 0, placed = 0;

	begin(256 * MIB);
	make_vmlinux();
	pack(archive_write_add_filter_xz, false);
	ck_assert_int_eq(unpack(&u), 0);
	for (int round = 0; round < 20; round++) {
		uint64_t delta;

		ck_assert_msg(load(&u, "quiet", true, -1) == 0, "%s", why);
		bp = guest_memory_low(&memory, LAYOUT_BOOT_PARAMS);
		delta = at(2 * MIB + 8, 8) - (VIRTUAL + 0x10);
		ck_assert_uint_eq(delta % (2 * MIB), 0);
		ck_assert_uint_le(BASE + delta + 4 * MIB, 1ull << 30);
		ck_assert_uint_eq(at(0x101, 4), (uint32_t)(ADDRESS(0x20) + delta));
		ck_assert_uint_eq(at(0x200, 4), (uint32_t)(ADDRESS(0x20) + delta));
		ck_assert_uint_eq(at(8188, 4), (uint32_t)(1000 - delta));
		ck_assert_uint_eq(at(0, 8), 0x1111111111111111ull);
		ck_assert_uint_eq(result.kernel_start % (2 * MIB), 0);
		ck_assert_uint_ge(result.kernel_start, BASE);
		ck_assert_uint_le(result.kernel_end, 256 * MIB);
		ck_assert_uint_eq(result.entry, result.kernel_start + 0x40);
		ck_assert_int_eq(bp->hdr.loadflags, LOADED_HIGH | KASLR_FLAG);
		moved += delta != 0;
		placed += result.kernel_start != BASE;
	}
	ck_assert_uint_gt(moved, 10);
	ck_assert_uint_gt(placed, 10);
	/* Limits that are counted from below keep it low. */
	ck_assert_int_eq(load(&u, "quiet mem=128M", true, -1), 0);
	ck_assert_uint_eq(result.kernel_start, BASE);
	free(u.bytes);
}
END_TEST

/* The initial RAM disk has its place at the top; a kernel leaves it there. At a reset what is zero in the kernel is zero in memory. */
START_TEST(initrd_and_reset)
{
	int initrd = memfd_create("initrd", MFD_CLOEXEC);
	struct unpacked u;

	begin(64 * MIB);
	make_vmlinux();
	pack(archive_write_add_filter_zstd, false);
	ck_assert_int_eq(unpack(&u), 0);
	ck_assert_int_eq(ftruncate(initrd, 40 * MIB), 0);
	for (int round = 0; round < 20; round++) {
		memset(guest_memory_at(&memory, BASE, 48 * MIB), 0xff, 48 * MIB);
		ck_assert_msg(load(&u, "", true, initrd) == 0, "%s", why);
		ck_assert_uint_le(result.kernel_end, result.initrd_start);
		ck_assert_uint_eq(at(MIB, 8), 0);
	}
	ck_assert_int_eq(ftruncate(initrd, 45 * MIB), 0);
	ck_assert_int_eq(load(&u, "", true, initrd), -ENOMEM);
	close(initrd);
	free(u.bytes);
}
END_TEST

/* Two lists are those of a kernel without inverse relocations; none, of one that cannot be moved. */
START_TEST(lists_of_relocations)
{
	struct unpacked u;

	begin(64 * MIB);
	make_vmlinux();
	memmove(&vmlinux.relocations[1], &vmlinux.relocations[3], 16);   /* 0, inverse as 64 bits, 0, 32 bits ×2 */
	vmlinux.relocations[1] = ADDRESS(2 * MIB + 8);
	vmlinux.relocations[5] = ADDRESS(0x300);
	vmlinux.relocations[6] = ADDRESS(0x308);
	pack(archive_write_add_filter_gzip, true);
	ck_assert_msg(unpack(&u) == 0, "%s", why);
	ck_assert_uint_eq(((struct unpacked_kernel *)u.bytes)->add64, 1);
	ck_assert_uint_eq(((struct unpacked_kernel *)u.bytes)->sub32, 0);
	ck_assert_uint_eq(((struct unpacked_kernel *)u.bytes)->add32, 4);
	free(u.bytes);

	make_vmlinux();
	vmlinux.e.e_shnum = 1;
	vmlinux.e.e_shentsize = sizeof vmlinux.relocations;
	pack(archive_write_add_filter_gzip, true);
	ck_assert_msg(unpack(&u) == 0, "%s", why);
	for (int round = 0; round < 5; round++) {
		ck_assert_msg(load(&u, "", false, -1) == 0, "%s", why);
		ck_assert_uint_eq(result.kernel_start, BASE);
		ck_assert_uint_eq(at(2 * MIB + 8, 8), VIRTUAL + 0x10);
	}
	free(u.bytes);
}
END_TEST

START_TEST(what_lies_is_refused)
{
	struct unpacked u = { 0 };

#define REFUSED(change) \
	do { \
		make_vmlinux(); \
		change; \
		pack(archive_write_add_filter_gzip, true); \
		ck_assert_int_eq(unpack(&u), -1); \
		ck_assert_str_ne(why, ""); \
	} while (0)
	REFUSED(vmlinux.e.e_ident[0] = 0);
	REFUSED(vmlinux.e.e_phnum = 0);
	REFUSED(vmlinux.e.e_phnum = 65535);
	REFUSED(vmlinux.e.e_phoff = UINT64_MAX);
	REFUSED(vmlinux.e.e_shoff = 0);
	REFUSED(vmlinux.e.e_shoff = UINT64_MAX);
	REFUSED(vmlinux.e.e_shoff += 4);
	REFUSED(vmlinux.e.e_entry = BASE - 1);
	REFUSED(vmlinux.p[1].p_offset = UINT64_MAX);
	REFUSED(vmlinux.p[1].p_filesz = UINT64_MAX);
	REFUSED(vmlinux.p[1].p_paddr = UINT64_MAX - 4095);
	REFUSED(vmlinux.p[1].p_paddr = BASE + 4 * MIB);
	REFUSED(vmlinux.p[0].p_paddr += 8);
	REFUSED(vmlinux.relocations[0] = 1);
	REFUSED(vmlinux.relocations[1] = 0);
	REFUSED(vmlinux.relocations[1] = ADDRESS(2 * MIB + 4089));
	REFUSED(vmlinux.relocations[3] = ADDRESS(-1));
	REFUSED(vmlinux.relocations[5] = ADDRESS(2 * MIB + 4093));
	REFUSED(vmlinux.relocations[5] = 0x1000);
#undef REFUSED
	make_vmlinux();
	pack(archive_write_add_filter_gzip, true);
	header()->payload_length = UINT32_MAX;
	ck_assert_int_eq(unpack(&u), -1);
	pack(archive_write_add_filter_gzip, true);
	header()->payload_offset = UINT32_MAX;
	ck_assert_int_eq(unpack(&u), -1);
	pack(archive_write_add_filter_xz, false);
	memset(bzimage + 1600, 0, 64);
	ck_assert_int_eq(unpack(&u), -1);
	pack(archive_write_add_filter_xz, false);
	bzimage[bzimage_size - 4]++;
	ck_assert_int_eq(unpack(&u), -1);
	bzimage[bzimage_size - 4] -= 2;
	ck_assert_int_eq(unpack(&u), -1);
	for (bzimage_size = 0; bzimage_size < 2000; bzimage_size += 7)
		ck_assert_int_eq(unpack(&u), -1);
}
END_TEST

/* A file of another version, or damaged: the loader says so, and writes nothing beside the guest's memory. */
START_TEST(damaged_files)
{
	struct unpacked_kernel *k;
	struct unpacked u;

	begin(64 * MIB);
	make_vmlinux();
	pack(archive_write_add_filter_lz4, false);
#define REFUSED(change) \
	do { \
		ck_assert_int_eq(unpack(&u), 0); \
		k = (struct unpacked_kernel *)u.bytes; \
		change; \
		ck_assert_int_lt(load(&u, "", false, -1), 0); \
		ck_assert_str_ne(why, ""); \
		free(u.bytes); \
	} while (0)
	REFUSED(k->version++);
	REFUSED(k->image_size += 4096);
	REFUSED(k->image_size = UINT64_MAX - 4095);
	REFUSED(k->entry = UINT64_MAX);
	REFUSED(k->add32 = UINT32_MAX);
	REFUSED(k->boot_sectors[SETUP_HEADER_OFFSET + 13] = 0);
	REFUSED(u.size--);
	REFUSED(memset(u.bytes + u.size - 4, 0xff, 4));
	REFUSED(u.size = 100);
#undef REFUSED
}
END_TEST

/* The kernel that children run, as installed: all that differs between two addresses is what its relocations name. */
START_TEST(distribution_kernel)
{
	struct unpacked_kernel *k;
	struct unpacked u;
	uint8_t *plain, *file;
	uint64_t differ = 0, relocations;
	struct stat st;
	glob_t found;
	int fd;

	if (glob("/boot/vmlinuz-*-cloud-amd64", 0, NULL, &found) != 0)
		return;
	fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC);
	globfree(&found);
	ck_assert_int_eq(fstat(fd, &st), 0);
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(file, MAP_FAILED);
	ck_assert_msg(unpack_kernel(file, (size_t)st.st_size, &u, why, sizeof why) == 0, "%s", why);
	k = (struct unpacked_kernel *)u.bytes;
	relocations = (uint64_t)k->add32 + k->sub32 + k->add64;
	ck_assert_uint_gt(relocations, 10000);
	begin(512 * MIB);
	ck_assert_msg(load(&u, "nokaslr", false, -1) == 0, "%s", why);
	plain = malloc(k->image_size);
	memcpy(plain, guest_memory_at(&memory, result.kernel_start, k->image_size), k->image_size);
	do
		ck_assert_msg(load(&u, "", true, -1) == 0, "%s", why);
	while (memcmp(guest_memory_at(&memory, result.kernel_start, k->image_size), plain, k->image_size) == 0);
	for (uint64_t i = 0; i < k->image_size; i += 4)
		differ += memcmp(guest_memory_at(&memory, result.kernel_start + i, 4), plain + i, 4) != 0;
	ck_assert_uint_gt(differ, relocations / 2);
	ck_assert_uint_lt(differ, relocations * 2);
	free(plain);
	free(u.bytes);
	munmap(file, (size_t)st.st_size);
	close(fd);
}
END_TEST

RUN_TESTS("unpacked", formats_and_nokaslr, addresses_by_chance, initrd_and_reset, lists_of_relocations, what_lies_is_refused, damaged_files,
	  distribution_kernel)
