/* SPDX-License-Identifier: BSD-2-Clause */
/* See rtc.h. Without a clock Linux waits a second for one, at a million exits, and begins in 1970. */
#include "rtc.h"

#define RTC_REGISTER_A 10
#define RTC_REGISTER_B 11
#define RTC_REGISTER_D 13
#define RTC_CENTURY    50

static uint8_t bcd(int value)
{
	return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

uint8_t rtc_read(uint8_t index, time_t now)
{
	struct tm t;

	gmtime_r(&now, &t);
	switch (index) {
	case 0:
		return bcd(t.tm_sec);
	case 2:
		return bcd(t.tm_min);
	case 4:
		return bcd(t.tm_hour);
	case 6:
		return bcd(t.tm_wday + 1);
	case 7:
		return bcd(t.tm_mday);
	case 8:
		return bcd(t.tm_mon + 1);
	case 9:
		return bcd(t.tm_year % 100);
	case RTC_CENTURY:
		return bcd(t.tm_year / 100 + 19);
	case RTC_REGISTER_A:
		return 0x26; /* 32768 Hz time base, 1024 Hz rate */
	case RTC_REGISTER_B:
		return 0x02; /* 24 hours, BCD */
	case RTC_REGISTER_D:
		return 0x80; /* the battery is good */
	default:
		return 0;
	}
}
