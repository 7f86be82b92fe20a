/* SPDX-License-Identifier: MIT
 * An SSD1306 that listens on two GPIO outputs: what lies on its glass is kept in a file. */
#include "hat.h"

#include <stdio.h>

static struct {
    int sda, scl, bits, count, active;
    uint8_t message[4096];
    int length;
    uint8_t ram[8][128];
    int column, column_from, column_to, page, page_from, page_to, horizontal, on, inverse, contrast;
} oled = { .sda = 1, .scl = 1, .column_to = 127, .page_to = 7, .contrast = 127 };
static const char *frame_file;

static void oled_save(void)
{
    char new_name[512];
    snprintf(new_name, sizeof new_name, "%s.new", frame_file);
    FILE *f = fopen(new_name, "w");
    if (!f)
        return;
    fprintf(f, "P1\n# light %d\n128 64\n", oled.on ? oled.contrast : 0);
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
        } else if (command == 0x81) {
            oled.contrast = byte[i + 1];
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
void oled_bus_edge(int line, int level)
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

void oled_start(const char *path)
{
    frame_file = path;
}
