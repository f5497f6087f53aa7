/* SPDX-License-Identifier: BSD-2-Clause */
/* See terminal.h. */
#include <signal.h>
#include <termios.h>
#include <unistd.h>
#include "root-partition/cli/terminal.h"

static struct termios saved;
static bool raw;

void terminal_restore(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved);
	raw = false;
}

static void on_signal(int number)
{
	terminal_restore();
	_exit(128 + number);
}

bool terminal_raw(void)
{
	struct termios settings;

	if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) < 0)
		return false;
	settings = saved;
	cfmakeraw(&settings);
	raw = tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) == 0;
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	return raw;
}
