/* SPDX-License-Identifier: Apache-2.0 */
/* time.c — instants as RFC 3339 text and back, by the proleptic Gregorian calendar. */
#include "format/time.h"

#include <stdint.h>
#include <stdio.h>

enum {
    DAY_SECONDS = 86400,
    YEAR_MAX = 9999,
    FRACTION_DIGITS = 9
};

/* 0000-01-01 and 9999-12-31T23:59:59, in seconds since 1970. */
static const int64_t seconds_min = INT64_C(-62167219200);
static const int64_t seconds_max = INT64_C(253402300799);

bool fmt_time_check(firn_time time)
{
    return time.seconds >= seconds_min && time.seconds <= seconds_max && time.nanoseconds < 1000000000;
}

/* Days from 1970-01-01 to a date. Years are counted from March, so that the leap day ends a year. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t shifted = month > 2 ? year : year - 1;
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
    int64_t year_of_era = shifted - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_of(int64_t days, int64_t *out_year, unsigned *out_month, unsigned *out_day)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;

    *out_day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1);
    *out_month = (unsigned)(month < 10 ? month + 3 : month - 9);
    *out_year = year_of_era + era * 400 + (*out_month <= 2);
}

void fmt_time_format(firn_time time, char out_text[FIRN_TIME_TEXT_SIZE])
{
    int64_t days = time.seconds / DAY_SECONDS, rest = time.seconds % DAY_SECONDS, year;
    unsigned month, day, second;
    int used;

    if (rest < 0) {
        rest += DAY_SECONDS;
        days--;
    }
    date_of(days, &year, &month, &day);
    second = (unsigned)rest;
    used = snprintf(out_text, FIRN_TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)year % 10000, month % 13,
                    day % 32, second / 3600 % 24, second / 60 % 60, second % 60);
    if (time.nanoseconds == 0)
        (void)snprintf(out_text + used, FIRN_TIME_TEXT_SIZE - (size_t)used, "Z");
    else if (time.nanoseconds % 1000000 == 0)
        (void)snprintf(out_text + used, FIRN_TIME_TEXT_SIZE - (size_t)used, ".%03uZ",
                       time.nanoseconds / 1000000 % 1000);
    else if (time.nanoseconds % 1000 == 0)
        (void)snprintf(out_text + used, FIRN_TIME_TEXT_SIZE - (size_t)used, ".%06uZ",
                       time.nanoseconds / 1000 % 1000000);
    else
        (void)snprintf(out_text + used, FIRN_TIME_TEXT_SIZE - (size_t)used, ".%09uZ", time.nanoseconds % 1000000000);
}

typedef struct time_reader {
    const char *at;
    const char *end;
    bool good;
} time_reader;

/* A number of exactly so many digits in a range. */
static unsigned take_number(time_reader *reader, unsigned digits, unsigned least, unsigned most)
{
    unsigned number = 0;

    for (; digits > 0 && reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; digits--)
        number = number * 10 + (unsigned)(*reader->at++ - '0');
    reader->good = reader->good && digits == 0 && number >= least && number <= most;
    return number;
}

/* One of a few characters. */
static char take_one(time_reader *reader, const char *wanted)
{
    for (; reader->at < reader->end && *wanted != 0; wanted++)
        if (*reader->at == *wanted)
            return *reader->at++;
    reader->good = false;
    return 0;
}

static uint32_t take_fraction(time_reader *reader)
{
    uint32_t nanoseconds = 0;
    unsigned digits = 0;

    if (reader->at == reader->end || *reader->at != '.')
        return 0;
    for (reader->at++; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9'; reader->at++, digits++)
        if (digits < FRACTION_DIGITS)
            nanoseconds = nanoseconds * 10 + (uint32_t)(*reader->at - '0');
    reader->good = reader->good && digits > 0;
    for (; digits < FRACTION_DIGITS; digits++)
        nanoseconds *= 10;
    return nanoseconds;
}

/* Seconds that the offset at the end is ahead of UTC. */
static int64_t take_offset(time_reader *reader)
{
    char sign = take_one(reader, "Zz+-");
    int64_t offset;

    if (sign != '+' && sign != '-')
        return 0;
    offset = (int64_t)take_number(reader, 2, 0, 23) * 3600;
    (void)take_one(reader, ":");
    offset += (int64_t)take_number(reader, 2, 0, 59) * 60;
    return sign == '+' ? offset : -offset;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month];
}

bool fmt_time_parse(firn_slice text, firn_time *out_time)
{
    time_reader reader = {text.data, (const char *)text.data + text.size, text.data != NULL};
    unsigned year, month, day, hour, minute, second;
    firn_time time = {0};

    year = take_number(&reader, 4, 0, YEAR_MAX);
    (void)take_one(&reader, "-");
    month = take_number(&reader, 2, 1, 12);
    (void)take_one(&reader, "-");
    day = take_number(&reader, 2, 1, 31);
    (void)take_one(&reader, "Tt ");
    hour = take_number(&reader, 2, 0, 23);
    (void)take_one(&reader, ":");
    minute = take_number(&reader, 2, 0, 59);
    (void)take_one(&reader, ":");
    second = take_number(&reader, 2, 0, 59);
    time.nanoseconds = take_fraction(&reader);
    time.seconds = -take_offset(&reader);
    if (!reader.good || reader.at != reader.end || day > days_in_month(year, month))
        return false;
    time.seconds += days_of(year, month, day) * DAY_SECONDS + (int64_t)hour * 3600 + (int64_t)minute * 60 + second;
    if (!fmt_time_check(time))
        return false;
    *out_time = time;
    return true;
}
