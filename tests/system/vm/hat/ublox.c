/* SPDX-License-Identifier: MIT
 * The binary half of a u-blox M8, after its Receiver Description: messages by the rates in its RAM, orders answered
 * with ACK-ACK or ACK-NAK, polls answered with the message itself. */
#include "hat.h"

#include <string.h>

enum { CLASS_NAV = 0x01, CLASS_ACK = 0x05, CLASS_CFG = 0x06, CLASS_MON = 0x0a, CLASS_TIM = 0x0d };
enum { CFG_PRT = 0x00, CFG_MSG = 0x01, MON_VER = 0x04 };
enum { NMEA_OUT = 2, WEEK_S = 604800, ACCURACY_NS = 20, MOST_PAYLOAD = 512 };

/* Numbers are little-endian here and on every machine that this runs on. */
struct payload { uint8_t bytes[MOST_PAYLOAD]; size_t length; };

static void put(struct payload *to, int64_t value, size_t size)
{
    memcpy(to->bytes + to->length, &value, size);
    to->length += size;
}

static void skip(struct payload *to, size_t count)
{
    to->length += count;
}

static void checksum(const uint8_t *body, size_t count, uint8_t sum[2])
{
    sum[0] = sum[1] = 0;
    for (size_t i = 0; i < count; i++)
        sum[1] += sum[0] += body[i];
}

static void frame(struct text *to, int class, int id, const struct payload *payload)
{
    uint8_t bytes[MOST_PAYLOAD + 8] = { 0xb5, 0x62, class, id, payload->length & 255, payload->length >> 8 };
    memcpy(bytes + 6, payload->bytes, payload->length);
    checksum(bytes + 2, payload->length + 4, bytes + 6 + payload->length);
    append(to, bytes, payload->length + 8);
}

/* ---- what it tells ---- */

static void time_of_week(struct payload *p, const struct epoch *e)
{
    put(p, e->gps_s % WEEK_S * 1000, 4);
}

static void nav_pvt(struct payload *p, const struct epoch *e)
{
    struct tm t;
    gmtime_r(&e->posix, &t);
    time_of_week(p, e);
    put(p, t.tm_year + 1900, 2), put(p, t.tm_mon + 1, 1), put(p, t.tm_mday, 1);
    put(p, t.tm_hour, 1), put(p, t.tm_min, 1), put(p, e->leap_second ? 60 : t.tm_sec, 1);
    put(p, 7, 1); /* date and time valid, and the second vouched for */
    put(p, e->fix ? ACCURACY_NS : 1000000, 4), put(p, 0, 4);
    put(p, e->fix ? 3 : 0, 1), put(p, e->fix, 1), put(p, 0, 1), put(p, e->fix ? 8 : 0, 1);
    put(p, -15000, 4), put(p, 514779000, 4), put(p, 91400, 4), put(p, 46000, 4), put(p, 1500, 4), put(p, 2500, 4);
    skip(p, 20), put(p, 50, 4), put(p, 18000000, 4), put(p, e->fix ? 145 : 9999, 2), skip(p, 14);
}

static void nav_status(struct payload *p, const struct epoch *e)
{
    time_of_week(p, e);
    put(p, e->fix ? 3 : 0, 1), put(p, e->fix ? 0x0d : 0x0c, 1), put(p, 0, 1);
    put(p, 1 << 3, 1); /* nothing speaks for forged signals */
    put(p, 1500, 4), put(p, e->gps_s % WEEK_S * 1000, 4);
}

static void nav_timegps(struct payload *p, const struct epoch *e)
{
    time_of_week(p, e);
    put(p, 0, 4), put(p, e->gps_s / WEEK_S, 2), put(p, e->leap_seconds, 1), put(p, 7, 1), put(p, ACCURACY_NS, 4);
}

static void nav_timels(struct payload *p, const struct epoch *e)
{
    time_of_week(p, e);
    skip(p, 4), put(p, 2, 1), put(p, e->leap_seconds, 1), put(p, 2, 1), put(p, e->leap_left_s > 0, 1);
    put(p, e->leap_left_s, 4), skip(p, 7), put(p, 3, 1);
}

static void nav_dop(struct payload *p, const struct epoch *e)
{
    time_of_week(p, e);
    for (int i = 0; i < 7; i++)
        put(p, e->fix ? 100 : 9999, 2);
}

static void nav_sat(struct payload *p, const struct epoch *e)
{
    int seen = e->antenna ? 8 : 0;
    time_of_week(p, e);
    put(p, 1, 1), put(p, seen, 1), skip(p, 2);
    for (const struct satellite *s = sky; s < sky + seen; s++) {
        put(p, 0, 1), put(p, s->prn, 1), put(p, s->cn0, 1), put(p, s->elevation, 1);
        put(p, s->azimuth, 2), put(p, 0, 2), put(p, e->fix ? 15 : 7, 4);
    }
}

static void nav_eoe(struct payload *p, const struct epoch *e)
{
    time_of_week(p, e);
}

static void mon_hw(struct payload *p, const struct epoch *e)
{
    skip(p, 16), put(p, 90, 2), put(p, 5000, 2), put(p, e->antenna ? 2 : 4, 1), put(p, 1, 1), skip(p, 23);
    put(p, 12, 1), skip(p, 14);
}

