// SPDX-License-Identifier: BSD-2-Clause
/* bulkhead-check: prints whether this machine can run Bulkhead, a line for each condition. */
#include "rules.h"

#include <getopt.h>
#include <stdio.h>

static void print_usage(FILE *to)
{
	fputs("usage: bulkhead-check [--json]\n"
	      "Tells whether this machine can run Bulkhead: a line for each condition, with its status and a remedy.\n"
	      "  --json     the same as JSON: {\"can_run\", \"checks\": [{\"name\", \"status\", \"text\", \"remedy\"}]}\n"
	      "  --version  print the version\n"
	      "Status: ok; info, worth knowing; unknown, not to be found out as this user; todo, still to be installed;\n"
	      "FAIL, Bulkhead cannot run before the remedy.\n"
	      "Exit code: 0 can run, 1 cannot, 2 wrong usage.\n", to);
}

static void print_text(const struct verdict *v, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		printf("%-14s %-8s %s\n", v[i].name, check_status_word(v[i].status), v[i].text);
		if (v[i].remedy[0])
			printf("%-14s %-8s -> %s\n", "", "", v[i].remedy);
	}
	puts(check_can_run(v, count) ? "This machine can run Bulkhead." : "This machine cannot run Bulkhead as it is.");
}

static void print_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

static void print_json(const struct verdict *v, size_t count)
{
	printf("{\"can_run\": %s, \"checks\": [", check_can_run(v, count) ? "true" : "false");
	for (size_t i = 0; i < count; i++) {
		printf("%s\n  {\"name\": ", i ? "," : "");
		print_json_string(v[i].name);
		printf(", \"status\": ");
		print_json_string(check_status_word(v[i].status));
		printf(", \"text\": ");
		print_json_string(v[i].text);
		printf(", \"remedy\": ");
		print_json_string(v[i].remedy);
		putchar('}');
	}
	puts("\n]}");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	struct verdict verdicts[VERDICTS_MAX];
	struct facts facts;
	int option, json = 0;
	size_t count;

	while ((option = getopt_long(argc, argv, "jhv", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = 1;
			break;
		case 'h':
			print_usage(stdout);
			return 0;
		case 'v':
			puts("bulkhead-check " BULKHEAD_VERSION);
			return 0;
		default:
			print_usage(stderr);
			return 2;
		}
	}
	if (optind < argc) {
		print_usage(stderr);
		return 2;
	}
	facts_gather(&facts);
	count = check_judge(&facts, verdicts);
	if (json)
		print_json(verdicts, count);
	else
		print_text(verdicts, count);
	return check_can_run(verdicts, count) ? 0 : 1;
}
