/* SPDX-License-Identifier: BSD-2-Clause */
/* See exec_request.h. */
#include "vsc/linux/exec_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Appends with the NUL; false when the frame is full. */
static bool put(char *frame, size_t *used, const char *string)
{
	size_t size = strlen(string) + 1;

	if (size > EXEC_START_MAX - *used)
		return false;
	memcpy(frame + *used, string, size);
	*used += size;
	return true;
}

static bool put_all(char *frame, size_t *used, const char *const *strings, uint32_t *count)
{
	for (; *strings; strings++)
		if (++*count > EXEC_STRINGS_MAX || !put(frame, used, *strings))
			return false;
	return true;
}

int exec_request_send(struct exec_link *link, const struct exec_request *r)
{
	struct exec_start start = { .version = EXEC_VERSION, .flags = r->flags, .rows = r->rows, .columns = r->columns };
	char *frame = malloc(EXEC_START_MAX);
	size_t used = sizeof start;
	int rc = -E2BIG;

	if (!frame)
		return -ENOMEM;
	if (!put(frame, &used, r->user) || !put_all(frame, &used, r->arguments, &start.argument_count) ||
	    !put_all(frame, &used, r->variables, &start.variable_count))
		goto out;
	memcpy(frame, &start, sizeof start);
	rc = exec_link_send(link, EXEC_START, 0, frame, used, NULL, 0);
out:
	free(frame);
	return rc;
}

/* The next string of the storage, or NULL at its end. */
static const char *take(const char **at, const char *end)
{
	const char *string = *at, *nul = string < end ? memchr(string, 0, (size_t)(end - string)) : NULL;

	if (!nul)
		return NULL;
	*at = nul + 1;
	return string;
}

static bool take_all(const char **at, const char *end, const char **list, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!(list[i] = take(at, end)))
			return false;
	list[count] = NULL;
	return true;
}

static bool sound(const struct exec_request *r)
{
	bool login = r->flags & EXEC_FLAG_LOGIN;

	if (r->flags & ~(uint32_t)(EXEC_FLAG_TERMINAL | EXEC_FLAG_LOGIN) || login == (r->arguments[0] != NULL))
		return false;
	for (const char *const *v = r->variables; *v; v++)
		if (**v == '=' || !strchr(*v, '='))
			return false;
	return true;
}

int exec_request_decode(const struct exec_frame *frame, struct exec_request *ret)
{
	struct exec_start start;
	const char *at, *end, **lists;
	size_t lists_size;
	char *storage;

	if (frame->size < sizeof start)
		return -EPROTO;
	memcpy(&start, frame->payload, sizeof start);
	if (start.version != EXEC_VERSION)
		return -EPROTONOSUPPORT;
	if (start.argument_count > EXEC_STRINGS_MAX || start.variable_count > EXEC_STRINGS_MAX)
		return -EPROTO;
	/* One allocation: the two lists, then the bytes that they point into. */
	lists_size = (start.argument_count + start.variable_count + 2) * sizeof *lists;
	storage = malloc(lists_size + frame->size);
	if (!storage)
		return -ENOMEM;
	memcpy(storage + lists_size, frame->payload, frame->size);
	lists = (const char **)storage;
	at = storage + lists_size + sizeof start;
	end = storage + lists_size + frame->size;
	*ret = (struct exec_request){
		.flags = start.flags, .rows = start.rows, .columns = start.columns, .user = take(&at, end),
		.arguments = lists, .variables = lists + start.argument_count + 1, .storage = storage,
	};
	if (ret->user && take_all(&at, end, lists, start.argument_count) &&
	    take_all(&at, end, lists + start.argument_count + 1, start.variable_count) && at == end && sound(ret))
		return 0;
	exec_request_free(ret);
	return -EPROTO;
}

void exec_request_free(struct exec_request *r)
{
	free(r->storage);
	memset(r, 0, sizeof *r);
}