static void tim_tp(struct payload *p, const struct epoch *e)
{
    put(p, (e->gps_s + 1) % WEEK_S * 1000, 4), put(p, 0, 4); /* of the next pulse */
    put(p, (e->gps_s % 43 - 21) * 1000, 4);                   /* quantisation of the 48 MHz clock, ps */
    put(p, e->gps_s / WEEK_S, 2), put(p, 3, 1), put(p, 0, 1);
}

static void mon_ver(struct payload *p, const struct epoch *e)
{
    static const char *const texts[] = { "FWVER=SPG 3.01", "PROTVER=18.00", "GPS;GLO;GAL;BDS", "SBAS;IMES;QZSS" };
    (void)e;
    strcpy((char *)p->bytes, "ROM CORE 3.01 (107888)");
    strcpy((char *)p->bytes + 30, "00080000");
    skip(p, 40);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++, skip(p, 30))
        strcpy((char *)p->bytes + p->length, texts[i]);
}

/* In the order in which a receiver sends them. */
static const struct message {
    uint8_t class, id;
    void (*fill)(struct payload *, const struct epoch *);
} messages[] = {
    { CLASS_NAV, 0x07, nav_pvt },     { CLASS_NAV, 0x35, nav_sat },    { CLASS_NAV, 0x03, nav_status },
    { CLASS_NAV, 0x04, nav_dop },     { CLASS_NAV, 0x20, nav_timegps }, { CLASS_NAV, 0x26, nav_timels },
    { CLASS_MON, 0x09, mon_hw },      { CLASS_TIM, 0x01, tim_tp },     { CLASS_NAV, 0x61, nav_eoe },
    { CLASS_MON, MON_VER, mon_ver },
};
enum { MESSAGES = sizeof messages / sizeof *messages };

/* ---- what it was told; gone with its power ---- */

static uint8_t rates[MESSAGES]; /* one message in so many epochs; 0 = never */
static uint8_t due[MESSAGES];   /* in so many epochs; the first comes at once when a rate is set */
static uint16_t outputs;

void ublox_forget(void)
{
    memset(rates, 0, sizeof rates);
    outputs = 1 | NMEA_OUT;
}

int ublox_talks_nmea(void)
{
    return outputs & NMEA_OUT;
}

static int find(int class, int id)
{
    for (int i = 0; i < MESSAGES; i++)
        if (messages[i].class == class && messages[i].id == id)
            return i;
    return -1;
}

static void tell(struct text *to, int number, const struct epoch *epoch)
{
    struct payload payload = { .length = 0 };
    messages[number].fill(&payload, epoch);
    frame(to, messages[number].class, messages[number].id, &payload);
}

void ublox_burst(struct text *to, const struct epoch *epoch)
{
    for (int i = 0; i < MESSAGES; i++)
        if (rates[i] && --due[i] == 0) {
            tell(to, i, epoch);
            due[i] = rates[i];
        }
}

/* ---- what it hears ---- */

static void acknowledge(struct text *answer, int id, int accepted)
{
    struct payload payload = { { CLASS_CFG, id }, 2 };
    frame(answer, CLASS_ACK, accepted, &payload);
}

static void tell_port(struct text *answer)
{
    struct payload p = { .length = 0 };
    put(&p, 1, 1), skip(&p, 3), put(&p, 0x8d0, 4), put(&p, 9600, 4), put(&p, 7, 2), put(&p, outputs, 2), skip(&p, 4);
    frame(answer, CLASS_CFG, CFG_PRT, &p);
}

/* 1 when it is known here and was carried out; what a newer or a timing receiver has, this one refuses. */
static int configure(struct text *answer, int id, const uint8_t *payload, size_t count)
{
    static const uint8_t known[] = { 0x00, 0x01, 0x02, 0x08, 0x09, 0x11, 0x16, 0x17,
                                     0x1e, 0x23, 0x24, 0x31, 0x39, 0x3b, 0x3e, 0x86 };
    if (!memchr(known, id, sizeof known))
        return 0;
    if (id == CFG_PRT && count <= 1) {
        tell_port(answer);
    } else if (id == CFG_PRT && count == 20) {
        outputs = payload[14] | payload[15] << 8;
    } else if (id == CFG_MSG && (count == 3 || count == 8)) {
        int number = find(payload[0], payload[1]);
        if (number >= 0) {
            rates[number] = count == 3 ? payload[2] : payload[3]; /* of the port it came on: the first UART */
            due[number] = 1;
        }
    }
    return 1;
}

static void obey(struct text *answer, const uint8_t *body, size_t count, const struct epoch *epoch)
{
    int number = find(body[0], body[1]);
    if (body[0] == CLASS_CFG)
        acknowledge(answer, body[1], configure(answer, body[1], body + 4, count));
    else if (number >= 0 && count == 0)
        tell(answer, number, epoch);
}

void ublox_hear(struct text *answer, const uint8_t *bytes, size_t count, const struct epoch *epoch)
{
    static uint8_t held[MOST_PAYLOAD + 8];
    static size_t length;
    for (size_t i = 0; i < count; i++) {
        uint8_t sum[2];
        held[length++] = bytes[i];
        if (held[0] != 0xb5 || (length >= 2 && held[1] != 0x62)) {
            length = 0; /* NMEA, or noise */
            continue;
        }
        size_t payload = length >= 6 ? held[4] | held[5] << 8 : 0;
        if (payload > MOST_PAYLOAD) {
            length = 0;
        } else if (length >= 6 && length == payload + 8) {
            checksum(held + 2, payload + 4, sum);
            if (!memcmp(sum, held + payload + 6, 2))
                obey(answer, held + 2, payload, epoch);
            length = 0;
        }
    }
}
