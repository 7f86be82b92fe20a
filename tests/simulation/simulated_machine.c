// SPDX-License-Identifier: MIT
/*
 * A machine in simulated time, to be preloaded: its clock, its PPS device and its adjtimex.
 *
 * True time moves in poll() alone. CLOCK_REALTIME runs fast by FREQUENCY_PPM and starts OFFSET_NS ahead of
 * true time; /dev/pps0 stamps each true second with noise; /dev/ptp0 captures it by a counter of its own rate
 * and time scale, with less noise; clock_adjtime() steers as the kernel does.
 * After END_S the process gets SIGTERM. LOG gets a line for each true second: second, kernel clock
 * minus true time in ns, frequency in force in s/s, status bits, tai. All of these are environment variables
 * that begin with MACHINE_.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/pps.h>
#include <linux/ptp_clock.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define PPS_FD 900
#define PTP_FD 901
#define CAPTURES 8

extern int plain_open(const char *, int, ...) __asm__("open");

static const int64_t start_ns = 1900000000 * SECOND;    /* 2030-03-17 */
static int64_t true_ns = 300000000;                     /* since start */
static double ahead_ns, free_rate, noise_ns;            /* kernel minus true; s/s; sigma */
static int64_t stepped_ns;
static int64_t end_ns, silent_from_ns, silent_to_ns, foreign_step_at_ns;
static uint32_t sequence, pps_caps;
static int pps_mode, pps_fixed;
static int64_t pps_offset_ns;                           /* set by another program, with PPS_OFFSETASSERT */
static int64_t stamp_ns, clear_ns;
static int no_rights;
static struct timex kernel;
static double rate;                                     /* in force, s/s */
static FILE *record;
static double counter_rate, capture_ns;                 /* of /dev/ptp0: s/s fast; sigma */
static int ptp_ways, ptp_inputs, ptp_on;                /* ways: 1 precise, 2 extended, 4 plain */
static int64_t captured[CAPTURES];
static int captures;
static uint64_t seed = 88172645463325252ULL;

static double number(const char *name, double otherwise)
{
    const char *text = getenv(name);
    return text ? atof(text) : otherwise;
}

static double uniform(void)
{
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (double)((seed >> 11) + 1) / 9007199254740993.0;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("MACHINE_LOG");
    ahead_ns = number("MACHINE_OFFSET_NS", 0);
    free_rate = number("MACHINE_FREQUENCY_PPM", 0) * 1e-6;
    noise_ns = number("MACHINE_NOISE_NS", 0);
    end_ns = (int64_t)(number("MACHINE_END_S", 60) * 1e9);
    silent_from_ns = (int64_t)(number("MACHINE_SILENT_FROM_S", 0) * 1e9);
    silent_to_ns = (int64_t)(number("MACHINE_SILENT_TO_S", 0) * 1e9);
    foreign_step_at_ns = (int64_t)(number("MACHINE_FOREIGN_STEP_AT_S", 0) * 1e9);
    pps_caps = (uint32_t)number("MACHINE_PPS_CAPS", PPS_CAPTUREASSERT | PPS_TSFMT_TSPEC);
    pps_mode = (int)number("MACHINE_PPS_MODE", PPS_CAPTUREASSERT | PPS_TSFMT_TSPEC);
    pps_fixed = (int)number("MACHINE_PPS_FIXED", 0);
    pps_offset_ns = (int64_t)number("MACHINE_PPS_OFFSET_NS", 0);
    no_rights = (int)number("MACHINE_NO_RIGHTS", 0);
    kernel.tick = 10000 + (int)number("MACHINE_TICK", 0);
    kernel.status = STA_UNSYNC;
    kernel.freq = (long)(number("MACHINE_FOUND_PPM", 0) * 65536);
    rate = kernel.freq / 65536e6 + (kernel.tick - 10000) / 10000.0;
    seed += (uint64_t)number("MACHINE_SEED", 1) * 7919;
    for (int i = 0; i < 20; i++)
        uniform();
    counter_rate = number("MACHINE_COUNTER_PPM", 30) * 1e-6;
    capture_ns = number("MACHINE_CAPTURE_NS", 0);
    ptp_ways = (int)number("MACHINE_PTP_WAYS", 7);
    ptp_inputs = (int)number("MACHINE_PTP_INPUTS", 1);
    if (path)
        record = fopen(path, "w");
}

static int64_t realtime(void)
{
    return start_ns + true_ns + stepped_ns + llround(ahead_ns);
}

static int64_t counter(double late_ns)
{
    return start_ns + 37 * SECOND + true_ns + llround(true_ns * counter_rate + late_ns);
}

