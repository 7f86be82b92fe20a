/* SPDX-License-Identifier: MIT
 * One pulse a second, on the second of true time. */
#include "hat.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH_MS = 100, SPIN_NS = 200000, PRIORITY = 50 };

static void *send_pulses(void *unused)
{
    struct sched_param priority = { .sched_priority = PRIORITY };
    (void)unused;
    if (pthread_setschedparam(pthread_self(), SCHED_RR, &priority))
        fprintf(stderr, "hat: no real-time priority; pulses are less exact\n");
    for (;;) {
        int64_t edge = monotonic_of_true((true_now() / 1000000000 + 1) * 1000000000);
        sleep_until(edge + (faults.jitter_ns ? random() % faults.jitter_ns : 0), SPIN_NS);
        if (!faults.pulse || !faults.antenna || !faults.plugged)
            continue;
        pulse_line(1, edge);
        sleep_until(edge + WIDTH_MS * 1000000LL, 0);
        pulse_line(0, 0);
    }
    return NULL;
}

void pulse_start(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, send_pulses, NULL);
}
