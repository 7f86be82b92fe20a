# SPDX-License-Identifier: MIT
"""The hot loop: one thread, one UDP socket, batches in and chunks out, without the GIL.

A worker blocks in recvmmsg for the first datagram and takes what else is there, so a lone request never waits
for a second.  Receive stamps are the kernel's.  Answers leave one by one, or in chunks while more requests are
waiting: each send reads the clock once, and adds what the way through the kernel was seen to take (send_delay_ns for a single one, chunk_delay_ns
for the first of several and send_each_ns more for each after it), so that the transmit stamp means the moment of sending.
"""

from cpython.mem cimport PyMem_Calloc, PyMem_Free
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec

from stratum1.ntp.access cimport Policy, in_networks, policy
from stratum1.ntp.answer cimport (
    decide, exchange, reply, reply_seal, reply_stamp, request, served_time, serving, serving_refresh,
    serving_start
)
from stratum1.ntp.clients cimport WAYS, client_row, client_table
from stratum1.ntp.counters cimport COUNTERS_BLOCK, worker_counters
from stratum1.ntp.packet cimport (
    DROP_CONTROL, DROP_DESTINATION, DROP_SEND, DROP_SHORT, VERDICT_CONTROL, VERDICT_NAK, ntp_packet, wire64
)
from stratum1.timescale cimport ntp_from_ns