static void advance(int64_t ns)
{
    while (ns > 0) {
        int64_t to_second = SECOND - true_ns % SECOND;
        int64_t part = ns < to_second ? ns : to_second;
        true_ns += part;
        ahead_ns += part * (free_rate + rate + free_rate * rate);
        ns -= part;
        if (part != to_second)
            break;
        if (record)
            fprintf(record, "%lld %lld %.15g %d %d\n", (long long)(true_ns / SECOND),
                    (long long)(stepped_ns + llround(ahead_ns)), rate, kernel.status, kernel.tai), fflush(record);
        if (!(silent_from_ns <= true_ns && true_ns < silent_to_ns)) {
            sequence++;
            stamp_ns = realtime() + llround(noise_ns * normal());
            clear_ns = stamp_ns + 100000000;
            if (ptp_on && captures < CAPTURES)
                captured[captures++] = counter(capture_ns * normal());
        }
        if (foreign_step_at_ns && true_ns >= foreign_step_at_ns) {
            stepped_ns += SECOND / 4;
            foreign_step_at_ns = 0;
        }
        if (true_ns >= end_ns)
            kill(getpid(), SIGTERM);
    }
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t ns = clock == CLOCK_REALTIME ? realtime() : 5000 * SECOND + true_ns + llround(ahead_ns);
    now->tv_sec = ns / SECOND;
    now->tv_nsec = ns % SECOND;
    return 0;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    static int (*real)(struct pollfd *, nfds_t, int);
    if (!real)
        real = (int (*)(struct pollfd *, nfds_t, int))dlsym(RTLD_NEXT, "poll");
    if (count == 1 && fds[0].fd == PTP_FD) {
        int64_t left = (int64_t)timeout * 1000000;
        while (!captures && left > 0) {
            int64_t part = SECOND - true_ns % SECOND + 50000;
            part = part < left ? part : left;
            advance(part);
            left -= part;
        }
        fds[0].revents = captures ? POLLIN : 0;
        return captures > 0;
    }
    int ready = count ? real(fds, count, 0) : 0;
    if (ready == 0)
        advance((int64_t)timeout * 1000000);
    return ready;
}

int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size)
{
    (void)size;
    return poll(fds, count, timeout);
}

int clock_adjtime(clockid_t clock, struct timex *tx)
{
    if (clock != CLOCK_REALTIME) {
        errno = EINVAL;
        return -1;
    }
    if (tx->modes && no_rights) {
        errno = EPERM;
        return -1;
    }
    if (tx->modes == ADJ_OFFSET_SINGLESHOT)
        return 0;
    if (tx->modes & ADJ_STATUS)
        kernel.status = tx->status;
    if (tx->modes & ADJ_FREQUENCY)
        kernel.freq = tx->freq;
    if (tx->modes & ADJ_TICK)
        kernel.tick = tx->tick;
    if (tx->modes & ADJ_MAXERROR)
        kernel.maxerror = tx->maxerror;
    if (tx->modes & ADJ_ESTERROR)
        kernel.esterror = tx->esterror;
    if (tx->modes & ADJ_TAI)
        kernel.tai = tx->constant;
    if (tx->modes & ADJ_SETOFFSET) {
        if (tx->time.tv_usec < 0 || tx->time.tv_usec >= (tx->modes & ADJ_NANO ? SECOND : 1000000)) {
            errno = EINVAL;
            return -1;
        }
        stepped_ns += tx->time.tv_sec * SECOND + tx->time.tv_usec * (tx->modes & ADJ_NANO ? 1 : 1000);
        kernel.status |= STA_UNSYNC;
    }
    rate = kernel.freq / 65536e6 + (kernel.tick - 10000) / 10000.0;
    unsigned int modes = tx->modes;
    *tx = kernel;
    tx->modes = modes;
    return kernel.status & STA_UNSYNC ? TIME_ERROR : TIME_OK;
}

int plain_open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list rest;
    va_start(rest, flags);
    int mode = va_arg(rest, int);
    va_end(rest);
    if (!strcmp(path, "/dev/pps0"))
        return PPS_FD;
    if (!strcmp(path, "/dev/ptp0"))
        return PTP_FD;
    if (!real)
        real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    return real(path, flags, mode);
}

int close(int fd)
{
    static int (*real)(int);
    if (fd == PPS_FD || fd == PTP_FD)
        return 0;
    if (!real)
        real = (int (*)(int))dlsym(RTLD_NEXT, "close");
    return real(fd);
}

ssize_t read(int fd, void *buffer, size_t size)
{
    static ssize_t (*real)(int, void *, size_t);
    if (fd == PTP_FD) {
        struct ptp_extts_event *events = buffer;
        int given = 0;
        memset(buffer, 0, size);
        for (; given < captures && (given + 1) * sizeof *events <= size; given++) {
            events[given].t.sec = captured[given] / SECOND;
            events[given].t.nsec = (uint32_t)(captured[given] % SECOND);
        }
        captures = 0;
        return (ssize_t)(given * sizeof *events);
    }
    if (!real)
        real = (ssize_t (*)(int, void *, size_t))dlsym(RTLD_NEXT, "read");
    return real(fd, buffer, size);
}

