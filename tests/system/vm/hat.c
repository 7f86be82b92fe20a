/* SPDX-License-Identifier: MIT
 *
 * A GPS hat for a virtual machine: pulses on a GPIO line and an OLED on two others by QEMU's qtest protocol,
 * NMEA on the guest's serial line, faults and buttons by lines of text on standard input.
 *
 *   hat QTEST_SOCKET SERIAL_SOCKET GPIO_PATH FRAME_FILE [OFFSET_SECONDS]
 *
 * True time is the host's CLOCK_REALTIME plus OFFSET_SECONDS.  Orders are told in usage(); each is answered by one
 * line on standard output, "ok" or "error: ...".  The qtest socket takes one client, so all that touches GPIO lines is here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PULSE_LINE = 5, SDA_LINE = 6, SCL_LINE = 7, BUTTON_LINE = 0 };
enum { PULSE_WIDTH_MS = 100, MESSAGE_LAG_MS = 120, BAUD = 9600 };

/* What the orders change; word-sized, so a reader sees an old or a new value and nothing between. */
static volatile int pulse_on = 1, fix_on = 1, plugged = 1;
static volatile long label_shift;      /* s: what the messages say beyond the truth (a wrong second, a rollover) */
static volatile long jitter_ns;        /* pulses come late by up to this */
static volatile long rate_ppb;         /* rate of true time against the host's clock */
static volatile long leap_at;          /* true POSIX second before which a leap second is inserted; 0 = none */
static volatile int64_t true_offset_ns;

static int qtest, serial;
static const char *gpio, *frame_file;
static pthread_mutex_t qtest_lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what)
{
    fprintf(stderr, "hat: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t clock_ns(int clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        die(path);
    }
    strcpy(address.sun_path, path);
    if (fd < 0 || connect(fd, (void *)&address, sizeof address))
        die(path);
    return fd;
}

static void set_line(int line, int level)
{
    char order[300];
    int n = snprintf(order, sizeof order, "set_irq_in %s unnamed-gpio-in %d %d\n", gpio, line, level);
    pthread_mutex_lock(&qtest_lock);
    if (write(qtest, order, n) != n)
        exit(0);                        /* the machine is gone */
    pthread_mutex_unlock(&qtest_lock);
}

/* ---- the OLED: an SSD1306 listening on two GPIO outputs ---- */

static struct {
    int sda, scl, bits, count, active;
    uint8_t message[4096];
    int length;
    uint8_t ram[8][128];
    int column, column_from, column_to, page, page_from, page_to, horizontal, on, inverse;
} oled = { .sda = 1, .scl = 1, .column_to = 127, .page_to = 7 };

static void oled_save(void)
{
    char new_name[512];
    snprintf(new_name, sizeof new_name, "%s.new", frame_file);
    FILE *f = fopen(new_name, "w");
    if (!f)
        return;
    fprintf(f, "P1\n# %s\n128 64\n", oled.on ? "on" : "off");
    for (int y = 0; y < 64; y++)
        for (int x = 0; x < 128; x++)
            fputs((oled.ram[y / 8][x] >> (y % 8) & 1) ^ oled.inverse ? "0 " : "1 ", f);
    fclose(f);
    rename(new_name, frame_file);
}

static int oled_arguments(uint8_t command)
{
    switch (command) {
    case 0x21: case 0x22:
        return 2;
    case 0x20: case 0x81: case 0x8d: case 0xa8: case 0xd3: case 0xd5: case 0xd9: case 0xda: case 0xdb:
        return 1;
    case 0x26: case 0x27:
        return 6;
    default:
        return 0;
    }
}

static void oled_commands(const uint8_t *byte, int n)
{
    for (int i = 0; i < n; i += 1 + oled_arguments(byte[i])) {
        uint8_t command = byte[i];
        if (i + oled_arguments(command) >= n)
            return;
        if (command == 0x21) {
            oled.column = oled.column_from = byte[i + 1] & 127, oled.column_to = byte[i + 2] & 127;
        } else if (command == 0x22) {
            oled.page = oled.page_from = byte[i + 1] & 7, oled.page_to = byte[i + 2] & 7;
        } else if (command == 0x20) {
            oled.horizontal = byte[i + 1] == 0;
        } else if (command >= 0xb0 && command <= 0xb7) {
            oled.page = command & 7;
        } else if (command <= 0x0f) {
            oled.column = (oled.column & 0xf0) | command;
        } else if (command <= 0x1f) {
            oled.column = (oled.column & 0x0f) | (command & 7) << 4;
        } else if (command == 0xae || command == 0xaf) {
            oled.on = command & 1;
        } else if (command == 0xa6 || command == 0xa7) {
            oled.inverse = command & 1;
        }
    }
}