import os

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
    #define BACKLOG 4                /* full batches in a row that make a backlog */
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
        int unicast;
        uint32_t overflow;
        union { struct in_addr v4; struct in6_addr v6; } local;
    } arrival;

    /* What the kernel says about one datagram. */
    static inline void read_control(struct msghdr *message, arrival *to)
    {
        to->receive_ns = 0;
        to->unicast = 1;
        to->overflow = 0;
        memset(&to->local, 0, sizeof to->local);
        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
            if (c->cmsg_level == SOL_SOCKET) {
                if (c->cmsg_type == STAMPING_NEW || (sizeof(long) == 8 &&
                        (c->cmsg_type == STAMPING_OLD || c->cmsg_type == STAMP_NS_OLD))) {
                    int64_t stamp[2];
                    memcpy(stamp, CMSG_DATA(c), sizeof stamp);
                    if (stamp[0])
                        to->receive_ns = stamp[0] * 1000000000LL + stamp[1];
                } else if (c->cmsg_type == SO_RXQ_OVFL)
                    memcpy(&to->overflow, CMSG_DATA(c), sizeof to->overflow);
            } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                struct in_pktinfo info;
                memcpy(&info, CMSG_DATA(c), sizeof info);
                to->local.v4 = info.ipi_spec_dst;
                /* The kernel names another address of its own where a broadcast or a group was asked. */
                to->unicast = info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
            } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
                struct in6_pktinfo info;
                memcpy(&info, CMSG_DATA(c), sizeof info);
                to->local.v6 = info.ipi6_addr;
                to->unicast = info.ipi6_addr.s6_addr[0] != 0xff;
            }
        }
    }

    /* Answer from the address that was asked; with `stamp`, ask for the kernel's transmit stamp. */
    static inline size_t write_control(char *control, const arrival *from, int ipv6, int stamp)
    {
        struct cmsghdr *c = (struct cmsghdr *)control;
        size_t used;
        if (ipv6) {
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
            uint32_t flags = SOF_TIMESTAMPING_TX_SOFTWARE;
            c = (struct cmsghdr *)(control + used);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = STAMPING_OLD;
            c->cmsg_len = CMSG_LEN(sizeof flags);
            memcpy(CMSG_DATA(c), &flags, sizeof flags);
            used += CMSG_SPACE(sizeof flags);
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
        uint32_t flags = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
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
        int unicast
        uint32_t overflow

    int recvmmsg(int fd, mmsghdr *messages, unsigned int count, int flags, void *timeout) noexcept nogil
    int sendmmsg(int fd, mmsghdr *messages, unsigned int count, int flags) noexcept nogil
    ssize_t recvmsg(int fd, msghdr *message, int flags) noexcept nogil
    ssize_t send(int fd, const void *data, size_t size, int flags) noexcept nogil
    void read_control(msghdr *message, arrival *to) noexcept nogil
    size_t write_control(char *control, const arrival *source, int ipv6, int stamp) noexcept nogil
    void copy_local(uint8_t *to, const arrival *source) noexcept nogil
    void split_address(const peer_address *peer, int ipv6, uint64_t *high, uint64_t *low) noexcept nogil
    int set_receive_timeout(int fd, int ms)
    int stamp_socket(int fd)
    int steer_sockets(int fd, int count, int ipv6)

cdef extern from *:
    """
    #define load_pointer(where) __atomic_load_n((where), __ATOMIC_ACQUIRE)
    #define store_pointer(where, value) __atomic_store_n((where), (value), __ATOMIC_RELEASE)
    #define load_flag(where) __atomic_load_n((where), __ATOMIC_RELAXED)
    #define store_flag(where, value) __atomic_store_n((where), (value), __ATOMIC_RELAXED)
    """
    const policy *load_pointer(const policy **where) noexcept nogil
    void store_pointer(const policy **where, const policy *value) noexcept nogil
    int load_flag(int *where) noexcept nogil
    void store_flag(int *where, int value) noexcept nogil


# An answer whose kernel transmit stamp is on its way through the error queue.
cdef struct awaited:
    uint64_t receive             # wire order, as in the packet; 0 = the slot is free
    int64_t read_ns              # the clock reading before the send
    uint16_t size
    int64_t *learn               # the delay that this one teaches, or NULL
    exchange *slot               # interleaved client, or NULL

cdef struct worker_state:
    int fd
    int control_fd
    int ipv6
    int stop
    bint stamps
    uint32_t overflow
    int64_t control_due_ns
    uint32_t since_sample
    uint32_t full_batches            # in a row
    uint64_t samples
    unsigned int awaiting
    unsigned int next_awaited
    const policy *rules
    worker_counters *count
    client_table clients
    serving state
    awaited await_[PENDING]
    mmsghdr incoming[BATCH]
    mmsghdr outgoing[BATCH]
    iovec incoming_iov[BATCH]
    iovec outgoing_iov[BATCH]
    peer_address peers[BATCH]
    arrival arrivals[BATCH]
    uint8_t bound[BATCH]             # index of the arrival that an outgoing message answers
    reply replies[BATCH]
    char incoming_control[BATCH][CONTROL_ROOM]
    char outgoing_control[BATCH][CONTROL_ROOM]
    uint8_t requests[BATCH][REQUEST_ROOM]


cdef inline int64_t read_clock(int clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * 1000000000 + now.tv_nsec


cdef void prepare(worker_state *w) noexcept nogil:
    """What never changes between two calls into the kernel."""
    cdef int i
    for i in range(BATCH):
        w.incoming_iov[i].iov_base = &w.requests[i][0]
        w.incoming_iov[i].iov_len = REQUEST_ROOM
        w.incoming[i].msg_hdr.msg_name = &w.peers[i]
        w.incoming[i].msg_hdr.msg_iov = &w.incoming_iov[i]
        w.incoming[i].msg_hdr.msg_iovlen = 1
        w.incoming[i].msg_hdr.msg_control = &w.incoming_control[i][0]
        w.outgoing_iov[i].iov_base = &w.replies[i].bytes[0]
        w.outgoing[i].msg_hdr.msg_iov = &w.outgoing_iov[i]
        w.outgoing[i].msg_hdr.msg_iovlen = 1
        w.outgoing[i].msg_hdr.msg_control = &w.outgoing_control[i][0]
        rearm(w, i)


cdef inline void rearm(worker_state *w, int i) noexcept nogil:
    w.incoming[i].msg_hdr.msg_namelen = sizeof(peer_address)
    w.incoming[i].msg_hdr.msg_controllen = CONTROL_ROOM


cdef int run_worker(worker_state *w) noexcept nogil:
    """Answer until told to stop, then drain what the socket still holds; 0, or the errno that ended it."""
    cdef const policy *rules
    cdef int64_t monotonic_ns
    cdef int64_t now_ns
    cdef int got, i, answers, verdict
    cdef int failures = 0
    cdef bint stopping
    while True:
        stopping = load_flag(&w.stop)
        got = recvmmsg(w.fd, w.incoming, BATCH, MSG_DONTWAIT if stopping else MSG_WAITFORONE, NULL)
        w.count.turns += 1
        if w.awaiting:
            collect_stamps(w)
        if got <= 0:
            if stopping:
                return 0
            if errno != EAGAIN and errno != EINTR:
                # One such error may be the network's word on one peer; a run of them means a socket beyond hope.
                failures += 1
                if failures > 100:
                    return errno
            continue
        failures = 0
        w.count.batches += 1
        w.full_batches = w.full_batches + 1 if got == BATCH else 0
        # A retired policy is freed only when `turns` has moved on (Worker.use), hence the order.
        rules = load_pointer(&w.rules)
        now_ns = read_clock(CLOCK_REALTIME)
        monotonic_ns = read_clock(CLOCK_MONOTONIC)
        serving_refresh(&w.state, rules, now_ns, monotonic_ns)
        answers = 0
        for i in range(got):
            verdict = take(w, rules, i, answers, now_ns, monotonic_ns)
            w.count.verdicts[verdict] += 1
            if verdict <= VERDICT_NAK:
                answers += 1
        if answers:
            send_answers(w, rules, answers)
        for i in range(got):
            rearm(w, i)


cdef inline int take(
    worker_state *w, const policy *rules, int i, int place, int64_t now_ns, int64_t monotonic_ns
) noexcept nogil:
    """Decide on the i-th datagram of a batch; an answer goes to `place`."""
    cdef arrival *came = &w.arrivals[i]
    cdef reply *out = &w.replies[place]
    cdef mmsghdr *message = &w.incoming[i]
    cdef uint64_t high = 0
    cdef uint64_t low = 0
    cdef request ask
    cdef int verdict
    read_control(&message.msg_hdr, came)
    if came.overflow != w.overflow and came.overflow:
        w.count.overflowed += <uint32_t>(came.overflow - w.overflow)
        w.overflow = came.overflow
    if came.receive_ns == 0:
        came.receive_ns = now_ns
        w.count.unstamped += 1
    if not came.unicast:
        return DROP_DESTINATION
    if message.msg_hdr.msg_flags & MSG_TRUNC:
        return DROP_SHORT
    split_address(&w.peers[i], w.ipv6, &high, &low)
    verdict = decide(
        &w.state, rules, &w.clients, w.ipv6, high, low,
        &w.requests[i][0], message.msg_len, came.receive_ns, monotonic_ns, &ask, out,
    )
    w.count.versions[ask.version] += 1
    w.count.modes[ask.mode] += 1
    if verdict <= VERDICT_NAK:
        w.bound[place] = <uint8_t>i
        if out.row == NULL:
            w.count.unlisted += 1
        if out.key != NULL:
            w.count.authenticated += 1
        if not out.unstamped:
            w.count.interleaved += 1
    elif verdict == VERDICT_CONTROL:
        return hand_over(w, rules, i, high, low, monotonic_ns)
    return verdict


cdef int hand_over(
    worker_state *w, const policy *rules, int i, uint64_t high, uint64_t low, int64_t monotonic_ns
) noexcept nogil:
    """Mode 6 goes to the slow path as a datagram: peer (32 bytes), local address (16), request.

    Only from local networks, and 20 a second with bursts of 60.
    """
    cdef uint8_t note[48 + 512]
    cdef unsigned int size = w.incoming[i].msg_len
    if w.control_fd < 0 or not rules.control or size < 12 or size > 512:
        return DROP_CONTROL
    if not in_networks(rules.local, rules.local_count, high, low):
        return DROP_CONTROL
    if w.control_due_ns < monotonic_ns:
        w.control_due_ns = monotonic_ns
    if w.control_due_ns - monotonic_ns > <int64_t>3000000000:
        return DROP_CONTROL
    w.control_due_ns += 50000000
    memset(note, 0, 48)
    memcpy(note, &w.peers[i], sizeof(peer_address))
    copy_local(note + 32, &w.arrivals[i])
    memcpy(note + 48, &w.requests[i][0], size)
    if send(w.control_fd, note, 48 + size, MSG_DONTWAIT) < 0:
        return DROP_CONTROL
    return VERDICT_CONTROL


cdef inline void send_answers(worker_state *w, const policy *rules, int count) noexcept nogil:
    """One by one, each with a clock reading of its own; under a lasting backlog, by chunks.

    A chunk costs a tenth less for each answer, but the later ones' stamps are extrapolated, and how long the way
    through the kernel takes depends on who is at its other end.  A burst alone is no reason for that.
    """
    cdef int first = 0
    cdef int chunk = CHUNK if w.full_batches >= BACKLOG else 1
    while first < count:
        send_chunk(w, rules, first, min(chunk, count - first))
        first += chunk


cdef inline void send_chunk(worker_state *w, const policy *rules, int first, int many) noexcept nogil:
    """Stamp and send replies[first : first + many]; what cannot be sent is counted and left."""
    cdef int i, sent
    cdef int done = 0
    cdef bint sample
    cdef reply *out
    cdef msghdr *header
    cdef int64_t read_ns
    cdef int64_t stamp_ns
    for i in range(first, first + many):
        out = &w.replies[i]
        header = &w.outgoing[i].msg_hdr
        sample = False
        if w.stamps and i == first:
            # The first answers all teach, then a few do.
            w.since_sample += 1
            sample = w.samples < 64 or w.since_sample >= 32
        if sample:
            w.since_sample = 0
            w.samples += 1
        header.msg_name = &w.peers[w.bound[i]]
        header.msg_namelen = w.incoming[w.bound[i]].msg_hdr.msg_namelen
        header.msg_controllen = write_control(
            &w.outgoing_control[i][0], &w.arrivals[w.bound[i]], w.ipv6, w.stamps and (sample or out.saved != NULL)
        )
        w.outgoing_iov[i].iov_len = out.size
        if w.stamps and (sample or out.saved != NULL):
            expect_stamp(w, out, sample, many > 1)
    read_ns = read_clock(CLOCK_REALTIME)
    stamp_ns = read_ns + (w.count.send_delay_ns if many == 1 else w.count.chunk_delay_ns)
    for i in range(first, first + many):
        out = &w.replies[i]
        if out.unstamped:
            reply_stamp(&w.state, rules, out, stamp_ns)
        stamp_ns += w.count.send_each_ns
        if out.key != NULL and reply_seal(rules, w.state.thread, out):
            w.outgoing_iov[i].iov_len = out.size
    if w.awaiting:
        for i in range(PENDING):
            if w.await_[i].read_ns == 0:
                w.await_[i].read_ns = read_ns
    while done < many:
        sent = sendmmsg(w.fd, &w.outgoing[first + done], many - done, MSG_DONTWAIT)
        if sent <= 0:
            if sent < 0 and errno == EINTR:
                continue
            w.count.verdicts[DROP_SEND] += 1
            sent = 1
        done += sent
    if many > 1:
        learn(&w.count.send_each_ns, (read_clock(CLOCK_REALTIME) - read_ns) // many)
    if w.awaiting:
        collect_stamps(w)


cdef inline void learn(int64_t *estimate, int64_t seen) noexcept nogil:
    """Follow the median of what is seen, in steps of 3 %; a clock that was stepped in between teaches nothing."""
    cdef int64_t step = (estimate[0] >> 5) + 4
    if seen < 0 or seen > 1000000:
        return
    if seen > estimate[0]:
        estimate[0] += step
    elif seen < estimate[0]:
        estimate[0] -= step
        if estimate[0] < 0:
            estimate[0] = 0


cdef void expect_stamp(worker_state *w, reply *out, bint sample, bint chunk) noexcept nogil:
    cdef awaited *slot = &w.await_[w.next_awaited]
    w.next_awaited = (w.next_awaited + 1) % PENDING
    if slot.receive == 0:
        w.awaiting += 1
    slot.receive = (<ntp_packet *>out.bytes).receive
    slot.read_ns = 0
    slot.size = out.size
    slot.learn = NULL
    if sample:
        slot.learn = &w.count.chunk_delay_ns if chunk else &w.count.send_delay_ns
    slot.slot = out.saved


cdef void collect_stamps(worker_state *w) noexcept nogil:
    """Transmit stamps from the error queue, matched by the receive stamp inside the packet that comes back."""
    cdef uint8_t data[512]
    cdef char control[CONTROL_ROOM]
    cdef iovec iov
    cdef msghdr header
    cdef arrival came
    cdef awaited *slot
    cdef ssize_t size
    cdef int i, _rounds
    for _rounds in range(PENDING):
        iov.iov_base = data
        iov.iov_len = sizeof(data)
        memset(&header, 0, sizeof(header))
        header.msg_iov = &iov
        header.msg_iovlen = 1
        header.msg_control = control
        header.msg_controllen = sizeof(control)
        size = recvmsg(w.fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT)
        if size < 0:
            return
        read_control(&header, &came)
        if came.receive_ns == 0 or header.msg_flags & MSG_TRUNC:
            continue
        for i in range(PENDING):
            slot = &w.await_[i]
            if slot.receive == 0 or size < slot.size:
                continue
            if memcmp(data + size - slot.size + 32, &slot.receive, 8) == 0:
                if slot.learn != NULL:
                    learn(slot.learn, came.receive_ns - slot.read_ns)
                if slot.slot != NULL:
                    store_exchange(w, slot, came.receive_ns)
                slot.receive = 0
                w.awaiting -= 1
                break


cdef void store_exchange(worker_state *w, awaited *slot, int64_t transmit_ns) noexcept nogil:
    """Keep the stamp for the client's next request, if the slot still belongs to that answer."""
    if slot.slot.receive != wire64(slot.receive):
        return
    slot.slot.transmit = ntp_from_ns(served_time(&w.state, load_pointer(&w.rules), transmit_ns))


def set_timeout(fd: int, ms: int) -> None:
    """How long a receive may block before it gives EAGAIN."""
    if set_receive_timeout(fd, ms) != 0:
        raise OSError(errno, os.strerror(errno))


def stamp(fd: int) -> bool:
    """Switch kernel stamps on; False where the socket cannot have them."""
    return stamp_socket(fd) != 0


def steer(fd: int, count: int, ipv6: bool) -> bool:
    """Spread clients over the `count` sockets of this one's port by their address; False where that cannot be."""
    return steer_sockets(fd, count, ipv6) == 0


cdef class Worker:
    """One answering thread's state; `run` is the thread.

    fd: a bound UDP socket with packet info, stamps and a receive timeout set; block and rows: this worker's parts of the
    counters page; control_fd: where mode 6 is handed over, or -1.
    """

    cdef worker_state *_w
    cdef object _keep
    cdef object _rules
    cdef list _retired

    def __cinit__(
        self, int fd, *, bint ipv6, rules, unsigned char[::1] block, unsigned char[::1] rows, int precision, int thread,
        bint stamps=True, int control_fd=-1,
    ):
        cdef Policy policy_object = rules
        cdef Py_ssize_t count = len(rows) // sizeof(client_row)
        if len(block) != COUNTERS_BLOCK or count < WAYS or count & (count - 1):
            raise ValueError(f"a block of {len(block)} bytes and {count} rows do not fit a worker")
        self._w = <worker_state *>PyMem_Calloc(1, sizeof(worker_state))
        if self._w == NULL:
            raise MemoryError
        self._keep = (block, rows)
        self._rules = rules
        self._retired = []
        self._w.fd = fd
        self._w.ipv6 = ipv6
        self._w.stamps = stamps
        self._w.control_fd = control_fd
        self._w.rules = policy_object.address()
        self._w.count = <worker_counters *>&block[0]
        self._w.clients.rows = <client_row *>&rows[0]
        self._w.clients.sets_mask = <uint32_t>(count // WAYS - 1)
        secret = os.urandom(24)
        memcpy(self._w.clients.secret, <const uint8_t *>secret, 16)
        serving_start(&self._w.state, precision, thread, int.from_bytes(secret[16:], "little"))
        if self._w.count.send_delay_ns == 0:
            self._w.count.send_delay_ns = 1000
            self._w.count.chunk_delay_ns = 1000
            self._w.count.send_each_ns = 1000
        prepare(self._w)

    def __dealloc__(self):
        PyMem_Free(self._w)

    def run(self) -> None:
        """Answer until stop(); returns when the socket is drained, or at an error that is left in the counters."""
        self._w.count.started += 1
        self._w.count.error = 0
        self._w.count.family = 6 if self._w.ipv6 else 4
        self._w.count.running = 1
        cdef int error
        with nogil:
            error = run_worker(self._w)
        self._w.count.error = error
        self._w.count.running = 0

    def stop(self) -> None:
        store_flag(&self._w.stop, 1)

    def use(self, rules) -> None:
        """Take over other rules without missing a packet; the old ones live until the loop has let them go."""
        cdef Policy policy_object = rules
        turns = self._w.count.turns
        self._retired = [(when, old) for when, old in self._retired if turns <= when]
        self._retired.append((turns, self._rules))
        self._rules = rules
        store_pointer(&self._w.rules, policy_object.address())

    @property
    def turns(self) -> int:
        """How often the loop has turned; it does so at least twice a second."""
        return self._w.count.turns
