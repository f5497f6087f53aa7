/* SPDX-License-Identifier: BSD-2-Clause */
/* See remote_curl.h. */
#include "root-partition/cli/remote_curl.h"

#include <dlfcn.h>
#include <stdbool.h>

struct remote_curl remote_curl;

const char *remote_curl_load(void)
{
	static bool loaded;
	void *library;

	if (loaded)
		return NULL;
	library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return dlerror();
#define CURL_LOAD(name)                                                              \
	if (!(remote_curl.name##_fn = (__typeof__(name) *)dlsym(library, #name)))     \
		return dlerror();
	CURL_CALLS(CURL_LOAD)
#undef CURL_LOAD
	loaded = true;
	return NULL;
}
