/* SPDX-License-Identifier: MIT
 * A load generator for NTP servers on IPv4; writes one line of JSON.
 *
 * usage: responder_load full PORT SECONDS WINDOW [HEX]   as many requests as the server takes, WINDOW at a time
 *        responder_load open PORT SECONDS RATE           RATE requests a second whether answered or not; `unread`
 *                                                 are answers that came and found this program's queue full
 *        responder_load paced PORT SECONDS RATE          as open, with at most 4096 requests unanswered: a server that
 *                                                 lost its processor to others is not asked more meanwhile
 *        responder_load probe PORT SECONDS RATE basic|interleaved
 *                 the same load from 127.0.0.2, and a client on 127.0.0.1 that measures one exchange at a time
 *                 with the kernel's stamps on both ends of it
 *
 * HEX is the request (a plain one of version 4 mode 3 when left out).  Both sides read the same clock, so an
 * offset that the probing client sees is the server's error.  Offsets are signed: server minus client.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 32, MOST = 2000000 };

/* Some servers drop a request without a transmit stamp. */
static uint8_t request[512] = { 0x23, [40] = 0x51, [47] = 0x01 };
static size_t request_size = 48;

static int64_t now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int client(const char *from, int port, int stamps)
{
    struct sockaddr_in here = { .sin_family = AF_INET }, there = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;
    unsigned flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
    inet_pton(AF_INET, from, &here.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
    there.sin_port = htons((unsigned short)port);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(fd, (struct sockaddr *)&here, sizeof here) || connect(fd, (struct sockaddr *)&there, sizeof there)
            || (stamps && setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags))) {
        perror("responder_load");
        exit(1);
    }
    return fd;
}

static uint64_t field(const uint8_t *packet, int at)
{
    uint64_t v;
    memcpy(&v, packet + at, 8);
    return be64toh(v);
}

/* Stamps that cannot be: an answer sent before its request came, or requests stamped out of their order. */
static long impossible, disordered;

static void watch(const uint8_t *packet, size_t size)
{
    static uint64_t before;
    if (size < 48)
        return;
    if ((int64_t)(field(packet, 40) - field(packet, 32)) < 0)
        impossible++;
    if (before && (int64_t)(field(packet, 32) - before) < 0)
        disordered++;
    before = field(packet, 32);
}

static int take_all(int fd, int flags)
{
    static uint8_t data[BATCH][512];
    static struct iovec iov[BATCH];
    static struct mmsghdr messages[BATCH];
    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){ data[i], sizeof data[i] };
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
    }
    int got = recvmmsg(fd, messages, BATCH, flags, NULL);
    for (int i = 0; i < got; i++)
        watch(data[i], messages[i].msg_len);
    return got > 0 ? got : 0;
}

/* How many the kernel took. */
static int give(int fd, int many)
{
    static struct iovec iov;
    static struct mmsghdr messages[BATCH];
    iov = (struct iovec){ request, request_size };
    for (int i = 0; i < many; i++)
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
    int done = 0;
    while (done < many) {
        int sent = sendmmsg(fd, messages + done, many - done, 0);
        if (sent <= 0)
            break;
        done += sent;
    }
    return done;
}

static void full(int fd, double seconds, int window)
{
    int64_t start = now(CLOCK_MONOTONIC), end = start + (int64_t)(seconds * 1e9), sent = 0, got = 0, lost = 0;
    struct pollfd ready = { fd, POLLIN, 0 };
    while (now(CLOCK_MONOTONIC) < end) {
        int room = window - (int)(sent - got - lost);
        if (room > 0)
            sent += give(fd, room < BATCH ? room : BATCH);
        int more = take_all(fd, MSG_DONTWAIT);
        if (!more && sent - got - lost >= window && poll(&ready, 1, 50) == 0)
            lost = sent - got;
        got += more;
    }
    printf("{\"sent\": %ld, \"received\": %ld, \"lost\": %ld, \"seconds\": %.6f}\n", (long)sent, (long)got, (long)lost,
           (now(CLOCK_MONOTONIC) - start) / 1e9);
}

