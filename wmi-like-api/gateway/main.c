/* SPDX-License-Identifier: BSD-2-Clause */
/* bulkhead-wsmand: options; then, in this order, what needs privileges, the end of privileges, and the network. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <libxml/parser.h>
#include <systemd/sd-daemon.h>
#include "wmi-like-api/cim/cim.h"
#include "wmi-like-api/gateway/helper.h"
#include "wmi-like-api/gateway/log.h"
#include "wmi-like-api/gateway/metrics.h"
#include "wmi-like-api/gateway/names.h"
#include "wmi-like-api/gateway/sandbox.h"
#include "wmi-like-api/gateway/server.h"

#define TICK_MS 500u
#define MODEL_MS 3000u   /* a start waits so long for the daemon's partitions */

static const char usage[] =
	"Usage: bulkhead-wsmand [--config FILE]\n"
	"       bulkhead-wsmand [--config FILE] check\n"
	"       bulkhead-wsmand [--config FILE] make-certificate [NAME...]\n"
	"Serve Bulkhead's partitions over WS-Management.\n"
	"\n"
	"  --config FILE   settings (/etc/bulkhead/wsmand.conf)\n"
	"  --no-sandbox    keep all privileges: for debuggers and sanitizers only\n"
	"  --help, --version\n"
	"\n"
	"check reads the settings and says what is wrong with them. make-certificate\n"
	"writes a self-signed pair for the names (this host's names and addresses).\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "no-sandbox", no_argument, NULL, 'n' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 }
};

struct gateway {
	struct gateway_config config;
	struct server server;
	struct cim *cim;
	uv_loop_t loop;
	uv_signal_t terminate, interrupt, reload;
	uv_timer_t tick;
	struct sockaddr_un daemon;   /* as it is reached from within the sandbox */
	pid_t helper;
	int status;
};

