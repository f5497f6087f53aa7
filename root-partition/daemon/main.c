/* SPDX-License-Identifier: BSD-2-Clause */
/* bulkheadd: options, the loop, and what systemd wants to hear. Workers go on when it ends; the next one adopts them. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libxml/parser.h>
#include <systemd/sd-daemon.h>
#include "root-partition/daemon/api.h"
#include "root-partition/daemon/host.h"
#include "root-partition/daemon/log.h"
#include "root-partition/daemon/manager.h"

static const char usage[] =
	"Usage: bulkheadd [OPTION]...\n"
	"Manage Bulkhead's partitions.\n"
	"\n"
	"  --definitions DIR     definitions (/etc/bulkhead/partitions)\n"
	"  --run-dir DIR         sockets and run-time state (/run/bulkhead)\n"
	"  --log-dir DIR         console and worker logs (/var/log/bulkhead)\n"
	"  --cache-dir DIR       unpacked kernels (/var/cache/bulkhead)\n"
	"  --worker PATH         program that runs a partition (/usr/libexec/bulkhead/bulkhead-worker)\n"
	"  --unpacker PATH       program that unpacks kernels (/usr/libexec/bulkhead/bulkhead-unpack-kernel)\n"
	"  --mshv PATH           the hypervisor's device (/dev/mshv)\n"
	"  --worker-user NAME    whom workers become (bulkhead-worker, else nobody)\n"
	"  --group NAME          whose members may do what root may (bulkhead)\n"
	"  --memory-floor MIB    what starts leave to the root (1/16 of it, 64 to 1024)\n"
	"  --no-system-bus       serve the socket only\n"
	"  --no-autostart        start nothing by itself\n"
	"  --help, --version\n";

#ifndef BULKHEAD_WORKER_PATH
#define BULKHEAD_WORKER_PATH "/usr/libexec/bulkhead/bulkhead-worker"
#endif
#ifndef BULKHEAD_UNPACKER_PATH
#define BULKHEAD_UNPACKER_PATH "/usr/libexec/bulkhead/bulkhead-unpack-kernel"
#endif

enum { OPT_DEFINITIONS = 256, OPT_RUN_DIR, OPT_LOG_DIR, OPT_CACHE_DIR, OPT_WORKER, OPT_UNPACKER, OPT_MSHV, OPT_USER, OPT_GROUP, OPT_FLOOR, OPT_NO_BUS, OPT_NO_AUTOSTART };

static const struct option long_options[] = {
	{ "definitions", required_argument, NULL, OPT_DEFINITIONS },
	{ "run-dir", required_argument, NULL, OPT_RUN_DIR },
	{ "log-dir", required_argument, NULL, OPT_LOG_DIR },
	{ "cache-dir", required_argument, NULL, OPT_CACHE_DIR },
	{ "worker", required_argument, NULL, OPT_WORKER },
	{ "unpacker", required_argument, NULL, OPT_UNPACKER },
	{ "mshv", required_argument, NULL, OPT_MSHV },
	{ "worker-user", required_argument, NULL, OPT_USER },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "memory-floor", required_argument, NULL, OPT_FLOOR },
	{ "no-system-bus", no_argument, NULL, OPT_NO_BUS },
	{ "no-autostart", no_argument, NULL, OPT_NO_AUTOSTART },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 }
};

static bool no_autostart;

/* Returns -1 to go on, else an exit code. */
static int read_options(int argc, char **argv, struct options *o)
{
	char *end;

	*o = (struct options){ .definitions = "/etc/bulkhead/partitions", .run_dir = "/run/bulkhead", .log_dir = "/var/log/bulkhead",
			       .cache_dir = "/var/cache/bulkhead", .worker = BULKHEAD_WORKER_PATH, .unpacker = BULKHEAD_UNPACKER_PATH,
			       .mshv = "/dev/mshv", .group = "bulkhead", .memory_floor = -1,
			       .system_bus = true };
	for (int c; (c = getopt_long(argc, argv, "hV", long_options, NULL)) >= 0;)
		switch (c) {
		case OPT_DEFINITIONS: o->definitions = optarg; break;
		case OPT_RUN_DIR: o->run_dir = optarg; break;
		case OPT_LOG_DIR: o->log_dir = optarg; break;
		case OPT_CACHE_DIR: o->cache_dir = optarg; break;
		case OPT_WORKER: o->worker = optarg; break;
		case OPT_UNPACKER: o->unpacker = optarg; break;
		case OPT_MSHV: o->mshv = optarg; break;
		case OPT_USER: o->worker_user = optarg; break;
		case OPT_GROUP: o->group = optarg; break;
		case OPT_FLOOR:
			errno = 0;
			o->memory_floor = strtoll(optarg, &end, 10);
			if (errno || *end || end == optarg || o->memory_floor < 0 || o->memory_floor > 1 << 30) {
				fprintf(stderr, "bulkheadd: --memory-floor %s: not a number of MiB\n", optarg);
				return 2;
			}
			o->memory_floor <<= 20;
			break;
		case OPT_NO_BUS: o->system_bus = false; break;
		case OPT_NO_AUTOSTART: no_autostart = true; break;
		case 'h': fputs(usage, stdout); return 0;
		case 'V': puts("bulkheadd " BULKHEAD_VERSION); return 0;
		default: fputs(usage, stderr); return 2;
		}
	if (optind < argc) {
		fprintf(stderr, "bulkheadd: %s: unexpected argument\n", argv[optind]);
		return 2;
	}
	return -1;
}

static void on_signal(uv_signal_t *handle, int number)
{
	log_message(LOG_INFO, NULL, "signal %d: the daemon ends, partitions go on", number);
	uv_stop(handle->loop);
}

static void on_watchdog(uv_timer_t *timer)
{
	(void)timer;
	sd_notify(0, "WATCHDOG=1");
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

int main(int argc, char **argv)
{
	uv_signal_t terminate, interrupt;
	struct options options;
	struct manager manager;
	uint64_t watchdog_us;
	struct api *api = NULL;
	uv_timer_t watchdog;
	uv_loop_t loop;
	int rc = read_options(argc, argv, &options);

	if (rc >= 0)
		return rc;
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	raise_descriptor_limit();
	xmlInitParser();
	if (uv_loop_init(&loop) || manager_open(&manager, &loop, &options))
		return 1;
	host_enable_huge_pages();
	api = api_open(&manager);
	if (!api)
		return 1;
	uv_signal_init(&loop, &terminate);
	uv_signal_start(&terminate, on_signal, SIGTERM);
	uv_signal_init(&loop, &interrupt);
	uv_signal_start(&interrupt, on_signal, SIGINT);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
		uv_timer_init(&loop, &watchdog);
		uv_timer_start(&watchdog, on_watchdog, 0, watchdog_us / 3000);
	}
	sd_notify(0, "READY=1");
	log_message(LOG_INFO, NULL, "ready on %s/bulkhead.sock", options.run_dir);
	if (!no_autostart)
		manager_autostart(&manager);
	uv_run(&loop, UV_RUN_DEFAULT);
	sd_notify(0, "STOPPING=1");
	manager_close(&manager);
	api_close(api);
	uv_walk(&loop, close_handle, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	config_schema_release();
	xmlCleanupParser();
	return 0;
}
