/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Load for bulkhead-wsmand from many clients at once, each a thread with one connection that stays open. One request over and over:
 * prints requests a second and latencies. With --enumerate: enumerates and pulls to the end, and counts items.
 *
 *   wsman-load [--plain] [--ca FILE] [--connections N] [--requests N] [--enumerate] [--max-elements N] --user USER:PASSWORD PORT FILE
 *   wsman-load --hold N PORT FILE     opens N plain connections and sends the bytes of FILE on each; when standard input says for how
 *                                     many seconds ("5\n"), waits at most so long for the server to close them all, and says how many it has
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#define REPLY_MAX (8u << 20)

static unsigned connections = 1, total = 1000, hold, port, max_elements = 1;
static bool plain, enumerate;
static const char *ca, *credentials = "";
static char authorization[1024], *body;
static SSL_CTX *context;
static unsigned done, failed, items;   /* atomic */
static uint32_t *latencies;            /* us, one a request */

struct client {
	int fd;
	SSL *ssl;
	char *reply;
	size_t size;
	const char *content;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static int connect_to(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct timeval limit = { .tv_sec = 60 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	return fd;
}

static bool client_open(struct client *c)
{
	*c = (struct client){ .fd = connect_to(), .reply = malloc(REPLY_MAX) };
	if (c->fd < 0 || plain)
		return c->fd >= 0;
	c->ssl = SSL_new(context);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set1_host(c->ssl, "localhost");
	return SSL_connect(c->ssl) == 1;
}

static void client_close(struct client *c)
{
	SSL_free(c->ssl);
	if (c->fd >= 0)
		close(c->fd);
	free(c->reply);
}

static bool put(struct client *c, const char *bytes, size_t size)
{
	return c->ssl ? SSL_write(c->ssl, bytes, (int)size) == (int)size : send(c->fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Reads one reply; returns its status, or 0. */
static int get(struct client *c)
{
	size_t need = 0, head;
	const char *end;
	ssize_t n;

	c->size = 0;
	for (;;) {
		n = c->ssl ? SSL_read(c->ssl, c->reply + c->size, (int)(REPLY_MAX - 1 - c->size)) :
			     recv(c->fd, c->reply + c->size, REPLY_MAX - 1 - c->size, 0);
		if (n <= 0)
			return 0;
		c->size += (size_t)n;
		c->reply[c->size] = 0;
		end = strstr(c->reply, "\r\n\r\n");
		if (!end)
			continue;
		head = (size_t)(end + 4 - c->reply);
		c->content = c->reply + head;
		end = strstr(c->reply, "Content-Length: ");
		need = head + (end ? strtoul(end + 16, NULL, 10) : 0);
		if (c->size >= need)
			return atoi(c->reply + 9);
	}
}

static int exchange(struct client *c, const char *text)
{
	size_t size = strlen(text);
	char head[2048];
	int n = snprintf(head, sizeof head, "POST /wsman HTTP/1.1\r\nHost: localhost\r\n%sContent-Type: application/soap+xml;charset=UTF-8\r\n"
			 "Content-Length: %zu\r\n\r\n", authorization, size);
	char *whole = malloc((size_t)n + size);
	int status;

	memcpy(whole, head, (size_t)n);
	memcpy(whole + n, text, size);
	status = put(c, whole, (size_t)n + size) ? get(c) : 0;
	free(whole);
	return status;
}

static unsigned count_items(const char *text)
{
	unsigned count = 0;

	for (text = strstr(text, "Items>"); text && (text = strstr(text, "_Type\"")); text++)
		count++;
	return count;
}

static bool pull_all(struct client *c)
{
	static const char pull[] = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:a='http://schemas.xmlsoap.org/ws/2004/08/addressing' "
		"xmlns:n='http://schemas.xmlsoap.org/ws/2004/09/enumeration'><s:Header><a:Action>http://schemas.xmlsoap.org/ws/2004/09/enumeration/Pull</a:Action>"
		"</s:Header><s:Body><n:Pull><n:EnumerationContext>%.*s</n:EnumerationContext><n:MaxElements>%u</n:MaxElements></n:Pull></s:Body></s:Envelope>";
	char text[2048];

	__atomic_add_fetch(&items, count_items(c->content), __ATOMIC_RELAXED);
	while (!strstr(c->content, "EndOfSequence")) {
		const char *id = strstr(c->content, "<n:EnumerationContext>");

		if (!id)
			return false;
		snprintf(text, sizeof text, pull, (int)strcspn(id + 22, "<"), id + 22, max_elements);
		if (exchange(c, text) != 200)
			return false;
		__atomic_add_fetch(&items, count_items(c->content), __ATOMIC_RELAXED);
	}
	return true;
}

static void *run(void *arg)
{
	struct client c;
	bool good = client_open(&c);

	(void)arg;
	for (;;) {
		unsigned number = __atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
		uint64_t start = now_us();

		if (number >= total)
			break;
		if (good)
			good = exchange(&c, body) == 200 && (!enumerate || pull_all(&c));
		latencies[number] = (uint32_t)(now_us() - start);
		if (!good) {
			__atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED);
			client_close(&c);
			good = client_open(&c);
		}
	}
	client_close(&c);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int run_load(void)
{
	pthread_t *threads = calloc(connections, sizeof *threads);
	uint64_t start = now_us(), passed;

	latencies = calloc(total, sizeof *latencies);
	for (unsigned i = 0; i < connections; i++)
		pthread_create(&threads[i], NULL, run, NULL);
	for (unsigned i = 0; i < connections; i++)
		pthread_join(threads[i], NULL);
	passed = now_us() - start;
	qsort(latencies, total, sizeof *latencies, compare);
	printf("requests %u failed %u connections %u seconds %.3f per_second %.0f p50_us %u p99_us %u max_us %u items %u\n", total, failed, connections,
	       (double)passed / 1e6, total * 1e6 / (double)passed, latencies[total / 2], latencies[total * 99ull / 100], latencies[total - 1], items);
	return failed != 0;
}

/* Whether the server has closed it; what it said before is dropped. */
static bool is_closed(int fd)
{
	char bytes[512];
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		;
	return n == 0 || errno != EAGAIN;
}

static int run_hold(void)
{
	int *fds = calloc(hold, sizeof *fds);
	unsigned closed = 0, seconds = 0;
	uint64_t end;

	for (unsigned i = 0; i < hold; i++) {
		fds[i] = connect_to();
		if (fds[i] < 0)
			return 1;
		(void)!send(fds[i], body, strlen(body), MSG_NOSIGNAL);
	}
	puts("held");
	fflush(stdout);
	if (scanf("%u", &seconds) != 1)
		return 0;
	end = now_us() + seconds * 1000000ull;
	do {
		closed = 0;
		for (unsigned i = 0; i < hold; i++)
			closed += is_closed(fds[i]);
		usleep(50000);
	} while (closed < hold && now_us() < end);
	printf("closed %u\n", closed);
	return 0;
}

static char *read_file(const char *name)
{
	FILE *in = fopen(name, "re");
	char *text = calloc(1, 1 << 20);

	if (!in || !text || !fread(text, 1, (1 << 20) - 1, in)) {
		fprintf(stderr, "wsman-load: %s: %s\n", name, strerror(errno));
		exit(2);
	}
	fclose(in);
	return text;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "plain", no_argument, NULL, 'p' }, { "ca", required_argument, NULL, 'a' }, { "connections", required_argument, NULL, 'c' },
		{ "requests", required_argument, NULL, 'r' }, { "enumerate", no_argument, NULL, 'e' }, { "max-elements", required_argument, NULL, 'm' },
		{ "user", required_argument, NULL, 'u' }, { "hold", required_argument, NULL, 'h' }, { 0 }
	};
	unsigned char coded[900];

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;)
		switch (c) {
		case 'p': plain = true; break;
		case 'a': ca = optarg; break;
		case 'c': connections = (unsigned)atoi(optarg); break;
		case 'r': total = (unsigned)atoi(optarg); break;
		case 'e': enumerate = true; break;
		case 'm': max_elements = (unsigned)atoi(optarg); break;
		case 'u': credentials = optarg; break;
		case 'h': hold = (unsigned)atoi(optarg); break;
		default: return 2;
		}
	if (optind + 2 != argc || !connections || !total || strlen(credentials) > 600) {
		fprintf(stderr, "usage: wsman-load [OPTION]... PORT FILE\n");
		return 2;
	}
	port = (unsigned)atoi(argv[optind]);
	body = read_file(argv[optind + 1]);
	signal(SIGPIPE, SIG_IGN);
	if (hold)
		return run_hold();
	EVP_EncodeBlock(coded, (const unsigned char *)credentials, (int)strlen(credentials));
	snprintf(authorization, sizeof authorization, "Authorization: Basic %s\r\n", coded);
	context = SSL_CTX_new(TLS_client_method());
	if (!plain && (!ca || SSL_CTX_load_verify_locations(context, ca, NULL) != 1)) {
		fprintf(stderr, "wsman-load: --ca FILE names the server's certificate\n");
		return 2;
	}
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	return run_load();
}
