/* SPDX-License-Identifier: MIT
 * A GPS hat for a virtual machine; main.c says how it is called. */
#ifndef STRATUM1_HAT_H
#define STRATUM1_HAT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Lines of the board's GPIO block (3 is its power key). Two are numbers that the settings take for buttons. */
enum { BUTTON_A_LINE = 1, SCL_LINE = 2, SDA_LINE = 4, PULSE_LINE = 5, BUTTON_B_LINE = 6 };

/* What the orders change; word-sized, so a reader sees an old or a new value and nothing between. */
struct faults {
    volatile int pulse, fix, antenna, plugged; /* 1 = well */
    volatile long label_shift_s;               /* what the messages say beyond the truth: a wrong second, a rollover */
    volatile long jitter_ns;                   /* pulses come late by up to this */
    volatile long lag_ms;                      /* messages begin so long after their pulse */
};
extern struct faults faults;

/* ---- truth.c: true time, which counts on through leap seconds, against this machine's monotonic clock ---- */

void truth_start(int64_t offset_s);
void truth_set_offset(int64_t offset_s); /* against the host's clock of the start */
void truth_set_rate(long ppb);           /* of true time against the host's clock, from now on */
long truth_rate(void);
void truth_set_leap(int64_t at_s); /* POSIX second before which a second is inserted; 0 = none */
int64_t monotonic_now(void);
int64_t true_of(int64_t monotonic_ns);
int64_t true_now(void);
int64_t monotonic_of_true(int64_t true_ns);
void sleep_until(int64_t monotonic_ns, int64_t spin_ns); /* awake for the last spin_ns */

/* One second as the receiver names it. */
struct epoch {
    time_t posix;
    int leap_second;  /* this one is 23:59:60 of the day that posix lies in */
    int64_t gps_s;    /* since 1980-01-06 */
    int leap_seconds; /* GPS - UTC */
    int leap_left_s;  /* until the announced leap; 0 = none */
    int fix, antenna;
};
struct epoch epoch_of(int64_t true_s);

/* ---- lines.c: GPIO lines over QEMU's qtest socket ---- */

int connect_to(const char *path);
void die(const char *what);
void lines_start(const char *socket_path, const char *gpio_path);
void set_line(int line, int level);
void pulse_line(int level, int64_t due_ns); /* the pulse, which was due at that reading of the monotonic clock */
int64_t pulse_lateness_ns(void);            /* the longest of the last ten from due to done */

/* ---- oled.c ---- */

void oled_start(const char *frame_file);
void oled_bus_edge(int line, int level);

/* ---- receiver.c: the serial line at the receiver's speed ---- */

void receiver_start(const char *socket_path, int speaks_ubx);
void receiver_lost_power(void);

/* ---- dialects: both append whole messages ---- */

struct satellite { int prn, elevation, azimuth, cn0; };
extern const struct satellite sky[8];
struct text { uint8_t bytes[4096]; size_t length; };
void append(struct text *to, const void *bytes, size_t count);

void nmea_burst(struct text *to, const struct epoch *epoch);

void ublox_forget(void); /* as from the factory */
int ublox_talks_nmea(void);
void ublox_burst(struct text *to, const struct epoch *epoch);
void ublox_hear(struct text *answer, const uint8_t *bytes, size_t count, const struct epoch *epoch);

/* ---- pulse.c ---- */

void pulse_start(void);

#endif
