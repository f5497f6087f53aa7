/* SPDX-License-Identifier: BSD-2-Clause */
/* bulkhead-worker: one child partition. Started by the daemon (worker_protocol.h), or by hand with --standalone. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "config.h"
#include "control.h"
#include "log.h"
#include "machine.h"
#include "sandbox.h"
#include "services.h"
#include "standalone.h"

enum { EXIT_OFF = 0, EXIT_START = 1, EXIT_CRASH = 2, EXIT_CODE = 3 };

struct worker {
	struct machine machine;
	struct host_loop host;
	struct control control;
	struct standalone standalone;
	uv_signal_t terminate, interrupt;
	int control_fd;              /* -1: standalone */
	bool filter;
};

static void on_change(void *context)
{
	struct worker *w = context;

	if (w->control_fd >= 0)
		control_send_status(&w->control);
}

static void on_memory(void *context)
{
	struct worker *w = context;

	if (w->control_fd >= 0)
		control_send_memory(&w->control);
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct worker *w = signal->data;

	machine_stop(&w->machine, WORKER_STOP_TURNED_OFF, "turned off by signal %d (%s)", number, strsignal(number));
}

static void watch_signal(struct worker *w, uv_signal_t *signal, int number)
{
	uv_signal_init(w->machine.loop, signal);
	signal->data = w;
	uv_signal_start(signal, on_signal, number);
	uv_unref((uv_handle_t *)signal);
}

/** The daemon connects right after it has started us: let it have the reason before we are gone. */
static int report_failed_start(struct worker *w, int rc)
{
	struct machine *m = &w->machine;
	struct pollfd listener = { .fd = w->control_fd, .events = POLLIN };

	m->run_state = WORKER_STATE_CRASHED;
	m->stop_cause = WORKER_STOP_INTERNAL;
	if (m->reason[0] == '\0')
		snprintf(m->reason, sizeof m->reason, "cannot be started: %s; see its log", strerror(-rc));
	if (w->control_fd >= 0 && m->state != NULL && poll(&listener, 1, 2000) > 0 &&
	    control_init(&w->control, m, w->control_fd) == 0)
		uv_run(m->loop, UV_RUN_ONCE);
	return w->control_fd >= 0 ? EXIT_CRASH : EXIT_START;
}

/** The ring's reference to the writing end is the last one: the ring goes when the kernel has ended its last request. */
static void tie_life(struct machine *m)
{
	int *life = m->config.life_fd;

	if (life[0] < 0)
		return;
	if (host_loop_register_file(m->host, life[1]) < 0) {
		log_line("no worker can take this guest over: the ring takes no files");
		life[0] = -1;
		return;
	}
	close(life[1]);
	life[1] = -1;
}

static int outcome(const struct machine *m)
{
	if (m->run_state != WORKER_STATE_OFF)
		return EXIT_CRASH;
	return m->exit_code == 0 ? EXIT_OFF : EXIT_CODE;
}

static int run(struct worker *w)
{
	struct machine *m = &w->machine;
	int keep[] = { w->control_fd };
	int rc;

	log_open(m->config.log_fd, m->config.name);
	sandbox_close_others(&m->config, keep, w->control_fd >= 0);
	m->loop = uv_default_loop();
	m->on_change = on_change;
	m->on_memory = on_memory;
	m->context = w;
	m->host = &w->host;
	rc = host_loop_init(m->host, m->loop);
	if (rc < 0) {
		log_line("io_uring: %s", strerror(-rc));
		return report_failed_start(w, rc);
	}
	tie_life(m);
	guest_memory_allow_huge_pages();
	rc = sandbox_drop(m->config.uid, m->config.gid, m->config.vsock.directory_fd);
	if (rc == 0)
		rc = machine_create(m);
	if (rc < 0)
		return report_failed_start(w, rc);
	watch_signal(w, &w->terminate, SIGTERM);
	watch_signal(w, &w->interrupt, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	if (w->control_fd >= 0)
		rc = control_init(&w->control, m, w->control_fd);
	else if (w->standalone.console_stdio)
		rc = console_attach(&m->console, STDIN_FILENO, STDOUT_FILENO);
	if (rc == 0 && w->filter)
		rc = sandbox_filter(m->config.vsock.directory_fd >= 0);
	if (rc < 0)
		return report_failed_start(w, rc);
	if (machine_is_successor(m) ? m->state->paused : m->config.start_paused)
		machine_pause(m);
	else
		machine_resume(m);
	host_loop_run(m->host);
	return outcome(m);
}

static int parse_fd(const char *text)
{
	char *end;
	long fd = strtol(text, &end, 10);

	return end == text || *end != '\0' || fd < 0 || fd > 1 << 20 ? -1 : (int)fd;
}

static bool take_flag(int *argc, char **argv, const char *flag)
{
	int i;

	for (i = 1; i < *argc; i++) {
		if (strcmp(argv[i], flag) != 0)
			continue;
		memmove(&argv[i], &argv[i + 1], (size_t)(*argc - i) * sizeof argv[0]);
		(*argc)--;
		return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	static struct worker w;      /* large: the console's ring, the event queue */
	char why[256];
	int config_fd;

	log_elapsed_us();
	w.control_fd = w.control.client_fd = -1;
	w.machine.config.partition_fd = -1;
	if (argc < 2 || take_flag(&argc, argv, "--help")) {
		fputs(standalone_help, argc < 2 ? stderr : stdout);
		return argc < 2 ? EXIT_START : EXIT_OFF;
	}
	w.filter = !take_flag(&argc, argv, "--no-sandbox");
	if (take_flag(&argc, argv, "--standalone")) {
		if (standalone_parse(&w.standalone, argc, argv) < 0)
			return EXIT_START;
		w.machine.config = w.standalone.config;
		if (config_check(&w.machine.config, why, sizeof why) < 0) {
			fprintf(stderr, "bulkhead-worker: %s\n", why);
			return EXIT_START;
		}
		if (w.standalone.console_stdio)
			standalone_raw_terminal();
		return run(&w);
	}
	if (argc != 5 || strcmp(argv[1], "--control") != 0 || strcmp(argv[3], "--config") != 0) {
		fputs(standalone_help, stderr);
		return EXIT_START;
	}
	w.control_fd = parse_fd(argv[2]);
	config_fd = parse_fd(argv[4]);
	if (w.control_fd < 0 || config_fd < 0 || config_read(config_fd, &w.machine.config, why, sizeof why) < 0) {
		fprintf(stderr, "bulkhead-worker: %s\n", w.control_fd < 0 || config_fd < 0 ? "bad descriptor" : why);
		return EXIT_START;
	}
	return run(&w);
}
