/* SPDX-License-Identifier: BSD-2-Clause */
/* Both ends of ours: storvsc reads and writes a file through vsp/storage, wired together in one process. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/run_tests.h"
#include "vsc/storvsc/disk.h"
#include "vsp/storage/storvsp.h"
#include "wired.h"

#define RING_BYTES (32u * 4096)
#define DISK_BYTES (16u << 20)
#define DEPTH 32u

static struct wired w;
static struct storvsp *vsp;
static struct storvsp_state *state;
static int fd = -1;
static struct vsc_storvsc storvsc;
static struct vsc_disk disk;

static bool complete(void *device)
{
	struct pollfd p = { .fd = storvsp_event_fd(device), .events = POLLIN };

	if (poll(&p, 1, 10) <= 0)
		return false;
	storvsp_process_completions(device);
	return true;
}

static bool plug(bool read_only)
{
	const struct storvsp_config config = { .instance.bytes = { 7 }, .vp_count = 2 };
	struct storvsp_disk_config d = { .target = 0, .lun = 0, .read_only = read_only, .block_size = 512, .serial = "test" };
	int rc;

	wired_init(&w);
	state = calloc(1, sizeof *state);
	fd = memfd_create("disk", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(fd, DISK_BYTES), 0);
	d.fd = fd;
	rc = storvsp_create(w.server, state, &config, &vsp);
	if (rc == -EPERM || rc == -ENOSYS)
		return false;        /* no io_uring on this machine */
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(storvsp_add_disk(vsp, &d), 0);
	ck_assert_int_eq(storvsp_start(vsp), 0);
	w.host_work = complete;
	w.device = vsp;
	wired_connect(&w);
	ck_assert_int_eq(vsc_storvsc_open(&storvsc, vsc_vmbus_find(&w.bus, &VMBUS_CLASS_SCSI, 0), wired_memory(&w, RING_BYTES), RING_BYTES), 0);
	ck_assert_int_eq(vsc_disk_probe(&disk, &storvsc, 0, 0, wired_memory(&w, 512)), 0);
	return true;
}

static void unplug(void)
{
	storvsp_free(vsp);
	wired_done(&w);
	free(state);
	close(fd);
}

START_TEST(data_goes_through_to_the_file)
{
	uint8_t *data, *back, *file;
	uint32_t i;

	if (!plug(false))
		return;
	ck_assert_uint_eq(storvsc.version, 0x0602);
	ck_assert_uint_eq(disk.blocks, DISK_BYTES / 512);
	data = wired_memory(&w, 1u << 20);
	back = wired_memory(&w, 1u << 20);
	for (i = 0; i < 1u << 20; i++)
		data[i] = (uint8_t)(i * 13 + (i >> 9));
	ck_assert_int_eq(vsc_disk_write(&disk, 77, data, 1u << 18), 0);
	ck_assert_int_eq(vsc_disk_flush(&disk), 0);
	file = mmap(NULL, DISK_BYTES, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_mem_eq(file + 77 * 512, data, 1u << 18);
	ck_assert_int_eq(vsc_disk_read(&disk, 77, back, 1u << 18), 0);
	ck_assert_mem_eq(back, data, 1u << 18);
	munmap(file, DISK_BYTES);
	ck_assert_int_ne(vsc_disk_read(&disk, disk.blocks, back, 512), 0);
	ck_assert_int_ne(vsc_disk_read(&disk, disk.blocks - 1, back, 1024), 0);
	ck_assert_int_ne(vsc_disk_read(&disk, ~0ull, back, 512), 0);
	unplug();
}
END_TEST

START_TEST(many_requests_at_once_all_come_back)
{
	static struct vsc_scsi requests[DEPTH];
	static struct vsc_segment segments[DEPTH];
	unsigned int i, round, done;
	uint8_t *m;

	if (!plug(false))
		return;
	m = wired_memory(&w, DEPTH * 8192);
	for (round = 0; round < 20; round++) {
		enum vstor_direction direction = round % 2 ? VSTOR_READ : VSTOR_WRITE;

		for (i = 0; i < DEPTH; i++) {
			if (direction == VSTOR_WRITE)
				memset(m + i * 8192, (int)(round * DEPTH + i), 4096);
			segments[i] = (struct vsc_segment){ m + i * 8192 + (direction == VSTOR_READ ? 4096 : 0), 4096 };
			vsc_disk_prepare(&disk, &requests[i], direction, (i * 37 % DEPTH) * 8, &segments[i], 1);
			ck_assert_int_eq(vsc_storvsc_submit(&storvsc, &requests[i]), 0);
		}
		for (done = 0; done < 10000 && storvsc.in_flight; done++) {
			wired_pump(&w);
			vsc_storvsc_poll(&storvsc);
		}
		for (i = 0; i < DEPTH; i++) {
			ck_assert(requests[i].done && requests[i].error == 0);
			ck_assert(direction == VSTOR_WRITE || memcmp(m + i * 8192, m + i * 8192 + 4096, 4096) == 0);
		}
	}
	ck_assert_uint_lt(w.signals, 20 * DEPTH + 20);
	unplug();
}
END_TEST

START_TEST(absent_and_read_only_disks_say_so)
{
	struct vsc_disk other;
	uint8_t *m;

	if (!plug(true))
		return;
	m = wired_memory(&w, 4096);
	ck_assert_int_eq(vsc_disk_probe(&other, &storvsc, 0, 1, m), -ENODEV);
	ck_assert_int_eq(vsc_disk_probe(&other, &storvsc, 1, 0, m), -ENODEV);
	ck_assert_int_eq(vsc_disk_read(&disk, 0, m, 4096), 0);
	ck_assert_int_eq(vsc_disk_write(&disk, 0, m, 4096), -EIO);
	unplug();
}
END_TEST

START_TEST(closed_and_opened_again_while_requests_are_in_flight)
{
	static struct vsc_scsi requests[DEPTH];
	struct vsc_segment segment;
	unsigned int round, i;
	uint8_t *rings;

	if (!plug(false))
		return;
	rings = wired_memory(&w, RING_BYTES);
	segment = (struct vsc_segment){ wired_memory(&w, 65536), 65536 };
	for (round = 0; round < 10; round++) {
		for (i = 0; i < DEPTH; i++) {
			vsc_disk_prepare(&disk, &requests[i], VSTOR_READ, i * 128, &segment, 1);
			ck_assert_int_eq(vsc_storvsc_submit(&storvsc, &requests[i]), 0);
		}
		ck_assert_int_eq(vsc_storvsc_close(&storvsc), 0);
		for (i = 0; i < DEPTH; i++)
			ck_assert(requests[i].done);
		ck_assert_int_eq(vsc_storvsc_open(&storvsc, vsc_vmbus_find(&w.bus, &VMBUS_CLASS_SCSI, 0), rings, RING_BYTES), 0);
	}
	ck_assert_int_eq(vsc_disk_read(&disk, 0, segment.memory, 4096), 0);
	unplug();
}
END_TEST

RUN_TESTS("storvsc and storvsp", data_goes_through_to_the_file, many_requests_at_once_all_come_back, absent_and_read_only_disks_say_so,
	closed_and_opened_again_while_requests_are_in_flight)
