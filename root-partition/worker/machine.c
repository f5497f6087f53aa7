/* SPDX-License-Identifier: BSD-2-Clause */
/* See machine.h. */
#include "machine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "abi/tlfs.h"
#include "acpi.h"
#include "boot_state.h"
#include "crash.h"
#include "guest_thread.h"
#include "loader.h"
#include "log.h"
#include "services.h"
#include "takeover.h"

void machine_changed(struct machine *m)
{
	if (m->on_change != NULL)
		m->on_change(m->context);
}

/** Called by the I/O APIC on any thread, with the devices' lock held. */
static void send_interrupt(void *context, unsigned int delivery_mode, bool logical, bool level, uint8_t destination,
			   uint8_t vector)
{
	struct machine *m = context;
	uint32_t flags = (logical ? HV_INTERRUPT_LOGICAL : 0) | (level ? HV_INTERRUPT_LEVEL : 0);
	int rc;

	/* The redirection entry's delivery modes have the hypercall's numbers; SMI and ExtINT have nobody to go to. */
	if (delivery_mode != HV_INTERRUPT_TYPE_FIXED && delivery_mode != HV_INTERRUPT_TYPE_LOWEST &&
	    delivery_mode != HV_INTERRUPT_TYPE_NMI)
		return;
	rc = mshv_partition_assert_interrupt(&m->partition, delivery_mode, flags, destination, vector);
	if (rc < 0)
		log_line("interrupt: vector %#x to %#x: %s", vector, destination, strerror(-rc));
}

static void wake_loop(void *context)
{
	struct machine *m = context;

	/* One thread looks before it runs the VP again. */
	if (!m->vps.by_loop)
		uv_async_send(&m->wake);
}

static void first_run(void *context)
{
	const struct machine *m = context;

	log_line("first instruction %llu us after start "
		 "(privileges dropped %llu, memory mapped %llu, kernel loaded %llu, services ready %llu)",
		 (unsigned long long)log_elapsed_us(), (unsigned long long)m->timing.begun, (unsigned long long)m->timing.mapped,
		 (unsigned long long)m->timing.loaded, (unsigned long long)m->timing.ready);
}

static int fail(int rc, const char *what)
{
	log_line("%s: %s", what, strerror(-rc));
	return rc;
}

static uint64_t realtime_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int map_state(struct machine *m)
{
	const size_t size = sizeof *m->state;
	void *p;

	if (machine_is_successor(m))
		return takeover_map_state(m);
	if (ftruncate(m->config.state_fd, (off_t)size) < 0)
		return -errno;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->config.state_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	m->state = p;
	m->state->magic = STATE_MAGIC;
	m->state->version = STATE_VERSION;
	m->state->size = (uint32_t)size;
	m->state->start_realtime_ns = realtime_ns();
	return 0;
}

static int map_memory(struct machine *m)
{
	const struct guest_memory *g = &m->memory;
	int rc;

	rc = mshv_partition_map(&m->partition, 0, g->host, g->low_size, true);
	if (rc == 0 && g->size > g->low_size)
		rc = mshv_partition_map(&m->partition, LAYOUT_4G, g->host + g->low_size, g->size - g->low_size, true);
	return rc;
}

static void close_partition(struct machine *m)
{
	unsigned int i;

	for (i = 0; i < m->config.vp_count; i++)
		mshv_vp_close(&m->vps.vp[i].mshv);
	mshv_partition_close(&m->partition);
}

