/* SPDX-License-Identifier: MIT
 * The least that a UDP server on sockets can do: take batches with recvmmsg, send them back with sendmmsg.
 * Every other server's cost per answer is told relative to this one's.
 *
 * usage: responder_echo PORT
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 16 };

int main(int argc, char **argv)
{
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
    static struct sockaddr_in peers[BATCH];
    static char data[BATCH][512];
    static struct iovec in[BATCH], out[BATCH];
    static struct mmsghdr taken[BATCH], given[BATCH];
    int room = 4 << 20;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    here.sin_port = htons((unsigned short)atoi(argv[1]));
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here)) {
        perror("responder_echo");
        return 1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    for (int i = 0; i < BATCH; i++) {
        in[i] = (struct iovec){ data[i], sizeof data[i] };
        out[i].iov_base = data[i];
        taken[i].msg_hdr = (struct msghdr){ .msg_name = &peers[i], .msg_iov = &in[i], .msg_iovlen = 1 };
        given[i].msg_hdr = (struct msghdr){ .msg_name = &peers[i], .msg_iov = &out[i], .msg_iovlen = 1 };
    }
    for (;;) {
        int got;
        for (int i = 0; i < BATCH; i++)
            taken[i].msg_hdr.msg_namelen = sizeof peers[i];
        got = recvmmsg(fd, taken, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < got; i++) {
            out[i].iov_len = taken[i].msg_len;
            given[i].msg_hdr.msg_namelen = taken[i].msg_hdr.msg_namelen;
        }
        for (int done = 0; done < got;) {
            int sent = sendmmsg(fd, given + done, got - done, 0);
            done += sent > 0 ? sent : 1;
        }
    }
}
