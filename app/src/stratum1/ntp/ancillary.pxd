# SPDX-License-Identifier: MIT
"""What the kernel says beside a datagram and what we tell it: stamps, addresses, steering; cmsg(3), socket(7)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <arpa/inet.h>
    #include <linux/errqueue.h>
    #include <linux/filter.h>
    #include <linux/net_tstamp.h>
    #include <netinet/in.h>
    #include <stdatomic.h>
    #include <sys/socket.h>
    #include <sys/time.h>
    #include <sys/uio.h>

    /* The forms with 64-bit seconds on every machine (Linux 5.1); libc may not name them. */
    #define STAMPING_NEW 65
    #define STAMPING_OLD 37
    #define STAMP_NS_OLD 35

    #define BATCH 16                 /* datagrams taken at once */
    #define CHUNK 16                 /* answers sent at once when there is a backlog */
    #define BACKLOG 64               /* full batches in a row that make a backlog: more than one lost time slice */
    #define REQUEST_ROOM 1600        /* longer than any request that is not broken */
    #define CONTROL_ROOM 256
    #define PENDING 16               /* transmit stamps that are awaited */

    typedef union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer_address;

    typedef struct {
        int64_t receive_ns;          /* 0 = no kernel stamp */
        int64_t counter_ns;          /* the interface's own stamp, by its own clock; 0 = none */
        uint32_t interface;
        int unicast;
        uint32_t overflow;
        union { struct in_addr v4; struct in6_addr v6; } local;
    } arrival;

    /* What the kernel says about one datagram. */
    static inline void read_control(struct msghdr *message, arrival *to)
    {
        to->receive_ns = 0;
        to->counter_ns = 0;
        to->interface = 0;
        to->unicast = 1;
        to->overflow = 0;
        memset(&to->local, 0, sizeof to->local);
        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
            if (c->cmsg_level == SOL_SOCKET) {
                if (c->cmsg_type == STAMPING_NEW || (sizeof(long) == 8 &&
                        (c->cmsg_type == STAMPING_OLD || c->cmsg_type == STAMP_NS_OLD))) {
                    int64_t stamp[6] = { 0 };    /* seconds and ns: of the kernel, nothing, of the interface */
                    size_t size = c->cmsg_len - CMSG_LEN(0);
                    memcpy(stamp, CMSG_DATA(c), size < sizeof stamp ? size : sizeof stamp);
                    to->receive_ns = stamp[0] ? stamp[0] * 1000000000LL + stamp[1] : to->receive_ns;
                    to->counter_ns = stamp[4] * 1000000000LL + stamp[5];
                } else if (c->cmsg_type == SO_RXQ_OVFL)
                    memcpy(&to->overflow, CMSG_DATA(c), sizeof to->overflow);
            } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                struct in_pktinfo info;
                memcpy(&info, CMSG_DATA(c), sizeof info);
                to->local.v4 = info.ipi_spec_dst;
                to->interface = (uint32_t)info.ipi_ifindex;
                /* The kernel names another address of its own where a broadcast or a group was asked. */
                to->unicast = info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
            } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
                struct in6_pktinfo info;
                memcpy(&info, CMSG_DATA(c), sizeof info);
                to->local.v6 = info.ipi6_addr;
                to->interface = info.ipi6_ifindex;
                to->unicast = info.ipi6_addr.s6_addr[0] != 0xff;
            }
        }
    }

    /* Whether the kernel answers from the address that was asked without being told: on a machine whose only IPv4
     * address beside 127.0.0.1 is `sole` (host order; 0 = it has several, or they are not known). */
    static inline int answers_itself(const arrival *from, const peer_address *peer, uint32_t sole)
    {
        uint32_t asked = ntohl(from->local.v4.s_addr), client = ntohl(peer->v4.sin_addr.s_addr);
        return sole && (client >> 24 == 127 ? asked == INADDR_LOOPBACK : asked == sole);
    }

    /* Answer from the address that was asked, unless the kernel does so `itself`; with `stamp`, ask for a stamp of
     * SOF_TIMESTAMPING_TX_SOFTWARE, _HARDWARE or both: the kernel gives its own where the interface gives none. */
    static inline size_t write_control(char *control, const arrival *from, int ipv6, int itself, uint32_t stamp)
    {
        struct cmsghdr *c = (struct cmsghdr *)control;
        size_t used = 0;
        if (itself) {
        } else if (ipv6) {
            struct in6_pktinfo info = { .ipi6_addr = from->local.v6 };
            c->cmsg_level = IPPROTO_IPV6;
            c->cmsg_type = IPV6_PKTINFO;
            c->cmsg_len = CMSG_LEN(sizeof info);
            memcpy(CMSG_DATA(c), &info, sizeof info);
            used = CMSG_SPACE(sizeof info);
        } else {
            struct in_pktinfo info = { .ipi_spec_dst = from->local.v4 };
            c->cmsg_level = IPPROTO_IP;
            c->cmsg_type = IP_PKTINFO;
            c->cmsg_len = CMSG_LEN(sizeof info);
            memcpy(CMSG_DATA(c), &info, sizeof info);
            used = CMSG_SPACE(sizeof info);
        }
        if (stamp) {
            c = (struct cmsghdr *)(control + used);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = STAMPING_OLD;
            c->cmsg_len = CMSG_LEN(sizeof stamp);
            memcpy(CMSG_DATA(c), &stamp, sizeof stamp);
            used += CMSG_SPACE(sizeof stamp);
        }
        return used;
    }

    static inline void copy_local(uint8_t *to, const arrival *from) { memcpy(to, &from->local, 16); }

    static inline void split_address(const peer_address *peer, int ipv6, uint64_t *high, uint64_t *low)
    {
        if (ipv6) {
            memcpy(high, &peer->v6.sin6_addr.s6_addr[0], 8);
            memcpy(low, &peer->v6.sin6_addr.s6_addr[8], 8);
            *high = be64toh(*high);
            *low = be64toh(*low);
        } else {
            *high = 0;
            *low = 0xffff00000000ULL | ntohl(peer->v4.sin_addr.s_addr);
        }
    }

    static int set_receive_timeout(int fd, int ms)
    {
        struct timeval wait = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
        return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    }

    static int stamp_socket(int fd)
    {
        uint32_t flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE
            | SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE;
        int on = 1;
        if (setsockopt(fd, SOL_SOCKET, STAMPING_NEW, &flags, sizeof flags) == 0)
            return STAMPING_NEW;
        if (sizeof(long) == 8 && setsockopt(fd, SOL_SOCKET, STAMPING_OLD, &flags, sizeof flags) == 0)
            return STAMPING_OLD;
        if (sizeof(long) == 8 && setsockopt(fd, SOL_SOCKET, STAMP_NS_OLD, &on, sizeof on) == 0)
            return STAMP_NS_OLD;
        return 0;
    }

    /* One source address always meets the same worker, whatever its port: rates and interleaved state rely on it. */
    static int steer_sockets(int fd, int count, int ipv6)
    {
        struct sock_filter v4[] = {
            { BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)SKF_NET_OFF + 12 },
            { BPF_ALU | BPF_MUL | BPF_K, 0, 0, 0x9e3779b1u },
            { BPF_ALU | BPF_RSH | BPF_K, 0, 0, 16 },
            { BPF_ALU | BPF_MOD | BPF_K, 0, 0, (uint32_t)count },
            { BPF_RET | BPF_A, 0, 0, 0 },
        };
        struct sock_filter v6[] = {      /* by the /64, as the rates are */
            { BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)SKF_NET_OFF + 8 },
            { BPF_MISC | BPF_TAX, 0, 0, 0 },
            { BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)SKF_NET_OFF + 12 },
            { BPF_ALU | BPF_XOR | BPF_X, 0, 0, 0 },
            { BPF_ALU | BPF_MUL | BPF_K, 0, 0, 0x9e3779b1u },
            { BPF_ALU | BPF_RSH | BPF_K, 0, 0, 16 },
            { BPF_ALU | BPF_MOD | BPF_K, 0, 0, (uint32_t)count },
            { BPF_RET | BPF_A, 0, 0, 0 },
        };
        struct sock_fprog program = {
            .len = ipv6 ? sizeof v6 / sizeof v6[0] : sizeof v4 / sizeof v4[0], .filter = ipv6 ? v6 : v4,
        };
        return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program);
    }
    """
    enum: BATCH
    enum: CHUNK
    enum: BACKLOG
    enum: REQUEST_ROOM
    enum: CONTROL_ROOM
    enum: PENDING
    enum: SOF_TIMESTAMPING_TX_HARDWARE
    enum: SOF_TIMESTAMPING_TX_SOFTWARE
    enum: MSG_DONTWAIT
    enum: MSG_ERRQUEUE
    enum: MSG_TRUNC
    enum: MSG_WAITFORONE

    cdef struct iovec:
        void *iov_base
        size_t iov_len
    cdef struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    cdef struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    ctypedef union peer_address:
        int any
    ctypedef struct arrival:
        int64_t receive_ns
        int64_t counter_ns
        uint32_t interface
        int unicast
        uint32_t overflow

    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout) noexcept nogil
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags) noexcept nogil
    ssize_t recvmsg(int fd, msghdr *message, int flags) noexcept nogil
    ssize_t send(int fd, const void *data, size_t size, int flags) noexcept nogil
    void read_control(msghdr *message, arrival *to) noexcept nogil
    int answers_itself(const arrival *source, const peer_address *peer, uint32_t sole) noexcept nogil
    size_t write_control(char *control, const arrival *source, int ipv6, int itself, uint32_t stamp) noexcept nogil
    void copy_local(uint8_t *to, const arrival *source) noexcept nogil
    void split_address(const peer_address *peer, int ipv6, uint64_t *high, uint64_t *low) noexcept nogil
    int set_receive_timeout(int fd, int ms)
    int stamp_socket(int fd)
    int steer_sockets(int fd, int count, int ipv6)
