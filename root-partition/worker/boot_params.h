/* SPDX-License-Identifier: BSD-2-Clause */
/* Linux's boot_params page ("zero page"): the fields that a 64-bit boot loader sets (Documentation/x86/{boot,zero-page}.rst). */
#ifndef BULKHEAD_WORKER_BOOT_PARAMS_H
#define BULKHEAD_WORKER_BOOT_PARAMS_H

#include <stddef.h>
#include <stdint.h>

#define SETUP_HEADER_OFFSET 0x1f1u
#define SETUP_HEADER_ROOM   (0x290u - SETUP_HEADER_OFFSET) /* up to edd_mbr_sig_buffer */
#define SETUP_HEADER_MAGIC  0x53726448u                    /* "HdrS" */
#define XLF_KERNEL_64       1u
#define LOADED_HIGH         1u
#define KASLR_FLAG          2u                             /* in loadflags: the kernel lies at an address of chance */
#define LOADER_TYPE_UNDEFINED 0xffu

struct __attribute__((packed)) setup_header {
	uint8_t  setup_sects;        /* 1F1h */
	uint16_t root_flags;
	uint32_t syssize;            /* 1F4h, 16-byte units */
	uint16_t ram_size, vid_mode, root_dev;
	uint16_t boot_flag;          /* 1FEh */
	uint8_t  jump_opcode;
	uint8_t  jump_offset;        /* 201h, from 202h */
	uint32_t header;             /* 202h */
	uint16_t version;            /* 206h */
	uint32_t realmode_swtch;
	uint16_t start_sys_seg, kernel_version;
	uint8_t  type_of_loader;     /* 210h */
	uint8_t  loadflags;          /* 211h */
	uint16_t setup_move_size;
	uint32_t code32_start;       /* 214h */
	uint32_t ramdisk_image;      /* 218h */
	uint32_t ramdisk_size;       /* 21Ch */
	uint32_t bootsect_kludge;
	uint16_t heap_end_ptr;
	uint8_t  ext_loader_ver, ext_loader_type;
	uint32_t cmd_line_ptr;       /* 228h */
	uint32_t initrd_addr_max;    /* 22Ch */
	uint32_t kernel_alignment;   /* 230h */
	uint8_t  relocatable_kernel; /* 234h */
	uint8_t  min_alignment;
	uint16_t xloadflags;         /* 236h */
	uint32_t cmdline_size;       /* 238h */
	uint32_t hardware_subarch;
	uint64_t hardware_subarch_data;
	uint32_t payload_offset, payload_length;
	uint64_t setup_data;         /* 250h */
	uint64_t pref_address;       /* 258h */
	uint32_t init_size;          /* 260h */
	uint32_t handover_offset;
	uint32_t kernel_info_offset; /* 268h */
};
_Static_assert(sizeof(struct setup_header) == 0x26c - SETUP_HEADER_OFFSET, "boot.rst");

struct __attribute__((packed)) e820_entry {
	uint64_t start, size;
	uint32_t type;
};
#define E820_RAM      1u
#define E820_RESERVED 2u
#define E820_ACPI     3u
#define E820_MAX      128u

struct __attribute__((packed)) boot_params {
	uint8_t  screen_info[0x40];
	uint8_t  reserved1[0x30];
	uint64_t acpi_rsdp_addr;     /* 070h */
	uint8_t  reserved2[0x1e8 - 0x78];
	uint8_t  e820_entries;       /* 1E8h */
	uint8_t  reserved3[SETUP_HEADER_OFFSET - 0x1e9];
	struct setup_header hdr;     /* 1F1h */
	uint8_t  reserved4[0x2d0 - 0x26c];
	struct e820_entry e820[E820_MAX]; /* 2D0h */
	uint8_t  reserved5[4096 - 0x2d0 - E820_MAX * 20];
};
_Static_assert(offsetof(struct boot_params, hdr) == SETUP_HEADER_OFFSET, "zero-page.rst");
_Static_assert(offsetof(struct boot_params, e820) == 0x2d0, "zero-page.rst");
_Static_assert(sizeof(struct boot_params) == 4096, "one page");

#endif
