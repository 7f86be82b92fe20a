/* SPDX-License-Identifier: MIT
 * GPIO lines over QEMU's qtest protocol. Its socket takes one client, so all that touches a line comes through here. */
#include "hat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { REMEMBERED = 10 };

static int qtest;
static const char *gpio;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Orders are carried out and answered in turn: the pulse's answer is found by counting. */
static uint64_t orders, answers, pulse_order;
static int64_t pulse_due, lateness[REMEMBERED];
static unsigned pulses;

void die(const char *what)
{
    fprintf(stderr, "hat: %s: %s\n", what, strerror(errno));
    exit(1);
}

int connect_to(const char *path)
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

static void order(const char *text, int length, int64_t due_ns)
{
    pthread_mutex_lock(&lock);
    orders++;
    if (due_ns) {
        pulse_order = orders;
        pulse_due = due_ns;
    }
    if (write(qtest, text, length) != length)
        exit(0); /* the machine is gone */
    pthread_mutex_unlock(&lock);
}

static void set(int line, int level, int64_t due_ns)
{
    char text[300];
    order(text, snprintf(text, sizeof text, "set_irq_in %s unnamed-gpio-in %d %d\n", gpio, line, level), due_ns);
}

void set_line(int line, int level)
{
    set(line, level, 0);
}

void pulse_line(int level, int64_t due_ns)
{
    set(PULSE_LINE, level, due_ns);
}

int64_t pulse_lateness_ns(void)
{
    int64_t longest = 0;
    pthread_mutex_lock(&lock);
    for (int i = 0; i < REMEMBERED; i++)
        longest = lateness[i] > longest ? lateness[i] : longest;
    pthread_mutex_unlock(&lock);
    return longest;
}

static void answered(void)
{
    int64_t now = monotonic_now();
    pthread_mutex_lock(&lock);
    if (++answers == pulse_order)
        lateness[pulses++ % REMEMBERED] = now - pulse_due;
    pthread_mutex_unlock(&lock);
}

static void *listen_to_machine(void *unused)
{
    FILE *in = fdopen(dup(qtest), "r");
    char line[512], level[16];
    int number;
    (void)unused;
    while (in && fgets(line, sizeof line, in))
        if (sscanf(line, "IRQ %15s %d", level, &number) == 2)
            oled_bus_edge(number, level[0] == 'r');
        else if (!strncmp(line, "OK", 2))
            answered();
    exit(0); /* the machine is gone */
}

void lines_start(const char *socket_path, const char *gpio_path)
{
    pthread_t thread;
    char text[300];
    qtest = connect_to(socket_path);
    gpio = gpio_path;
    order(text, snprintf(text, sizeof text, "irq_intercept_out %s\n", gpio), 0);
    set_line(SDA_LINE, 0);      /* read back as low: the display acknowledges every byte */
    set_line(BUTTON_A_LINE, 1); /* pulled up; pressed, they switch to ground */
    set_line(BUTTON_B_LINE, 1);
    pthread_create(&thread, NULL, listen_to_machine, NULL);
}
