/* SPDX-License-Identifier: BSD-2-Clause */
/* Ports and MMIO of a child, and the console behind COM1 with several viewers. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices.h"
#include "tests/unit/run_tests.h"

static struct worker_state_region region;
static struct console console;
static struct devices devices;
static uv_loop_t loop;
static unsigned int interrupts;
static int log_fd;
static struct sockaddr_un address;

static void send_interrupt(void *context, unsigned int mode, bool logical, bool level, uint8_t destination, uint8_t vector)
{
	(void)context;
	(void)mode;
	(void)logical;
	(void)level;
	(void)destination;
	(void)vector;
	interrupts++;
}

static void on_input(void *context)
{
	devices_console_input(context);
}

static void begin(void)
{
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof address;

	/* Autobind: a name that no other test has. */
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
	log_fd = memfd_create("log", MFD_CLOEXEC);
	uv_loop_init(&loop);
	ck_assert_int_eq(console_init(&console, &region.console, &loop, listener, log_fd), 0);
	devices = (struct devices){ .state = &region, .console = &console, .send_interrupt = send_interrupt };
	devices_init(&devices);
	devices_reset(&devices);
	console.on_input = on_input;
	console.context = &devices;
}

static void end(void)
{
	int listener = console.listen_fd;

	console_close(&console);
	uv_run(&loop, UV_RUN_DEFAULT);
	ck_assert_int_eq(uv_loop_close(&loop), 0);
	close(listener);
	close(log_fd);
}

static int connect_viewer(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(sa_family_t) + 6), 0);
	uv_run(&loop, UV_RUN_NOWAIT);
	return fd;
}

static void expect(int fd, const char *text)
{
	char got[256] = "";
	size_t n = strlen(text);

	ck_assert_int_eq(recv(fd, got, n, MSG_WAITALL), (ssize_t)n);
	ck_assert_str_eq(got, text);
	ck_assert_int_eq(recv(fd, got, 1, MSG_DONTWAIT), -1);
}

static void guest_prints(const char *text)
{
	for (; *text; text++)
		devices_port_write(&devices, 0x3f8, 1, (uint8_t)*text);
}

START_TEST(absent_ports_read_all_ones)
{
	begin();
	ck_assert_uint_eq(devices_port_read(&devices, 0x61, 1), 0xff);
	ck_assert_uint_eq(devices_port_read(&devices, 0x64, 1), 0xff);
	ck_assert_uint_eq(devices_port_read(&devices, 0xcfc, 4), 0xffffffff);
	ck_assert_uint_eq(devices_port_write(&devices, 0xcf8, 4, 0x80000600), DEVICE_DONE);
	ck_assert_uint_eq(devices_port_read(&devices, 0xcf8, 4), 0xffffffff);
	ck_assert_uint_eq(devices_port_read(&devices, 0xffff, 2), 0xffff);
	ck_assert_uint_eq(devices_mmio_read(&devices, 0xfed00000, 4), ~0ull);
	devices_mmio_write(&devices, 0xfed00000, 4, 1);
	end();
}
END_TEST

START_TEST(power_and_reset)
{
	begin();
	ck_assert_uint_eq(devices_port_read(&devices, LAYOUT_PM1_CONTROL, 2), 1);
	ck_assert_uint_eq(devices_port_write(&devices, LAYOUT_PM1_CONTROL, 2, 5u << 10), DEVICE_DONE);
	ck_assert_uint_eq(devices_port_write(&devices, LAYOUT_PM1_CONTROL, 2, 1u << 13 | 1u << 10), DEVICE_DONE);
	ck_assert_uint_eq(devices_port_write(&devices, LAYOUT_PM1_CONTROL, 2, 1u << 13 | 5u << 10), DEVICE_POWER_OFF);
	ck_assert_uint_eq(devices_port_write(&devices, LAYOUT_RESET, 1, 2), DEVICE_DONE);
	ck_assert_uint_eq(devices_port_write(&devices, LAYOUT_RESET, 1, 6), DEVICE_RESET);
	ck_assert_uint_eq(devices_port_write(&devices, LAYOUT_DEBUG_EXIT, 4, 77), DEVICE_EXIT);
	ck_assert_uint_eq(devices.exit_code, 77);
	end();
}
END_TEST

/* A viewer that comes late sees what was printed before; the log file has everything; a second viewer sees the same. */
START_TEST(scroll_back)
{
	char logged[64] = "";
	int first, second;

	begin();
	guest_prints("booting\n");
	first = connect_viewer();
	expect(first, "booting\n");
	guest_prints("more\n");
	console_flush(&console);
	expect(first, "more\n");
	second = connect_viewer();
	expect(second, "booting\nmore\n");
	ck_assert_int_eq(pread(log_fd, logged, sizeof logged, 0), 13);
	ck_assert_str_eq(logged, "booting\nmore\n");
	close(first);
	uv_run(&loop, UV_RUN_NOWAIT);
	guest_prints("x");
	console_flush(&console);
	expect(second, "x");
	close(second);
	end();
}
END_TEST

/* Typed text reaches the guest through the FIFO with an interrupt; more than fits waits and is not lost. */
START_TEST(input)
{
	char typed[3000], got[3001] = "";
	size_t n = 0, i, sent = 0;
	int viewer;

	begin();
	for (i = 0; i < sizeof typed; i++)
		typed[i] = (char)('a' + i % 26);
	devices_mmio_write(&devices, LAYOUT_IOAPIC, 4, 0x18);
	devices_mmio_write(&devices, LAYOUT_IOAPIC + 0x10, 4, 0x31);
	devices_port_write(&devices, 0x3fa, 1, 1);
	devices_port_write(&devices, 0x3fc, 1, 8);
	devices_port_write(&devices, 0x3f9, 1, 1);
	viewer = connect_viewer();
	interrupts = 0;
	for (i = 0; i < 1000 && n < sizeof typed; i++) {
		if (sent < sizeof typed) {
			ssize_t s = send(viewer, typed + sent, sizeof typed - sent, MSG_DONTWAIT);

			if (s > 0)
				sent += (size_t)s;
		}
		uv_run(&loop, UV_RUN_NOWAIT);
		while ((devices_port_read(&devices, 0x3fd, 1) & 1) && n < sizeof typed)
			got[n++] = (char)devices_port_read(&devices, 0x3f8, 1);
	}
	ck_assert_uint_eq(n, sizeof typed);
	ck_assert_int_eq(memcmp(typed, got, sizeof typed), 0);
	ck_assert_uint_gt(interrupts, 0);
	close(viewer);
	end();
}
END_TEST

/* A viewer that never reads does not stop the guest; it misses the oldest output. */
START_TEST(slow_viewer)
{
	int viewer;
	size_t i;

	begin();
	viewer = connect_viewer();
	for (i = 0; i < 10 * CONSOLE_RING_SIZE; i++) {
		devices_port_write(&devices, 0x3f8, 1, 'y');
		if (i % 4096 == 0)
			console_flush(&console);
	}
	console_flush(&console);
	close(viewer);
	uv_run(&loop, UV_RUN_NOWAIT);
	viewer = connect_viewer();
	close(viewer);
	end();
}
END_TEST

RUN_TESTS("worker devices", absent_ports_read_all_ones, power_and_reset, scroll_back, input, slow_viewer)