static void oled_data(const uint8_t *byte, int n)
{
    for (int i = 0; i < n; i++) {
        oled.ram[oled.page & 7][oled.column & 127] = byte[i];
        if (++oled.column > oled.column_to) {
            oled.column = oled.column_from;
            if (oled.horizontal && ++oled.page > oled.page_to)
                oled.page = oled.page_from;
        }
    }
}

static void oled_message_ended(void)
{
    const uint8_t *m = oled.message;
    if (oled.length >= 2 && m[0] == 0x78) {
        if (m[1] == 0x00)
            oled_commands(m + 2, oled.length - 2);
        else if (m[1] == 0x40)
            oled_data(m + 2, oled.length - 2);
        if (m[1] == 0x40 || oled.length <= 3)
            oled_save();
    }
    oled.length = 0;
}

/* UM10204: data change while the clock is high is a start (fall) or a stop (rise); a bit is taken at the clock's rise. */
static void bus_edge(int line, int level)
{
    if (line == SDA_LINE && level != oled.sda) {
        oled.sda = level;
        if (!oled.scl)
            return;
        if (oled.active)
            oled_message_ended();
        oled.active = !level;
        oled.bits = oled.count = oled.length = 0;
    } else if (line == SCL_LINE && level != oled.scl) {
        oled.scl = level;
        if (!level || !oled.active)
            return;
        if (oled.count < 8)
            oled.bits = oled.bits << 1 | oled.sda;
        if (++oled.count == 9) {
            if (oled.length < (int)sizeof oled.message)
                oled.message[oled.length++] = oled.bits;
            oled.bits = oled.count = 0;
        }
    }
}

static void *listen_to_qtest(void *unused)
{
    FILE *in = fdopen(dup(qtest), "r");
    char line[512], level[16];
    int number;
    (void)unused;
    while (in && fgets(line, sizeof line, in))
        if (sscanf(line, "IRQ %15s %d", level, &number) == 2)
            bus_edge(number, level[0] == 'r');
    exit(0);                            /* the machine is gone */
}

/* ---- pulses ---- */

/* True time at a reading of the host's monotonic clock, and back; the rate takes effect from `rate_base`. */
static int64_t rate_base, wall_minus_monotonic;

static int64_t monotonic_of_true(int64_t true_ns)
{
    int64_t plain = true_ns - true_offset_ns - wall_minus_monotonic;
    return plain - (int64_t)((double)(plain - rate_base) * rate_ppb * 1e-9);
}

static int64_t true_now(void)
{
    int64_t plain = clock_ns(CLOCK_MONOTONIC);
    return plain + (int64_t)((double)(plain - rate_base) * rate_ppb * 1e-9) + true_offset_ns + wall_minus_monotonic;
}

static void sleep_until(int64_t monotonic_ns, int64_t spin_ns)
{
    int64_t wake = monotonic_ns - spin_ns;
    struct timespec t = { wake / 1000000000, wake % 1000000000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
        ;
    while (clock_ns(CLOCK_MONOTONIC) < monotonic_ns)
        ;
}

static void *send_pulses(void *unused)
{
    struct sched_param priority = { .sched_priority = 50 };
    (void)unused;
    if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority))
        fprintf(stderr, "hat: no real-time priority; pulses are less exact\n");
    for (int64_t second = true_now() / 1000000000 + 1;; second = true_now() / 1000000000 + 1) {
        int64_t edge = monotonic_of_true(second * 1000000000);
        int64_t late = jitter_ns ? random() % jitter_ns : 0;
        sleep_until(edge + late, 200000);
        if (!pulse_on)
            continue;
        set_line(PULSE_LINE, 1);
        sleep_until(edge + PULSE_WIDTH_MS * 1000000LL, 0);
        set_line(PULSE_LINE, 0);
    }
    return NULL;
}

/* ---- messages ---- */

static char burst[2048];
static int burst_length;

static void sentence(const char *format, ...)
{
    char body[128];
    uint8_t sum = 0;
    va_list words;
    va_start(words, format);
    vsnprintf(body, sizeof body, format, words);
    va_end(words);
    for (const char *c = body; *c; c++)
        sum ^= *c;
    burst_length += snprintf(burst + burst_length, sizeof burst - burst_length, "$%s*%02X\r\n", body, sum);
}

