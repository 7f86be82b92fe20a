/* SPDX-License-Identifier: MIT
 * The receiver at the serial line: a burst for each second, answers to orders, one byte after the other at its speed. */
#include "hat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BAUD = 9600, PIECE = 8 };

static int serial, ubx;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct text waiting; /* what the transmitter has not sent yet, whole messages */

void append(struct text *to, const void *bytes, size_t count)
{
    if (to->length + count > sizeof to->bytes)
        return; /* a transmit buffer that is full loses messages, never halves of them */
    memcpy(to->bytes + to->length, bytes, count);
    to->length += count;
}

static void *transmit(void *unused)
{
    uint8_t piece[PIECE];
    int64_t free_at = 0;
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        while (!waiting.length)
            pthread_cond_wait(&more, &lock);
        size_t count = waiting.length < PIECE ? waiting.length : PIECE;
        memcpy(piece, waiting.bytes, count);
        waiting.length -= count;
        memmove(waiting.bytes, waiting.bytes + count, waiting.length);
        pthread_mutex_unlock(&lock);
        if (send(serial, piece, count, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE)
            exit(0); /* the machine is gone */
        int64_t now = monotonic_now();
        free_at = (free_at > now ? free_at : now) + (int64_t)count * 10 * 1000000000 / BAUD;
        sleep_until(free_at, 0);
    }
    return NULL;
}

static void *tell_each_second(void *unused)
{
    (void)unused;
    for (;;) {
        int64_t second = true_now() / 1000000000 + 1;
        sleep_until(monotonic_of_true(second * 1000000000) + faults.lag_ms * 1000000LL, 0);
        struct epoch epoch = epoch_of(second);
        pthread_mutex_lock(&lock);
        if (faults.plugged) {
            if (!ubx || ublox_talks_nmea())
                nmea_burst(&waiting, &epoch);
            if (ubx)
                ublox_burst(&waiting, &epoch);
            pthread_cond_signal(&more);
        }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

static void *hear(void *unused)
{
    uint8_t bytes[4096];
    ssize_t count;
    (void)unused;
    while ((count = read(serial, bytes, sizeof bytes)) > 0) {
        struct epoch epoch = epoch_of(true_now() / 1000000000);
        pthread_mutex_lock(&lock);
        if (ubx && faults.plugged) {
            ublox_hear(&waiting, bytes, count, &epoch);
            pthread_cond_signal(&more);
        }
        pthread_mutex_unlock(&lock);
    }
    return NULL;
}

void receiver_lost_power(void)
{
    pthread_mutex_lock(&lock);
    waiting.length = 0;
    ublox_forget();
    pthread_mutex_unlock(&lock);
}

void receiver_start(const char *socket_path, int speaks_ubx)
{
    pthread_t thread;
    serial = connect_to(socket_path);
    ubx = speaks_ubx;
    ublox_forget();
    pthread_create(&thread, NULL, transmit, NULL);
    pthread_create(&thread, NULL, tell_each_second, NULL);
    pthread_create(&thread, NULL, hear, NULL);
}
