/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes, in two pieces, as what an HTTP client sends. No request is larger than was allowed, and bytes are used once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "wmi-like-api/gateway/authenticate.h"
#include "wmi-like-api/gateway/http.h"

#define BODY_MAX 4096u

static enum http_event feed(struct http *http, const char *bytes, size_t size)
{
	enum http_event event = HTTP_MORE;
	char user[64], password[64];
	size_t at = 0, used;

	while (at < size && event != HTTP_BAD) {
		event = http_feed(http, bytes + at, size - at, &used);
		if (used > size - at || (event == HTTP_MORE && used != size - at))
			abort();
		at += used;
		if (event == HTTP_GOT_HEADERS) {
			basic_parse(http->authorization, user, sizeof user, password, sizeof password);
			http_keep_body(http, http->get || http->post);
		} else if (event == HTTP_GOT_REQUEST) {
			if (http->body_size > BODY_MAX || (http->body && strlen(http->body) > http->body_size))
				abort();
			http_next(http);
		} else if (event == HTTP_BAD && !http_reason(http->status)) {
			abort();
		}
	}
	return event;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http http;
	size_t first = size ? data[0] % size : 0;

	http_init(&http, BODY_MAX);
	if (size && feed(&http, (const char *)data + 1, first) != HTTP_BAD)
		feed(&http, (const char *)data + 1 + first, size - 1 - first);
	http_free(&http);
	return 0;
}
