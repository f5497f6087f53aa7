/* SPDX-License-Identifier: BSD-2-Clause */
/* bhctl: one table of commands with what each is given and the help that it prints. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "root-partition/cli/bhctl.h"
#include "root-partition/cli/remote.h"

enum {
	ALL = 1, ACTIVE = 1024, JSON = 2, FOLLOW = 4, WAIT = 8, FORCE = 16, PAUSED = 32, REBOOT = 64, NO_INPUT = 128, TIMEOUT = 256, SINCE = 512,
	CONFIG = 2048, BRIDGE = 4096, MAC = 8192, VLAN = 16384, MTU = 32768,
	USER = 1 << 20, VARIABLE = 1 << 21, TERMINAL = 1 << 22,
	POOL = 1 << 23, DISK = 1 << 24, OVERWRITE = 1 << 25, MAKE_PATH = 1 << 26,
	READ_ONLY = 1 << 27, CACHE = 1 << 28, SERIAL = 1 << 29,
};

static const struct command {
	const char *name;
	int (*run)(struct arguments *args);
	unsigned options;
	int min, max;                /* positional arguments; max -1: any number */
	bool local;                  /* needs no daemon */
	const char *synopsis, *help;
} commands[] = {
	{ "list", command_list, ALL | ACTIVE | JSON, 0, 0, false, "[--all | --active] [--json]",
	  "List all partitions (--all says the same), or only those with a worker." },
	{ "show", command_show, JSON, 1, -1, false, "NAME... [--json]", "Show a partition with its disks, integration components and counters." },
	{ "define", command_define, 0, 1, -1, false, "FILE...",
	  "Store definitions (- is standard input). A running partition takes a new one at its next start." },
	{ "undefine", command_undefine, 0, 1, -1, false, "NAME...", "Forget definitions. Disks stay; a running partition is refused." },
	{ "check", command_check, 0, 1, -1, true, "FILE...", "Check definitions without storing them. Needs no daemon." },
	{ "dump-xml", command_dump_xml, 0, 1, 1, false, "NAME", "Print a stored definition, byte for byte." },
	{ "start", command_start, PAUSED | WAIT | TIMEOUT, 1, -1, false, "NAME... [--paused] [--wait] [--timeout SECONDS]",
	  "Start, and answer when the guest runs. With --wait, when its integration components are ready." },
	{ "shutdown", command_shutdown, ALL | FORCE | REBOOT | TIMEOUT, 0, -1, false, "{NAME... | --all} [--timeout SECONDS] [--force] [--reboot]",
	  "Ask the guest to power off, through its shutdown component, and wait until it has (120 s unless told). Fails at once\n"
	  "when the component is not ready. With --force it is turned off instead, then or after the time. With --reboot it is\n"
	  "asked to reboot. Several are asked at once; --all means every one that runs." },
	{ "turn-off", command_turn_off, 0, 1, -1, false, "NAME...", "Stop hard, as pulling the plug does." },
	{ "pause", command_pause, 0, 1, -1, false, "NAME...", "Stop the virtual processors." },
	{ "resume", command_resume, 0, 1, -1, false, "NAME...", "Let the virtual processors go on." },
	{ "reset", command_reset, 0, 1, -1, false, "NAME...", "Reset hard: the guest boots afresh." },
	{ "replace-worker", command_replace_worker, 0, 1, -1, false, "NAME...",
	  "End the worker and let the guest go on with another, as of a new version. Needs <on_worker_failure>replace." },
	{ "autostart", command_autostart, 0, 2, 2, false, "NAME on|off", "Whether it starts with the machine." },
	{ "attach-disk", command_attach_disk, CONFIG | READ_ONLY | CACHE | SERIAL, 2, 3, false,
	  "NAME {FILE | SOURCE TARGET [--readonly] [--cache MODE] [--serial TEXT]} [--config]",
	  "Add a disk to a running partition: a <disk> element in FILE (- is standard input), or an image or block device as TARGET\n"
	  "(sdb, or CONTROLLER:LUN). With --config its definition gets it too; one that is off is changed there alone." },
	{ "detach-disk", command_detach_disk, CONFIG, 2, 2, false, "NAME TARGET [--config]",
	  "Take a disk away from a running partition, as pulling it out does: have the guest unmount it first. With --config from\n"
	  "its definition too." },
	{ "resize-disk", command_resize_disk, 0, 2, 3, false, "NAME TARGET [SIZE]",
	  "Make a disk of a running partition larger: its file is given SIZE (as in 20GiB), or without one the guest is told of the\n"
	  "size that file or device have now. Never smaller." },
	{ "list-interfaces", command_list_interfaces, JSON, 1, 1, false, "NAME [--json]", "List its network interfaces with their counters." },
	{ "attach-interface", command_attach_interface, CONFIG | BRIDGE | MAC | VLAN | MTU, 1, 2, false,
	  "NAME {FILE | --bridge BRIDGE [--mac ADDRESS] [--vlan ID] [--mtu BYTES]} [--config]",
	  "Add a network interface to a running partition: an <interface> element in FILE (- is standard input), or what the options\n"
	  "say. With --config its definition gets it too; one that is off is changed there alone." },
	{ "detach-interface", command_detach_interface, CONFIG, 2, 2, false, "NAME ADDRESS [--config]",
	  "Take the network interface with that MAC address away from a running partition; with --config from its definition too." },
	{ "set-link", command_set_link, CONFIG, 3, 3, false, "NAME ADDRESS up|down [--config]",
	  "Put the cable of a network interface in, or pull it out; with --config also in its definition." },
	{ "set-memory", command_set_memory, 0, 2, 2, false, "NAME SIZE|auto",
	  "Fix the memory of a running partition that has <dynamicMemory> at a size (as in 768MiB), between its minimum and its maximum;\n"
	  "with auto it follows its guest's demand again." },
	{ "guest-info", command_guest_info, JSON, 1, 1, false, "NAME [--json]",
	  "What the guest says of itself: system, name, addresses; and its integration services with their versions." },
	{ "set-addresses", command_set_addresses, 0, 3, 5, false, "NAME MAC {dhcp | ADDRESS/PREFIX[,...]} [GATEWAY[,...] [DNS[,...]]]",
	  "Have the guest configure a network interface: by hv_kvp_daemon and its script hv_set_ifconfig in a Linux guest." },
	{ "kvp", command_kvp, POOL | JSON, 2, 4, false, "NAME {list | get KEY | set KEY VALUE | delete KEY} [--pool POOL] [--json]",
	  "Key-value pairs that host and guest share, by hv_kvp_daemon in a Linux guest. Pools: external (the host's for the guest,\n"
	  "unless told), guest (the guest's for the host), auto (what the guest says of itself), auto-external, auto-internal." },
	{ "backup", command_backup, DISK | TIMEOUT, 2, 2, false, "NAME --disk TARGET FILE [--timeout SECONDS]",
	  "Copy a disk of a running guest with its file systems frozen (hv_vss_daemon in a Linux guest), for 60 s at most unless\n"
	  "told. FILE must not exist." },
	{ "copy", command_copy, OVERWRITE | MAKE_PATH, 3, 3, false, "NAME SOURCE DESTINATION [--overwrite] [--make-path]",
	  "Copy a file into the guest, by hv_fcopy_daemon in a Linux guest. A DESTINATION that ends with / is a folder; --make-path\n"
	  "creates those that are missing." },
	{ "console", command_console, NO_INPUT | TIMEOUT, 1, 1, false, "NAME [--no-input] [--timeout SECONDS]",
	  "Connect to the serial console. Ctrl-] leaves. Without a terminal, standard input is sent and output is printed\n"
	  "until the console closes or the time is over." },
	{ "exec", command_exec, USER | VARIABLE | TERMINAL | TIMEOUT, 2, -1, false,
	  "NAME [--user USER] [--env KEY=VALUE]... [-t] [--timeout SECONDS] -- COMMAND [ARGUMENT]...",
	  "Run a command in the guest, by its package bulkhead-guest; no network is needed. Standard input, output and error are\n"
	  "the command's, and so is the exit status: 128 and more is a signal's number, 127 not found, 126 not to be executed,\n"
	  "125 a failure of bhctl or the guest, 124 not in time. With -t it gets a terminal." },
	{ "login", command_login, USER, 1, 1, false, "NAME [--user USER]", "Open a login shell in the guest, as root unless told. Three Ctrl-] within a second leave." },
	{ "events", command_events, FOLLOW | SINCE | JSON, 0, 0, false, "[--follow] [--since NUMBER] [--json]",
	  "Print what happened, numbered; --since prints what came after that number, --follow goes on." },
	{ "host", command_host, JSON, 0, 0, false, "[--json]", "Show the hypervisor: version, processors, memory." },
};

