/* SPDX-License-Identifier: BSD-2-Clause */
/* libcurl, loaded when --host asks for it: it brings thirty libraries, which would double the start of every other bhctl. */
#ifndef BULKHEAD_CLI_REMOTE_CURL_H
#define BULKHEAD_CLI_REMOTE_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#define CURL_CALLS(_)                                                                                                                \
	_(curl_global_init) _(curl_easy_init) _(curl_easy_setopt) _(curl_easy_perform) _(curl_easy_getinfo) _(curl_easy_cleanup)     \
	_(curl_easy_strerror) _(curl_slist_append) _(curl_slist_free_all) _(curl_url) _(curl_url_set) _(curl_url_get)                \
	_(curl_url_cleanup) _(curl_free)

#define CURL_POINTER(name) __typeof__(name) *name##_fn;
extern struct remote_curl {
	CURL_CALLS(CURL_POINTER)
} remote_curl;
#undef CURL_POINTER

/** Returns NULL, or what is missing. May be called again. */
const char *remote_curl_load(void);

#endif
