/* SPDX-License-Identifier: BSD-2-Clause */
/* Text from elsewhere (a guest, a worker, a cut string) made fit for one line on a terminal and for D-Bus, which drops what is not UTF-8. */
#ifndef BULKHEAD_DAEMON_TEXT_H
#define BULKHEAD_DAEMON_TEXT_H

/** Control characters and bytes that are no UTF-8 become '?', in place; line breaks and tabs become blanks. */
void text_clean(char *text);

#endif
