/* SPDX-License-Identifier: BSD-2-Clause */
/* Names, UUIDs, edits of a definition's text, and reading and replacing small files safely. */
#include "root-partition/config/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "root-partition/config/edit.h"

bool config_name_valid(const char *name)
{
	size_t length = 0;

	if (*name == '.' || *name == '-')
		return false;
	for (; name[length]; length++) {
		char c = name[length];

		if (length == CONFIG_NAME_MAX)
			return false;
		if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr("._-", c))
			return false;
	}
	return length > 0;
}

int config_uuid_parse(const char *text, uint8_t uuid[16])
{
	uint8_t bytes[16];
	unsigned n = 0;

	for (; *text; text++) {
		int c = tolower((unsigned char)*text);

		if (c == '-' && (n == 8 || n == 12 || n == 16 || n == 20) && text[-1] != '-')
			continue;
		if (!isxdigit(c) || n == 32)
			return -1;
		c = isdigit(c) ? c - '0' : c - 'a' + 10;
		bytes[n / 2] = (uint8_t)(n % 2 ? bytes[n / 2] | c : c << 4);
		n++;
	}
	if (n != 32 || text[-1] == '-')
		return -1;
	memcpy(uuid, bytes, sizeof bytes);
	return 0;
}

void config_uuid_format(const uint8_t uuid[16], char text[CONFIG_UUID_TEXT])
{
	for (unsigned i = 0; i < 16; i++)
		text += sprintf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
}

int config_uuid_generate(uint8_t uuid[16])
{
	ssize_t n = getrandom(uuid, 16, 0);

	if (n != 16)
		return n < 0 ? -errno : -EIO;
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);   /* RFC 4122: version 4 */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	return 0;
}

bool edit_tag_is(const char *text, const struct markup_tag *tag, const char *name)
{
	const char *at = text + tag->start + 1;
	size_t length = strlen(name);

	return !strncmp(at, name, length) && strchr(" \t\r\n/>", at[length]);
}

static const struct markup_tag *find_child(const struct markup *markup, const char *text, const char *name)
{
	for (uint32_t i = 0; i < markup->count; i++)
		if (markup->tags[i].depth == 1 && edit_tag_is(text, &markup->tags[i], name))
			return &markup->tags[i];
	return NULL;
}

char *edit_replace(const char *text, size_t size, size_t from, size_t to, const char *middle)
{
	size_t length = strlen(middle);
	char *result = malloc(from + length + (size - to) + 1);

	if (!result)
		return NULL;
	memcpy(result, text, from);
	memcpy(result + from, middle, length);
	memcpy(result + from + length, text + to, size - to);
	result[from + length + (size - to)] = 0;
	return result;
}

char *edit_insert_behind(const char *text, size_t size, const struct markup_tag *tag, const char *element)
{
	size_t line = tag->start, blank;
	char *middle, *result;

	while (line && text[line - 1] != '\n')
		line--;
	blank = strspn(text + line, " \t");
	if (line + blank != tag->start || !line)   /* not the first on its line: no line of its own either */
		return edit_replace(text, size, tag->end, tag->end, element);
	if (asprintf(&middle, "\n%.*s%s", (int)blank, text + line, element) < 0)
		return NULL;
	result = edit_replace(text, size, tag->end, tag->end, middle);
	free(middle);
	return result;
}

char *config_text_with_uuid(const char *text, size_t size, const uint8_t uuid[16])
{
	char element[64], formatted[CONFIG_UUID_TEXT], *result = NULL;
	const struct markup_tag *name;
	struct markup_error error;
	struct markup markup;

	if (markup_scan(text, size, &markup, &error))
		return NULL;
	config_uuid_format(uuid, formatted);
	snprintf(element, sizeof element, "<uuid>%s</uuid>", formatted);
	name = find_child(&markup, text, "name");
	if (name)
		result = edit_insert_behind(text, size, name, element);
	markup_free(&markup);
	return result;
}

char *config_text_with_autostart(const char *text, size_t size, bool autostart)
{
	const struct markup_tag *tag, *behind;
	struct markup_error error;
	struct markup markup;
	char *result = NULL;

	if (markup_scan(text, size, &markup, &error))
		return NULL;
	tag = find_child(&markup, text, "autostart");
	behind = find_child(&markup, text, "uuid");
	if (!behind)
		behind = find_child(&markup, text, "name");
	if (tag)
		result = edit_replace(text, size, tag->inside, tag->inside_end, autostart ? "yes" : "no");
	else if (behind)
		result = edit_insert_behind(text, size, behind, autostart ? "<autostart>yes</autostart>" : "<autostart>no</autostart>");
	markup_free(&markup);
	return result;
}

int config_read_file(int dirfd, const char *path, size_t limit, char **ret_text, size_t *ret_size)
{
	char *text = malloc(limit + 2);
	size_t size = 0;
	struct stat st;
	int fd, rc = 0;

	if (!text)
		return -ENOMEM;
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0) {
		rc = -errno;
		goto out;
	}
	if (S_ISDIR(st.st_mode)) {
		rc = -EISDIR;
		goto out;
	}
	while (size <= limit) {
		ssize_t n = read(fd, text + size, limit + 1 - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = -errno;
			goto out;
		}
		if (!n)
			break;
		size += (size_t)n;
	}
	if (size > limit) {
		rc = -EFBIG;
		goto out;
	}
	text[size] = 0;
	*ret_text = text;
	*ret_size = size;
	text = NULL;
out:
	if (fd >= 0)
		close(fd);
	free(text);
	return rc;
}

int config_write_file(int dirfd, const char *name, const char *text, size_t size, unsigned mode)
{
	char temporary[128];
	int fd = -1, rc = 0;

	/* One writer a folder (the daemon holds a lock), so a fixed name: what a crash left behind is replaced, not collected. */
	if (snprintf(temporary, sizeof temporary, ".%s.new", name) >= (int)sizeof temporary)
		return -ENAMETOOLONG;
	if (unlinkat(dirfd, temporary, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, text + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = -errno;
			goto out;
		}
		done += (size_t)n;
	}
	if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || renameat(dirfd, temporary, dirfd, name) < 0 || fsync(dirfd) < 0)
		rc = -errno;
out:
	close(fd);
	if (rc)
		unlinkat(dirfd, temporary, 0);
	return rc;
}