/** A fresh partition with its memory and VPs. */
static int open_partition(struct machine *m)
{
	/* With dynamic memory the guest may say what it does not use. */
	static const uint32_t extended_hypercalls[4] = { 0, HV_EXTENDED_HYPERCALLS >> 32, 0, 0 };
	unsigned int i;
	int rc;

	rc = mshv_partition_create(m->config.mshv_fd, &m->partition);
	if (rc < 0)
		return fail(rc, "partition: cannot be created");
	rc = map_memory(m);
	if (rc < 0)
		return fail(rc, "partition: its memory cannot be mapped");
	for (i = 0; i < m->config.cpuid_count && rc == 0; i++)
		rc = mshv_partition_set_cpuid(&m->partition, m->config.cpuid[i].leaf, m->config.cpuid[i].value, m->config.cpuid[i].mask);
	if (rc == 0 && m->config.startup_bytes != 0)
		rc = mshv_partition_set_cpuid(&m->partition, HV_CPUID_FEATURES, extended_hypercalls, extended_hypercalls);
	if (rc < 0)
		return fail(rc, "partition: its CPUID cannot be set");
	for (i = 0; i < m->config.vp_count && rc == 0; i++)
		rc = mshv_vp_create(&m->partition, i, &m->vps.vp[i].mshv);
	return rc < 0 ? fail(rc, "partition: a VP cannot be created") : 0;
}

static int load_guest(struct machine *m)
{
	struct loader_input input = {
		.kernel_fd = m->config.kernel_fd,
		.initrd_fd = m->config.initrd_fd,
		.cmdline = m->config.cmdline,
		.rsdp = LAYOUT_ACPI,
		.memory_used = m->state->reset_count > 0,
	};
	struct hv_register_assoc registers[BOOT_STATE_REGISTERS];
	struct loader_result loaded;
	char why[200];
	unsigned int i, n;
	int rc;

	rc = loader_load(&m->memory, &input, &loaded, why, sizeof why);
	if (rc < 0) {
		log_line("%s", why);
		snprintf(m->reason, sizeof m->reason, "%s", why);
		return rc;
	}
	if (acpi_build(guest_memory_low(&m->memory, LAYOUT_ACPI), LAYOUT_ACPI_SIZE, LAYOUT_ACPI, m->config.vp_count) == 0)
		return fail(-ENOSPC, "ACPI tables");
	for (i = 0; i < m->config.vp_count; i++) {
		n = i == 0 ? boot_state_bsp(registers, loaded.entry) : boot_state_ap(registers);
		rc = mshv_vp_set_registers(&m->vps.vp[i].mshv, registers, n);
		if (rc < 0)
			return fail(rc, "initial registers");
	}
	return 0;
}

#define MAX_LOGGED_CRASHES 16u

static void handle_crash_message(struct machine *m, const struct event *e)
{
	const uint64_t *p = e->u.crash.p;
	char text[CRASH_TEXT_MAX];
	const uint8_t *page = NULL;
	size_t size = 0;

	/* A guest may report as often as it likes; the log takes the first few. */
	if (m->state->guest_crashes++ >= MAX_LOGGED_CRASHES)
		return;
	/* CTL bit 62: P3 and P4 give a text, at most a page. */
	if ((e->u.crash.ctl & 1ull << 62) && p[4] <= sizeof text)
		page = guest_memory_at(&m->memory, p[3], p[4]);
	if (page != NULL)
		memcpy(text, page, size = p[4]);
	crash_reason(p, text, size, m->reason, sizeof m->reason);
	memcpy(m->state->reason, m->reason, sizeof m->state->reason);
	log_line("guest reported a crash: %#llx %#llx %#llx %#llx %#llx", (unsigned long long)p[0], (unsigned long long)p[1],
		 (unsigned long long)p[2], (unsigned long long)p[3], (unsigned long long)p[4]);
	log_guest_text("guest: ", text, size);
	machine_changed(m);
}

static void handle_event(struct machine *m, const struct event *e)
{
	switch (e->type) {
	case EVENT_POSTED_MESSAGE:
		services_message(m->services, &e->u.posted);
		break;
	case EVENT_SLOT_FREE:
		services_slot_free(m->services, e->vp, e->u.sint_mask);
		break;
	case EVENT_GUEST_CRASH:
		handle_crash_message(m, e);
		break;
	case EVENT_RESET:
		machine_reset(m);
		break;
	case EVENT_STOP:
		m->exit_code = e->u.stop.exit_code;
		machine_stop(m, e->u.stop.cause, "%s", e->u.stop.reason);
		break;
	}
}

