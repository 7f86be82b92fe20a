/* SPDX-License-Identifier: MIT
 * True time: the host's clock at the start, an offset of whole seconds and a rate of its own. */
#include "hat.h"

enum { GPS_EPOCH_S = 315964800, LEAP_SECONDS = 18 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t base_monotonic, base_true; /* the two agree here, and the rate counts from here on */
static int64_t start_monotonic, start_wall;
static double rate;
static volatile int64_t leap_at;

static int64_t clock_ns(int clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int64_t monotonic_now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static int64_t true_at(int64_t monotonic)
{
    return base_true + (monotonic - base_monotonic) + (int64_t)((double)(monotonic - base_monotonic) * rate);
}

void truth_start(int64_t offset_s)
{
    start_wall = clock_ns(CLOCK_REALTIME);
    start_monotonic = monotonic_now();
    truth_set_offset(offset_s);
}

void truth_set_offset(int64_t offset_s)
{
    pthread_mutex_lock(&lock);
    base_monotonic = monotonic_now();
    base_true = start_wall + (base_monotonic - start_monotonic) + offset_s * 1000000000LL;
    pthread_mutex_unlock(&lock);
}

void truth_set_rate(long ppb)
{
    pthread_mutex_lock(&lock);
    int64_t now = monotonic_now();
    base_true = true_at(now);
    base_monotonic = now;
    rate = (double)ppb * 1e-9;
    pthread_mutex_unlock(&lock);
}

long truth_rate(void)
{
    return (long)(rate * 1e9 + (rate < 0 ? -0.5 : 0.5));
}

void truth_set_leap(int64_t at_s)
{
    leap_at = at_s;
}

int64_t true_of(int64_t monotonic_ns)
{
    pthread_mutex_lock(&lock);
    int64_t then = true_at(monotonic_ns);
    pthread_mutex_unlock(&lock);
    return then;
}

int64_t true_now(void)
{
    return true_of(monotonic_now());
}

int64_t monotonic_of_true(int64_t true_ns)
{
    pthread_mutex_lock(&lock);
    int64_t since = (int64_t)((double)(true_ns - base_true) / (1 + rate));
    int64_t monotonic = base_monotonic + since;
    pthread_mutex_unlock(&lock);
    return monotonic;
}

void sleep_until(int64_t monotonic_ns, int64_t spin_ns)
{
    int64_t wake = monotonic_ns - spin_ns;
    struct timespec t = { wake / 1000000000, wake % 1000000000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
        ;
    while (monotonic_now() < monotonic_ns)
        ;
}

/* An inserted second is called 23:59:60, and what follows is called one less than it counts. */
struct epoch epoch_of(int64_t true_s)
{
    int64_t leap = leap_at;
    int past = leap && true_s >= leap;
    int64_t told = true_s + faults.label_shift_s;
    struct epoch epoch = {
        .posix = told - past,
        .leap_second = leap && true_s == leap,
        .gps_s = told - GPS_EPOCH_S + LEAP_SECONDS,
        .leap_seconds = LEAP_SECONDS + (leap && true_s > leap),
        .leap_left_s = leap && !past ? (int)(leap - true_s) : 0,
        .fix = faults.fix && faults.antenna,
        .antenna = faults.antenna,
    };
    return epoch;
}
