/* SPDX-License-Identifier: MIT
 *
 * A GPS hat for a virtual machine: pulses on a GPIO line, an OLED and buttons on others by QEMU's qtest protocol, a
 * receiver on the guest's serial line, faults by lines of text on standard input.
 *
 *   hat QTEST_SOCKET SERIAL_SOCKET GPIO_PATH FRAME_FILE nmea|ublox OFFSET_SECONDS [ORDER]..
 *
 * True time is the host's CLOCK_REALTIME plus OFFSET_SECONDS.  Orders are told in usage; each is answered by one line
 * on standard output, "ok", with what was asked for, or "error: ..".
 */
#include "hat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct faults faults = { .pulse = 1, .fix = 1, .antenna = 1, .plugged = 1, .lag_ms = 120 };

static const char usage[] = "want: antenna|pulse|fix on|off, plug, unplug, label SECONDS, jitter NS, lag MS, rate PPB, "
                            "time SECONDS, leap EPOCH, button a|b down|up, resume, truth, lateness";

/* "on" and "off"; -1 for anything else. */
static int on_or_off(const char *word)
{
    return !strcmp(word, "on") ? 1 : !strcmp(word, "off") ? 0 : -1;
}

static int set_switch(const char *name, int on)
{
    volatile int *which = !strcmp(name, "antenna") ? &faults.antenna
                          : !strcmp(name, "pulse") ? &faults.pulse
                          : !strcmp(name, "fix")   ? &faults.fix
                                                   : NULL;
    if (!which || on < 0)
        return 0;
    *which = on;
    return 1;
}

static int set_number(const char *name, const char *text)
{
    char *end;
    long value = strtol(text, &end, 10);
    if (end == text || *end)
        return 0;
    if (!strcmp(name, "label"))
        faults.label_shift_s = value;
    else if (!strcmp(name, "jitter") && value >= 0)
        faults.jitter_ns = value;
    else if (!strcmp(name, "lag") && value >= 0)
        faults.lag_ms = value;
    else if (!strcmp(name, "rate"))
        truth_set_rate(value);
    else if (!strcmp(name, "time"))
        truth_set_offset(value);
    else if (!strcmp(name, "leap"))
        truth_set_leap(value);
    else
        return 0;
    return 1;
}

static int press(const char *button, const char *way)
{
    int line = !strcmp(button, "a") ? BUTTON_A_LINE : !strcmp(button, "b") ? BUTTON_B_LINE : -1;
    int down = !strcmp(way, "down");
    if (line < 0 || (!down && strcmp(way, "up")))
        return 0;
    set_line(line, !down); /* to ground */
    return 1;
}

static void set_plugged(int plugged)
{
    if (!plugged)
        receiver_lost_power();
    faults.plugged = plugged;
}

static int obey(char *order)
{
    char *word = strtok(order, " \n"), *first = strtok(NULL, " \n"), *second = strtok(NULL, " \n");
    if (!word)
        return 0;
    if (first && second)
        return !strcmp(word, "button") && press(first, second);
    if (first)
        return set_switch(word, on_or_off(first)) || set_number(word, first);
    if (!strcmp(word, "plug") || !strcmp(word, "unplug")) {
        set_plugged(*word == 'p');
    } else if (!strcmp(word, "resume")) {
        faults.pulse = faults.fix = faults.antenna = faults.plugged = 1;
        faults.label_shift_s = faults.jitter_ns = 0;
    } else {
        return 0;
    }
    return 1;
}

static void answer(char *order)
{
    int64_t now = monotonic_now();
    if (!strncmp(order, "truth", 5))
        printf("ok %" PRId64 " %" PRId64 " %ld\n", true_of(now), now, truth_rate());
    else if (!strncmp(order, "lateness", 8))
        printf("ok %" PRId64 "\n", pulse_lateness_ns());
    else if (obey(order))
        printf("ok\n");
    else
        printf("error: %s\n", usage);
    fflush(stdout);
}

int main(int count, char **word)
{
    char order[256];
    if (count < 7 || (strcmp(word[5], "nmea") && strcmp(word[5], "ublox"))) {
        fprintf(stderr, "usage: hat QTEST_SOCKET SERIAL_SOCKET GPIO_PATH FRAME_FILE nmea|ublox OFFSET_SECONDS [ORDER]..\n");
        return 2;
    }
    mlockall(MCL_CURRENT | MCL_FUTURE);
    truth_start(atoll(word[6]));
    for (int i = 7; i < count; i++) {
        snprintf(order, sizeof order, "%s", word[i]);
        if (!obey(order)) {
            fprintf(stderr, "hat: %s: %s\n", word[i], usage);
            return 2;
        }
    }
    oled_start(word[4]);
    lines_start(word[1], word[3]);
    receiver_start(word[2], !strcmp(word[5], "ublox"));
    pulse_start();
    while (fgets(order, sizeof order, stdin))
        answer(order);
    return 0;
}