void machine_take_events(struct machine *m)
{
	struct event event;

	while (!machine_over(m) && event_queue_get(&m->events, &event))
		handle_event(m, &event);
	vp_set_drained(&m->vps);
}

static void woken(uv_async_t *wake)
{
	machine_take_events(wake->data);
}

static void console_input(void *context)
{
	struct machine *m = context;

	devices_console_input(&m->devices);
}

static void console_escape(void *context)
{
	machine_stop(context, WORKER_STOP_TURNED_OFF, "turned off at the console");
}

/** From nothing; or from a guest that was lost in a reset, of which nothing is kept. */
static int start_guest(struct machine *m)
{
	int rc;

	if (machine_is_successor(m)) {
		close(m->config.partition_fd);
		takeover_forget_guest(m);
	}
	rc = open_partition(m);
	m->timing.mapped = log_elapsed_us();
	return rc < 0 ? rc : load_guest(m);
}

int machine_create(struct machine *m)
{
	unsigned int i;
	int rc;

	m->timing.begun = log_elapsed_us();
	m->run_state = WORKER_STATE_STARTING;
	m->partition = MSHV_PARTITION_NONE;
	for (i = 0; i < HV_MAX_VPS; i++)
		m->vps.vp[i].mshv = MSHV_VP_NONE;

	rc = map_state(m);
	if (rc < 0)
		return fail(rc, "state region");
	rc = guest_memory_map(&m->memory, m->config.memory_fd, m->config.memory_bytes);
	if (rc < 0)
		return fail(rc, "guest memory");
	if (m->config.startup_bytes != 0)
		guest_memory_limit(&m->memory, m->config.startup_bytes);
	rc = uv_async_init(m->loop, &m->wake, woken);
	if (rc == 0)
		rc = console_init(&m->console, &m->state->console, m->loop, m->config.console_fd, m->config.console_log_fd);
	if (rc < 0)
		return fail(rc, "console");
	m->wake.data = m;
	m->console.on_input = console_input;
	m->console.on_escape = console_escape;
	m->console.context = m;

	event_queue_init(&m->events, &m->state->events);
	m->devices.state = m->state;
	m->devices.console = &m->console;
	m->devices.send_interrupt = send_interrupt;
	m->devices.context = m;
	devices_init(&m->devices);
	if (!machine_is_successor(m))
		devices_reset(&m->devices);
	m->vps.devices = &m->devices;
	m->vps.events = &m->events;
	m->vps.memory = &m->memory;
	m->vps.partition = &m->partition;
	m->vps.wake = wake_loop;
	m->vps.first_run = first_run;
	m->vps.context = m;
	guest_thread_choose(m);

	rc = takeover_is_possible(m) ? takeover_partition(m) : start_guest(m);
	if (rc < 0)
		return rc;
	m->timing.loaded = log_elapsed_us();
	rc = services_create(m, &m->services);
	if (rc == 0)
		rc = services_connect(m->services);
	if (rc < 0)
		return fail(rc, "VMBus");
	m->state->resetting = 0;
	rc = guest_thread_attach(m);
	if (rc < 0)
		return fail(rc, "VP");
	rc = vp_set_start(&m->vps, m->config.vp_count);
	m->timing.ready = log_elapsed_us();
	return rc < 0 ? fail(rc, "VP threads") : 0;
}

bool machine_over(const struct machine *m)
{
	return m->run_state == WORKER_STATE_OFF || m->run_state == WORKER_STATE_CRASHED;
}

void machine_resume(struct machine *m)
{
	if (machine_over(m) || m->run_state == WORKER_STATE_RUNNING)
		return;
	if (m->run_state == WORKER_STATE_PAUSED)
		services_resumed(m->services);
	m->run_state = WORKER_STATE_RUNNING;
	m->state->paused = 0;
	vp_set_open_gate(&m->vps);
	machine_changed(m);
}