static const struct option long_options[] = {
	{ "all", no_argument, NULL, ALL }, { "active", no_argument, NULL, ACTIVE }, { "json", no_argument, NULL, JSON }, { "follow", no_argument, NULL, FOLLOW },
	{ "wait", no_argument, NULL, WAIT }, { "force", no_argument, NULL, FORCE }, { "paused", no_argument, NULL, PAUSED },
	{ "reboot", no_argument, NULL, REBOOT }, { "no-input", no_argument, NULL, NO_INPUT },
	{ "timeout", required_argument, NULL, TIMEOUT }, { "since", required_argument, NULL, SINCE },
	{ "config", no_argument, NULL, CONFIG }, { "bridge", required_argument, NULL, BRIDGE }, { "mac", required_argument, NULL, MAC },
	{ "vlan", required_argument, NULL, VLAN }, { "mtu", required_argument, NULL, MTU },
	{ "pool", required_argument, NULL, POOL }, { "disk", required_argument, NULL, DISK },
	{ "overwrite", no_argument, NULL, OVERWRITE }, { "make-path", no_argument, NULL, MAKE_PATH },
	{ "readonly", no_argument, NULL, READ_ONLY }, { "cache", required_argument, NULL, CACHE }, { "serial", required_argument, NULL, SERIAL },
	{ "user", required_argument, NULL, USER }, { "env", required_argument, NULL, VARIABLE }, { "tty", no_argument, NULL, TERMINAL },
	{ "host", required_argument, NULL, 'H' }, { "password-file", required_argument, NULL, 'P' }, { "ca-file", required_argument, NULL, 'A' },
	{ "certificate", required_argument, NULL, 'C' }, { "key", required_argument, NULL, 'K' },
	{ "socket", required_argument, NULL, 'S' }, { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
	{ 0 }
};

static void print_help(FILE *out)
{
	fputs("Usage: bhctl [--socket PATH | --host https://[USER@]HOST[:PORT] [--password-file FILE] [--ca-file FILE]\n"
	      "             [--certificate FILE [--key FILE]]] COMMAND [ARGUMENT]...\n\nCommands:\n", out);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %-16s %s\n", commands[i].name, commands[i].synopsis);
	fputs("\n'bhctl COMMAND --help' says more about one.\n"
	      "Exit: 0 done, 1 refused or failed, 2 wrong usage, 3 no daemon, 4 not in time (it goes on).\n", out);
}

static void print_command_help(const struct command *c)
{
	printf("Usage: bhctl %s %s\n\n%s\n", c->name, c->synopsis, c->help);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static bool read_number(const char *option, const char *text, uint64_t max, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (!errno && end != text && !*end && *text != '-' && *ret <= max)
		return true;
	complain(NULL, "--%s %s: not a number up to %llu", option, text, (unsigned long long)max);
	return false;
}

static bool set_option(struct arguments *args, int option)
{
	switch (option) {
	case ALL: args->all = true; return true;
	case ACTIVE: args->active = true; return true;
	case JSON: args->json = true; return true;
	case FOLLOW: args->follow = true; return true;
	case WAIT: args->wait = true; return true;
	case FORCE: args->force = true; return true;
	case PAUSED: args->paused = true; return true;
	case REBOOT: args->reboot = true; return true;
	case NO_INPUT: args->no_input = true; return true;
	case CONFIG: args->config = true; return true;
	case BRIDGE: args->bridge = optarg; return true;
	case MAC: args->mac = optarg; return true;
	case VLAN: args->vlan = optarg; return true;
	case MTU: args->mtu = optarg; return true;
	case READ_ONLY: args->read_only = true; return true;
	case CACHE: args->cache = optarg; return true;
	case SERIAL: args->serial = optarg; return true;
	case TERMINAL: args->terminal = true; return true;
	case POOL: args->pool = optarg; return true;
	case DISK: args->disk = optarg; return true;
	case OVERWRITE: args->overwrite = true; return true;
	case MAKE_PATH: args->make_path = true; return true;
	case USER: args->user = optarg; return true;
	case VARIABLE:
		args->variables[args->variable_count++] = optarg;
		if (*optarg != '=' && strchr(optarg, '='))
			return true;
		complain(NULL, "--env %s: not KEY=VALUE", optarg);
		return false;
	case TIMEOUT: args->has_timeout = true; return read_number("timeout", optarg, 1000000, &args->timeout_s);
	case SINCE: args->has_since = true; return read_number("since", optarg, UINT64_MAX, &args->since);
	}
	return false;
}

/* What says where the partitions are. */
static bool set_place(struct arguments *args, int option)
{
	switch (option) {
	case 'S': args->socket = optarg; return true;
	case 'H': args->host = optarg; return true;
	case 'P': args->password_file = optarg; return true;
	case 'A': args->ca_file = optarg; return true;
	case 'C': args->certificate = optarg; return true;
	case 'K': args->key = optarg; return true;
	}
	return false;
}

static int run_remotely(struct arguments *args, const struct command *command)
{
	int (*run)(struct arguments *args) = remote_command(command->name);
	int rc;

	if (!run) {
		complain(NULL, "%s: not by way of --host: WS-Management has no such request; use bhctl on the host itself", command->name);
		return EXIT_USAGE;
	}
	rc = remote_open(args);
	if (!rc)
		rc = run(args);
	remote_close(args->remote);
	return rc;
}

static int run_locally(struct arguments *args, const struct command *command)
{
	int rc = command->local ? EXIT_OK : client_open(args);

	if (rc == EXIT_NO_DAEMON && command->options & USER)
		rc = EXIT_EXEC_FAILED;   /* 3 would be the command's */
	if (!rc)
		rc = command->run(args);
	sd_bus_flush_close_unref(args->bus);
	return rc;
}

/* Options may stand before and behind the command. Returns -1 to go on, else an exit code. */
static int read_arguments(int argc, char **argv, struct arguments *args, const struct command **ret)
{
	const struct command *command = NULL;
	unsigned given = 0;
	bool help = false;

	for (int c; (c = getopt_long(argc, argv, "hVt", long_options, NULL)) >= 0;) {
		if (c == 't')
			c = TERMINAL;
		if (set_place(args, c)) {
			continue;
		} else if (c == 'h') {
			help = true;
		} else if (c == 'V') {
			puts("bhctl " BULKHEAD_VERSION);
			return EXIT_OK;
		} else if (c == '?' || !set_option(args, c)) {
			return EXIT_USAGE;
		} else {
			given |= (unsigned)c;
		}
	}
	if (optind == argc) {
		print_help(help ? stdout : stderr);
		return help ? EXIT_OK : EXIT_USAGE;
	}
	command = find(argv[optind]);
	if (!command) {
		complain(NULL, "%s: unknown command; 'bhctl --help' lists them", argv[optind]);
		return EXIT_USAGE;
	}
	if (help) {
		print_command_help(command);
		return EXIT_OK;
	}
	args->words = argv + optind + 1;
	args->count = argc - optind - 1;
	if (args->count < command->min || (command->max >= 0 && args->count > command->max) || given & ~command->options) {
		complain(NULL, "usage: bhctl %s %s", command->name, command->synopsis);
		return EXIT_USAGE;
	}
	*ret = command;
	return -1;
}

/* Who starts a program with a standard stream closed does not mean that the next file opened is to be it. */
static void open_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	struct arguments args = { .socket = getenv("BULKHEAD_SOCKET"), .host = getenv("BULKHEAD_HOST") };
	const struct command *command;
	int rc;

	open_standard_streams();
	args.variables = calloc((size_t)argc + 2, sizeof *args.variables);
	if (!args.variables) {
		complain(NULL, "out of memory");
		return EXIT_REFUSED;
	}
	if (args.host && !*args.host)
		args.host = NULL;
	if (!args.socket)
		args.socket = "/run/bulkhead/bulkhead.sock";
	rc = read_arguments(argc, argv, &args, &command);
	if (rc >= 0)
		goto out;
	rc = args.host && !command->local ? run_remotely(&args, command) : run_locally(&args, command);
out:
	free(args.variables);
	if (fflush(stdout) || ferror(stdout)) {
		complain(NULL, "standard output: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	return rc;
}