static void make_burst(time_t second)
{
    struct tm t;
    char time_field[16], date_field[16];
    int leap_second = 0;
    if (leap_at && second >= leap_at) {         /* the inserted second is named 23:59:60, what follows is one less */
        leap_second = second == leap_at;
        second -= 1;
    }
    gmtime_r(&second, &t);
    strftime(time_field, sizeof time_field, "%H%M%S.00", &t);
    if (leap_second)
        memcpy(time_field + 4, "60", 2);
    strftime(date_field, sizeof date_field, "%d%m%y", &t);
    burst_length = 0;
    sentence("GPRMC,%s,%c,5130.0000,N,00007.5000,W,0.01,0.0,%s,,,%c", time_field, fix_on ? 'A' : 'V', date_field, fix_on ? 'A' : 'N');
    sentence("GPGGA,%s,5130.0000,N,00007.5000,W,%d,%02d,1.0,50.0,M,47.0,M,,", time_field, fix_on, fix_on ? 8 : 0);
    sentence("GPGSA,A,%d,%s,,,,,1.8,1.0,1.5", fix_on ? 3 : 1, fix_on ? "01,03,06,09,12,17,19,22" : ",,,,,,,");
    sentence("GPGSV,2,1,08,01,40,083,46,03,17,308,41,06,07,344,39,09,22,228,45");
    sentence("GPGSV,2,2,08,12,52,141,44,17,33,099,38,19,61,270,47,22,14,045,36");
    sentence("GPZDA,%s,%02d,%02d,%04d,00,00", time_field, t.tm_mday, t.tm_mon + 1, t.tm_year + 1900);
}

static void *send_messages(void *unused)
{
    (void)unused;
    for (int64_t second = true_now() / 1000000000 + 1;; second = true_now() / 1000000000 + 1) {
        int64_t start = monotonic_of_true(second * 1000000000) + MESSAGE_LAG_MS * 1000000LL;
        make_burst(second + label_shift);
        for (int sent = 0; sent < burst_length; sent += 8) {
            int n = burst_length - sent < 8 ? burst_length - sent : 8;
            sleep_until(start + sent * 10LL * 1000000000 / BAUD, 0);
            if (plugged && send(serial, burst + sent, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE)
                exit(0);
        }
    }
    return NULL;
}

static void *drain_serial(void *unused)
{
    char junk[4096];
    (void)unused;
    while (read(serial, junk, sizeof junk) > 0)
        ;
    return NULL;
}

/* ---- orders ---- */

static const char usage[] = "want: pulse on|off, fix on|off, antenna on|off, plug, unplug, label SECONDS, jitter NS, rate PPB, "
                            "time SECONDS, leap EPOCH, button N down|up, resume, quit";

static const char *obey(const char *line)
{
    char word[32] = "", argument[32] = "", more[32] = "";
    int n = sscanf(line, "%31s %31s %31s", word, argument, more);
    int on = strcmp(argument, "on") == 0;
    long value = strtol(argument, NULL, 10);
    if (n < 1)
        return usage;
    if (!strcmp(word, "pulse") && n == 2)
        pulse_on = on;
    else if (!strcmp(word, "fix") && n == 2)
        fix_on = on;
    else if (!strcmp(word, "antenna") && n == 2)
        pulse_on = fix_on = on;
    else if (!strcmp(word, "plug"))
        plugged = 1;
    else if (!strcmp(word, "unplug"))
        plugged = 0;
    else if (!strcmp(word, "label") && n == 2)
        label_shift = value;
    else if (!strcmp(word, "jitter") && n == 2)
        jitter_ns = value;
    else if (!strcmp(word, "rate") && n == 2) {
        int64_t now = clock_ns(CLOCK_MONOTONIC);
        true_offset_ns += (int64_t)((double)(now - rate_base) * rate_ppb * 1e-9);
        rate_base = now;
        rate_ppb = value;
    } else if (!strcmp(word, "time") && n == 2)
        true_offset_ns = value * 1000000000LL;
    else if (!strcmp(word, "leap") && n == 2)
        leap_at = value;
    else if (!strcmp(word, "button") && n == 3)
        set_line(BUTTON_LINE + (int)value, strcmp(more, "down") == 0);
    else if (!strcmp(word, "resume")) {
        pulse_on = fix_on = plugged = 1;
        label_shift = jitter_ns = 0;
    } else
        return usage;
    return NULL;
}

int main(int count, char **word)
{
    pthread_t thread;
    char line[256];
    if (count < 5) {
        fprintf(stderr, "usage: hat QTEST_SOCKET SERIAL_SOCKET GPIO_PATH FRAME_FILE [OFFSET_SECONDS]\n");
        return 2;
    }
    qtest = connect_to(word[1]);
    serial = connect_to(word[2]);
    gpio = word[3];
    frame_file = word[4];
    true_offset_ns = count > 5 ? atoll(word[5]) * 1000000000LL : 0;
    wall_minus_monotonic = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    rate_base = clock_ns(CLOCK_MONOTONIC);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    dprintf(qtest, "irq_intercept_out %s\n", gpio);
    set_line(SDA_LINE, 0);              /* read back as low: the display acknowledges every byte */
    pthread_create(&thread, NULL, listen_to_qtest, NULL);
    pthread_create(&thread, NULL, send_pulses, NULL);
    pthread_create(&thread, NULL, send_messages, NULL);
    pthread_create(&thread, NULL, drain_serial, NULL);
    while (fgets(line, sizeof line, stdin) && strncmp(line, "quit", 4)) {
        const char *problem = obey(line);
        printf(problem ? "error: %s\n" : "ok\n", problem);
        fflush(stdout);
    }
    return 0;
}