static struct ptp_clock_time ptp_time(int64_t ns)
{
    struct ptp_clock_time time = {.sec = ns / SECOND, .nsec = (uint32_t)(ns % SECOND)};
    return time;
}

static int ptp_ioctl(unsigned long request, void *argument)
{
    if (request == PTP_CLOCK_GETCAPS) {
        struct ptp_clock_caps *caps = argument;
        memset(caps, 0, sizeof *caps);
        caps->n_ext_ts = ptp_inputs;
        caps->n_pins = ptp_inputs;
        return 0;
    }
    if (request == PTP_PIN_SETFUNC)
        return ((struct ptp_pin_desc *)argument)->func == PTP_PF_EXTTS ? 0 : -1;
    if (request == PTP_EXTTS_REQUEST) {
        ptp_on = ((struct ptp_extts_request *)argument)->flags & PTP_ENABLE_FEATURE;
        return 0;
    }
    if (request == PTP_SYS_OFFSET_PRECISE && ptp_ways & 1) {
        struct ptp_sys_offset_precise *both = argument;
        both->device = ptp_time(counter(0));
        both->sys_realtime = ptp_time(realtime());
        return 0;
    }
    if (request == PTP_SYS_OFFSET_EXTENDED && ptp_ways & 2) {
        struct ptp_sys_offset_extended *both = argument;
        for (unsigned int i = 0; i < both->n_samples; i++) {
            int64_t disturbed = i == 3 ? 0 : 5000;    /* all but one reading are late at their end */
            both->ts[i][0] = ptp_time(realtime() - 400);
            both->ts[i][1] = ptp_time(counter(0));
            both->ts[i][2] = ptp_time(realtime() + 400 + disturbed);
        }
        return 0;
    }
    if (request == PTP_SYS_OFFSET && ptp_ways & 4) {
        struct ptp_sys_offset *both = argument;
        for (unsigned int i = 0; i < both->n_samples; i++) {
            both->ts[2 * i] = ptp_time(realtime() - 600);
            both->ts[2 * i + 1] = ptp_time(counter(0));
        }
        both->ts[2 * both->n_samples] = ptp_time(realtime() + 600);
        both->ts[2] = ptp_time(realtime() + 600);
        return 0;
    }
    errno = request == PPS_GETCAP ? ENOTTY : EOPNOTSUPP;
    return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*real)(int, unsigned long, ...);
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (fd == PTP_FD)
        return ptp_ioctl(request, argument);
    if (fd != PPS_FD) {
        if (!real)
            real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
        return real(fd, request, argument);
    }
    if (request == PPS_GETCAP)
        *(int *)argument = (int)pps_caps;
    else if (request == PPS_GETPARAMS) {
        memset(argument, 0, sizeof(struct pps_kparams));
        ((struct pps_kparams *)argument)->api_version = PPS_API_VERS;
        ((struct pps_kparams *)argument)->mode = pps_mode;
        ((struct pps_kparams *)argument)->assert_off_tu.nsec = (int)pps_offset_ns;
    } else if (request == PPS_SETPARAMS) {
        int mode = ((struct pps_kparams *)argument)->mode;
        if (pps_fixed)
            abort();    /* a setting that was not needed */
        if (no_rights) {
            errno = EPERM;
            return -1;
        }
        if (mode & ~(int)pps_caps) {
            errno = EINVAL;
            return -1;
        }
        pps_mode = mode;
        pps_offset_ns = ((struct pps_kparams *)argument)->assert_off_tu.nsec;
    } else if (request == PPS_FETCH) {
        struct pps_fdata *data = argument;
        if (data->timeout.flags & PPS_TIME_INVALID || data->timeout.sec || data->timeout.nsec)
            abort();    /* the timekeeper never waits in a fetch */
        memset(&data->info, 0, sizeof data->info);
        if (pps_mode & PPS_CAPTUREASSERT) {
            int64_t shown_ns = stamp_ns + (pps_mode & PPS_OFFSETASSERT ? pps_offset_ns : 0);
            data->info.assert_sequence = sequence;
            data->info.assert_tu.sec = shown_ns / SECOND;
            data->info.assert_tu.nsec = (int)(shown_ns % SECOND);
        }
        if (pps_mode & PPS_CAPTURECLEAR) {
            int fallen = realtime() >= clear_ns;
            int64_t ns = clear_ns - (fallen ? 0 : SECOND);
            data->info.clear_sequence = fallen ? sequence : sequence - 1;
            data->info.clear_tu.sec = ns / SECOND;
            data->info.clear_tu.nsec = (int)(ns % SECOND);
        }
    } else {
        errno = ENOTTY;
        return -1;
    }
    return 0;
}