static int connect_daemon(void *arg)
{
	const struct gateway *g = arg;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&g->daemon, sizeof g->daemon) == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static uint64_t now_ms(void *arg)
{
	struct timespec now;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static void on_audit(void *arg, const char *result, const struct wsman_caller *caller, const char *action, const char *target, const char *text)
{
	(void)arg;
	gateway_audit(result, caller->user, caller->address, action, target, text);
}

static char *on_metrics(void *arg, size_t *size)
{
	struct gateway *g = arg;

	return metrics_text(g->cim, &g->server, size);
}

static void on_helper_lost(void *arg)
{
	struct gateway *g = arg;

	gateway_log(LOG_ERR, "the password helper has ended; so does the gateway");
	g->status = 1;
	uv_stop(&g->loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
	gateway_log(LOG_INFO, "signal %d: ends", number);
	uv_stop(handle->loop);
}

static void on_files(void *arg, const int *fds, const char *why_not)
{
	struct gateway *g = arg;
	struct tls_context *tls;
	char why[600];

	snprintf(why, sizeof why, "%s", why_not);
	tls = fds ? tls_context_new(&g->config, fds, why, sizeof why) : NULL;
	if (!tls) {
		gateway_log(LOG_ERR, "%s; the certificate stays as it was", why);
		return;
	}
	/* Connections that there are go on with theirs. */
	tls_context_free(g->server.tls);
	g->server.tls = tls;
	gateway_log(LOG_INFO, "certificate and key were read again");
}

static void on_reload(uv_signal_t *handle, int number)
{
	struct gateway *g = handle->data;

	(void)number;
	if (g->server.tls && g->server.authenticator && authenticator_files(g->server.authenticator, on_files, g))
		gateway_log(LOG_ERR, "the password helper does not listen; the certificate stays as it was");
}

static void on_tick(uv_timer_t *timer)
{
	struct gateway *g = timer->data;

	wsman_tick(g->server.wsman);
}

static int fail(const char *why)
{
	gateway_log(LOG_ERR, "%s", why);
	return 1;
}

static int open_audit(const struct gateway_config *config, char *why, size_t size)
{
	int fd;

	if (!config->audit_log[0])
		return 0;
	fd = open(config->audit_log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0) {
		snprintf(why, size, "%s: %s", config->audit_log, strerror(errno));
		return -1;
	}
	gateway_audit_open(fd);
	return 0;
}

static int set_daemon_path(struct gateway *g, const char *path)
{
	g->daemon.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof g->daemon.sun_path)
		return -1;
	strcpy(g->daemon.sun_path, path);
	return 0;
}

static bool needs_tls(const struct gateway_config *config)
{
	for (unsigned i = 0; i < config->listen_count; i++)
		if (!config->listen[i].plain)
			return true;
	return false;
}

static struct tls_context *open_tls(const struct gateway_config *config, char *why, size_t size)
{
	struct tls_context *tls;
	int fds[TLS_FILES];

	if (tls_files_open(config, fds, why, size))
		return NULL;
	tls = tls_context_new(config, fds, why, size);
	tls_files_close(fds);
	return tls;
}

/* Everything that is opened by name or as root. */
static int acquire(struct gateway *g, int *fds, char *why, size_t size)
{
	struct cim_options options = { .loop = &g->loop, .connect = connect_daemon, .arg = g, .kernel = g->config.kernel,
				       .initrd = g->config.initrd, .cmdline = g->config.cmdline };

	if (server_bind(&g->config, fds, why, size) || open_audit(&g->config, why, size))
		return -1;
	if (needs_tls(&g->config) && !(g->server.tls = open_tls(&g->config, why, size)))
		return -1;
	if (set_daemon_path(g, g->config.daemon)) {
		snprintf(why, size, "%s: too long for a socket's name", g->config.daemon);
		return -1;
	}
	g->cim = cim_open(&options);
	if (!g->cim)
		snprintf(why, size, "the CIM model cannot be opened");
	return g->cim ? 0 : -1;
}

static int drop(struct gateway *g, char *why, size_t size)
{
	char folder[sizeof g->config.daemon], inner[sizeof g->config.daemon + 1];
	bool inside;

	strcpy(folder, g->config.daemon);
	if (gateway_sandbox_drop(g->config.user, dirname(folder), &inside, why, size))
		return -1;
	if (inside) {
		snprintf(inner, sizeof inner, "/%s", strrchr(g->config.daemon, '/') + 1);
		set_daemon_path(g, inner);
	}
	return gateway_sandbox_filter(why, size);
}

/* Clients that come with the machine are not told of partitions that are only being read. Without a daemon they are told soon. */
static void await_model(struct gateway *g)
{
	uint64_t end = uv_now(&g->loop) + MODEL_MS;

	while (!cim_is_ready(g->cim) && uv_now(&g->loop) < end)
		uv_run(&g->loop, UV_RUN_ONCE);
}

static int prepare(struct gateway *g, int helper, const int *fds, char *why, size_t size)
{
	struct wsman_options options = { .cim = g->cim, .context_ms = g->config.context_s * 1000, .contexts_per_user = (unsigned)g->config.max_contexts,
					 .audit = on_audit, .now_ms = now_ms };
	int rc;

	g->server.loop = &g->loop;
	g->server.config = &g->config;
	g->server.metrics = on_metrics;
	g->server.arg = g;
	g->server.wsman = wsman_new(&options);
	g->server.authenticator = authenticator_new(&g->loop, helper, on_helper_lost, g);
	g->tick.data = g;
	uv_timer_start(&g->tick, on_tick, TICK_MS, TICK_MS);
	await_model(g);
	rc = g->server.wsman && g->server.authenticator ? server_listen(&g->server, fds) : UV_ENOMEM;
	if (rc)
		snprintf(why, size, "%s", uv_strerror(rc));
	return rc;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void release(struct gateway *g)
{
	server_stop(&g->server);
	if (g->server.wsman)
		wsman_stop(g->server.wsman);
	if (g->cim)
		cim_close(g->cim);
	wsman_free(g->server.wsman);
	authenticator_free(g->server.authenticator);
	uv_run(&g->loop, UV_RUN_NOWAIT);
	uv_walk(&g->loop, close_handle, NULL);
	uv_run(&g->loop, UV_RUN_DEFAULT);
	uv_loop_close(&g->loop);
	tls_context_free(g->server.tls);
	xmlCleanupParser();
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int run(struct gateway *g, bool sandbox)
{
	int fds[GATEWAY_LISTEN_MAX], helper, rc = 1;
	char why[600] = "";

	signal(SIGPIPE, SIG_IGN);
	umask(027);
	tzset();
	raise_descriptor_limit();
	xmlInitParser();
	if (uv_loop_init(&g->loop))
		return fail("out of memory");
	helper = helper_start(&g->config, &g->helper);   /* first: it shall have nothing of what follows */
	if (helper < 0)
		return fail("the password helper cannot be started");
	uv_signal_init(&g->loop, &g->terminate);
	uv_signal_start(&g->terminate, on_signal, SIGTERM);
	uv_signal_init(&g->loop, &g->interrupt);
	uv_signal_start(&g->interrupt, on_signal, SIGINT);
	uv_signal_init(&g->loop, &g->reload);
	g->reload.data = g;
	uv_signal_start(&g->reload, on_reload, SIGHUP);
	uv_timer_init(&g->loop, &g->tick);
	if (!acquire(g, fds, why, sizeof why) && !prepare(g, helper, fds, why, sizeof why)) {
		/* The sockets listen; this is the last moment at which systemd can be reached. */
		sd_notify(0, "READY=1");
		if (!sandbox || !drop(g, why, sizeof why)) {
			uv_run(&g->loop, UV_RUN_DEFAULT);
			rc = g->status;
		}
	}
	if (why[0])
		fail(why);
	release(g);
	return rc;
}

static int make_certificate(const struct gateway_config *config, char **names, int count)
{
	char *own[HOST_NAMES_MAX], why[600] = "";
	unsigned n = 0;
	int rc;

	if (!count)
		n = host_names(own);
	rc = certificate_make(config->certificate, config->key, count ? names : own, count ? (unsigned)count : n, why, sizeof why);
	while (n > 0)
		free(own[--n]);
	if (rc)
		return fail(why);
	printf("%s and %s written; clients have to trust the former\n", config->certificate, config->key);
	return 0;
}

int main(int argc, char **argv)
{
	const char *file = "/etc/bulkhead/wsmand.conf";
	static struct gateway gateway;
	bool named = false, sandbox = true;
	char why[700];

	for (int c; (c = getopt_long(argc, argv, "hV", long_options, NULL)) >= 0;)
		switch (c) {
		case 'c': file = optarg; named = true; break;
		case 'n': sandbox = false; break;
		case 'h': fputs(usage, stdout); return 0;
		case 'V': puts("bulkhead-wsmand " BULKHEAD_VERSION); return 0;
		default: fputs(usage, stderr); return 2;
		}
	if (!named && access(file, F_OK) < 0 && errno == ENOENT) {
		if (gateway_config_parse(&gateway.config, file, "", why, sizeof why))
			return fail(why);
	} else if (gateway_config_read(&gateway.config, file, why, sizeof why)) {
		return fail(why);
	}
	if (optind == argc)
		return run(&gateway, sandbox);
	if (!strcmp(argv[optind], "make-certificate"))
		return make_certificate(&gateway.config, argv + optind + 1, argc - optind - 1);
	if (!strcmp(argv[optind], "check") && optind + 1 == argc) {
		struct tls_context *tls = needs_tls(&gateway.config) ? open_tls(&gateway.config, why, sizeof why) : NULL;

		if (!tls && needs_tls(&gateway.config))
			return fail(why);
		tls_context_free(tls);
		return 0;
	}
	fprintf(stderr, "bulkhead-wsmand: %s: unexpected argument\n%s", argv[optind], usage);
	return 2;
}