void machine_pause(struct machine *m)
{
	if (machine_over(m) || m->run_state == WORKER_STATE_PAUSED)
		return;
	vp_set_close_gate(&m->vps);
	m->run_state = WORKER_STATE_PAUSED;
	m->state->paused = 1;
	machine_changed(m);
}

void machine_reset(struct machine *m)
{
	bool was_running = m->run_state == WORKER_STATE_RUNNING;
	int rc;

	if (machine_over(m))
		return;
	log_line("reset");
	vp_set_close_gate(&m->vps);
	m->state->resetting = 1;
	services_reset(m->services);
	vp_set_forget_events(&m->vps);
	devices_reset(&m->devices);
	guest_thread_detach(m);
	close_partition(m);
	m->state->reset_count++;
	m->reason[0] = m->state->reason[0] = '\0';
	rc = open_partition(m);
	if (rc == 0)
		rc = load_guest(m);
	if (rc == 0)
		rc = services_connect(m->services);
	if (rc == 0)
		rc = guest_thread_attach(m);
	if (rc < 0) {
		machine_stop(m, WORKER_STOP_INTERNAL, "reset failed: %s", strerror(-rc));
		return;
	}
	/* The daemon gets the new partition before the guest counts as there again. */
	machine_changed(m);
	m->state->resetting = 0;
	if (was_running)
		vp_set_open_gate(&m->vps);
}

void machine_stop(struct machine *m, enum worker_stop_cause cause, const char *format, ...)
{
	va_list args;

	if (machine_over(m))
		return;
	vp_set_close_gate(&m->vps);
	services_reset(m->services);
	va_start(args, format);
	vsnprintf(m->reason, sizeof m->reason, format, args);
	va_end(args);
	m->stop_cause = cause;
	if (cause == WORKER_STOP_GUEST_OFF || cause == WORKER_STOP_TURNED_OFF)
		m->run_state = WORKER_STATE_OFF;
	else
		m->run_state = WORKER_STATE_CRASHED;
	log_line("%s", m->reason);
	console_flush(&m->console);
	machine_changed(m);
	host_loop_stop(m->host);
}

void machine_status(const struct machine *m, struct worker_status *ret)
{
	*ret = (struct worker_status){
		.header = { .type = WORKER_STATUS, .size = sizeof *ret },
		.state = m->run_state,
		.stop_cause = m->stop_cause,
		.pid = (uint32_t)getpid(),
		.reset_count = m->state->reset_count,
		.guest_crashes = m->state->guest_crashes,
		.start_realtime_ns = m->state->start_realtime_ns,
	};
	memcpy(ret->reason, m->reason, sizeof ret->reason);
	services_status(m->services, ret);
}

void machine_stats(struct machine *m, struct worker_stats *ret)
{
	struct bulkhead_partition_info partition = { 0 };
	struct bulkhead_host_info host = { 0 };
	struct bulkhead_vp_info vp;
	unsigned int i, reason;

	*ret = (struct worker_stats){ .vp_count = m->config.vp_count };
	if (mshv_partition_info(&m->partition, &partition) == 0) {
		ret->pinned_bytes = partition.pinned_bytes;
		ret->deposited_bytes = partition.deposited_bytes;
		ret->deposited_free_bytes = partition.deposited_free_bytes;
	}
	if (mshv_host_info(m->config.mshv_fd, &host) == 0)
		ret->tsc_hz = host.tsc_hz;
	for (i = 0; i < m->config.vp_count; i++) {
		if (mshv_vp_info(&m->vps.vp[i].mshv, &vp) < 0)
			continue;
		for (reason = 0; reason < sizeof vp.exits / sizeof vp.exits[0]; reason++)
			ret->exits[reason] += vp.exits[reason];
		ret->dispatches += vp.dispatches;
		ret->guest_tsc += vp.guest_tsc;
		ret->hypervisor_tsc += vp.hypervisor_tsc;
		ret->vp[i].guest_tsc = vp.guest_tsc;
		ret->vp[i].hypervisor_tsc = vp.hypervisor_tsc;
	}
	services_stats(m->services, ret);
}