static int64_t kernel_stamp(int fd, int flags, uint8_t *data, size_t room, ssize_t *size)
{
    char control[512];
    struct iovec iov = { data, room };
    struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    *size = recvmsg(fd, &message, flags | MSG_DONTWAIT);
    if (*size < 0)
        return -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPING) {
            struct scm_timestamping stamps;
            memcpy(&stamps, CMSG_DATA(c), sizeof stamps);
            return stamps.ts[0].tv_sec * 1000000000LL + stamps.ts[0].tv_nsec;
        }
    return 0;
}

static void put(uint8_t *packet, int at, uint64_t v)
{
    v = htobe64(v);
    memcpy(packet + at, &v, 8);
}

/* NTP stamp minus Unix ns, in ns; both are within seconds of each other. */
static double apart(uint64_t stamp, int64_t ns)
{
    uint64_t other = ((uint64_t)(ns / 1000000000LL + 2208988800LL) << 32)
        + (uint64_t)((double)(ns % 1000000000LL) * 4.294967296 + 0.5);
    return (double)(int64_t)(stamp - other) / 4.294967296;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double *offsets;
static long probes, answered, interleaved_answers;

struct exchange { int64_t t1, t4; uint64_t t2, t3, id; };

static void judge(const struct exchange *e)
{
    if (e->t1 > 0 && e->t4 > 0 && answered < MOST)
        offsets[answered++] = (apart(e->t2, e->t1) + apart(e->t3, e->t4)) / 2;
}

static void probe(int load, int fd, double seconds, double rate, int interleaved)
{
    int64_t start = now(CLOCK_MONOTONIC), end = start + (int64_t)(seconds * 1e9), sent = 0, got = 0, next = 0, at;
    struct exchange this = { 0 }, last = { 0 };
    int waiting = 0, have_last = 0;
    uint8_t ask[48], data[1024];
    ssize_t size;
    offsets = malloc(MOST * sizeof *offsets);
    while ((at = now(CLOCK_MONOTONIC)) < end) {
        int64_t due = (int64_t)((double)(at - start) * rate / 1e9) - sent;
        if (due > 0)
            sent += give(load, due < BATCH ? (int)due : BATCH);
        got += take_all(load, MSG_DONTWAIT);
        if (waiting) {
            int64_t stamp = kernel_stamp(fd, MSG_ERRQUEUE, data, sizeof data, &size);
            if (stamp > 0 && size >= 48 && field(data + size - 48, 40) == this.id)
                this.t1 = stamp;
            stamp = this.t4 ? 0 : kernel_stamp(fd, 0, data, sizeof data, &size);
            if (stamp > 0 && size >= 48) {
                if (field(data, 24) == this.id) {
                    this.t2 = field(data, 32);
                    this.t3 = field(data, 40);
                    this.t4 = stamp;
                } else if (interleaved && have_last && field(data, 24) == last.id + 1) {
                    /* The transmit stamp belongs to the answer before. */
                    last.t3 = field(data, 40);
                    interleaved_answers++;
                    judge(&last);
                    this.t2 = field(data, 32);
                    this.t4 = stamp;
                }
            }
            if (this.t1 && this.t4) {
                if (!interleaved)
                    judge(&this);
                last = this;
                have_last = 1;
                waiting = 0;
            } else if (at > next + 20000000) {
                waiting = 0;
                have_last = 0;
            }
        } else if (at > next) {
            memset(ask, 0, sizeof ask);
            ask[0] = 0x23;
            memset(&this, 0, sizeof this);
            this.id = 0x5151515100000000ULL + (uint64_t)(++probes) * 16;
            if (interleaved && have_last) {
                put(ask, 24, last.t2);
                put(ask, 32, last.id + 1);
            }
            put(ask, 40, this.id);
            if (send(fd, ask, sizeof ask, 0) != sizeof ask)
                perror("send");
            waiting = 1;
            next = at + 300000 + rand() % 400000;
        }
    }
    qsort(offsets, (size_t)answered, sizeof *offsets, by_size);
    double median = answered ? offsets[answered / 2] : 0;
    for (long i = 0; i < answered; i++)
        offsets[i] = offsets[i] < 0 ? -offsets[i] : offsets[i];
    qsort(offsets, (size_t)answered, sizeof *offsets, by_size);
    printf("{\"load_sent\": %ld, \"load_received\": %ld, \"probes\": %ld, \"answered\": %ld, \"interleaved\": %ld, "
           "\"median_ns\": %.0f, \"p50_ns\": %.0f, \"p99_ns\": %.0f}\n", (long)sent, (long)got, probes, answered,
           interleaved_answers, median, answered ? offsets[answered / 2] : 0, answered ? offsets[answered * 99 / 100] : 0);
}

/* What the kernel threw away because this socket's queue was full: answers that came and were not read in time. */
static long drops(int fd)
{
    uint32_t memory[16] = { 0 };
    socklen_t size = sizeof memory;
    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) ? -1 : (long)memory[SK_MEMINFO_DROPS];
}

