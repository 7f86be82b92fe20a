/* SPDX-License-Identifier: MIT
 * NMEA 0183 as a receiver sends it, one burst a second. */
#include "hat.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct satellite sky[8] = {
    { 9, 72, 130, 47 }, { 17, 61, 340, 46 }, { 6, 55, 210, 44 },  { 12, 38, 62, 43 },
    { 1, 33, 183, 41 }, { 19, 24, 300, 39 }, { 22, 18, 95, 36 },  { 3, 12, 255, 33 },
};

static void sentence(struct text *to, const char *format, ...)
{
    char body[128], frame[160];
    uint8_t sum = 0;
    va_list words;
    va_start(words, format);
    vsnprintf(body, sizeof body, format, words);
    va_end(words);
    for (const char *c = body; *c; c++)
        sum ^= *c;
    append(to, frame, snprintf(frame, sizeof frame, "$%s*%02X\r\n", body, sum));
}

static void in_view(struct text *to, int seen)
{
    if (!seen)
        sentence(to, "GPGSV,1,1,00");
    for (int first = 0; first < seen; first += 4) {
        char fields[96] = "";
        for (const struct satellite *s = sky + first; s < sky + first + 4; s++)
            snprintf(fields + strlen(fields), sizeof fields - strlen(fields), ",%02d,%02d,%03d,%02d", s->prn,
                     s->elevation, s->azimuth, s->cn0);
        sentence(to, "GPGSV,%d,%d,%02d%s", seen / 4, first / 4 + 1, seen, fields);
    }
}

void nmea_burst(struct text *to, const struct epoch *epoch)
{
    char hhmmss[16], ddmmyy[16];
    const char *place = epoch->fix ? "5128.6740,N,00000.0900,W" : ",,,";
    struct tm t;
    gmtime_r(&epoch->posix, &t);
    strftime(hhmmss, sizeof hhmmss, "%H%M%S.00", &t);
    if (epoch->leap_second)
        memcpy(hhmmss + 4, "60", 2);
    strftime(ddmmyy, sizeof ddmmyy, "%d%m%y", &t);
    sentence(to, "GPRMC,%s,%c,%s,%s,%s,,,%c", hhmmss, epoch->fix ? 'A' : 'V', place, epoch->fix ? "0.01,0.0" : ",",
             ddmmyy, epoch->fix ? 'A' : 'N');
    sentence(to, "GPGGA,%s,%s,%d,%02d,%s,,", hhmmss, place, epoch->fix, epoch->fix ? 8 : 0,
             epoch->fix ? "1.0,46.0,M,45.4,M" : "99.9,,,,");
    sentence(to, "GPGSA,A,%s", epoch->fix ? "3,01,03,06,09,12,17,19,22,,,,,1.8,1.0,1.5" : "1,,,,,,,,,,,,,99.9,99.9,99.9");
    in_view(to, epoch->antenna ? 8 : 0);
    sentence(to, "GPZDA,%s,%02d,%02d,%04d,00,00", hhmmss, t.tm_mday, t.tm_mon + 1, t.tm_year + 1900);
}