/* A generator that had not the processor for long leaves out what was due meanwhile: a burst of the whole backlog would
 * ask at another rate than was ordered.  At the end it waits until nothing more comes for QUIET ns. */
static void open_loop(int fd, double seconds, double rate, int paced)
{
    enum { LATE = 50000000, BURST = 2048, UNANSWERED = 4096, QUIET = 500000000 };
    int64_t start = now(CLOCK_MONOTONIC), end = start + (int64_t)(seconds * 1e9), sent = 0, got = 0, skipped = 0, at;
    int64_t most = (int64_t)(rate * LATE / 1e9), last;
    most = most < BATCH ? BATCH : most > BURST ? BURST : most;
    while ((at = now(CLOCK_MONOTONIC)) < end) {
        int64_t due = (int64_t)((double)(at - start) * rate / 1e9) - sent - skipped;
        if (due > most) {
            skipped += due - most;
            due = most;
        }
        if (paced && sent - got > UNANSWERED - BATCH && sent - got - drops(fd) > UNANSWERED - BATCH)
            due = 0;
        if (due > 0)
            sent += give(fd, due < BATCH ? (int)due : BATCH);
        got += take_all(fd, MSG_DONTWAIT);
    }
    last = now(CLOCK_MONOTONIC);
    while (got + drops(fd) < sent && (at = now(CLOCK_MONOTONIC)) < last + QUIET) {
        int more = take_all(fd, MSG_DONTWAIT);
        got += more;
        last = more ? at : last;
    }
    printf("{\"sent\": %ld, \"received\": %ld, \"unread\": %ld, \"skipped\": %ld, \"impossible\": %ld, "
           "\"disordered\": %ld}\n", (long)sent, (long)got, drops(fd), (long)skipped, impossible, disordered);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: %s full|open|paced|probe PORT SECONDS WINDOW|RATE [HEX|basic|interleaved]\n", argv[0]);
        return 2;
    }
    int port = atoi(argv[2]);
    double seconds = atof(argv[3]);
    if (!strcmp(argv[1], "full")) {
        if (argc > 5)
            for (request_size = 0; argv[5][request_size * 2] && request_size < sizeof request; request_size++)
                sscanf(argv[5] + request_size * 2, "%2hhx", &request[request_size]);
        full(client("127.0.0.1", port, 0), seconds, atoi(argv[4]));
    } else if (!strcmp(argv[1], "open") || !strcmp(argv[1], "paced"))
        open_loop(client("127.0.0.1", port, 0), seconds, atof(argv[4]), argv[1][0] == 'p');
    else
        probe(client("127.0.0.2", port, 0), client("127.0.0.1", port, 1), seconds, atof(argv[4]),
              argc > 5 && !strcmp(argv[5], "interleaved"));
    return 0;
}
