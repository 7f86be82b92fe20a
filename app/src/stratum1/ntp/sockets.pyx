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
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME

from stratum1.ntp.access cimport Policy, in_networks, policy
from stratum1.ntp.ancillary cimport (
    BACKLOG, BATCH, CHUNK, CONTROL_ROOM, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_TRUNC, MSG_WAITFORONE, PENDING,
    REQUEST_ROOM, SOF_TIMESTAMPING_TX_HARDWARE, SOF_TIMESTAMPING_TX_SOFTWARE, answers_itself, arrival, copy_local, iovec, mmsghdr, msghdr, peer_address, read_control, recvmmsg, recvmsg,
    send, sendmmsg, set_receive_timeout, split_address, stamp_socket, steer_sockets, write_control
)
from stratum1.ntp.answer cimport decide, reply, reply_seal, reply_stamp
from stratum1.ntp.clients cimport WAYS, client_row, client_table
from stratum1.ntp.counters cimport COUNTERS_BLOCK, worker_counters
from stratum1.ntp.hardware cimport (
    NicTable, nic_clock, nic_credible, nic_find, nic_kernel_ns, nic_received_ns, nic_table, nics_refresh
)
from stratum1.ntp.packet cimport (
    DROP_CONTROL, DROP_DESTINATION, DROP_SEND, DROP_SHORT, VERDICT_CONTROL, VERDICT_NAK, ntp_packet, wire64
)
from stratum1.ntp.request cimport request
from stratum1.ntp.serving cimport exchange, served_time, serving, serving_refresh, serving_start
from stratum1.timescale cimport ntp_from_ns, read_clock

import os

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
    uint32_t interface           # that the answer leaves by
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
    int pressure                     # how long batches have been full, see feel_pressure
    uint64_t samples
    unsigned int awaiting
    unsigned int next_awaited
    const policy *rules
    worker_counters *count
    client_table clients
    serving state
    const nic_table *nics_shared     # NULL = no interface stamps
    nic_table nics
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
        feel_pressure(w, got)
        # A retired policy is freed only when `turns` has moved on (Worker.use), hence the order.
        rules = load_pointer(&w.rules)
        now_ns = read_clock(CLOCK_REALTIME)
        monotonic_ns = read_clock(CLOCK_MONOTONIC)
        serving_refresh(&w.state, rules, now_ns, monotonic_ns)
        if w.nics_shared != NULL:
            nics_refresh(w.nics_shared, &w.nics)
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


cdef inline void feel_pressure(worker_state *w, int got) noexcept nogil:
    """Full batches build it up, a batch that is nearly full takes some of it away, and a small one all."""
    if got == BATCH:
        if w.pressure < 2 * BACKLOG:
            w.pressure += 1
    elif got >= BATCH / 2:
        w.pressure = max(w.pressure - 8, 0)
    else:
        w.pressure = 0


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
    if came.counter_ns != 0:
        take_hardware_stamp(w, came, message.msg_len)
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


cdef void take_hardware_stamp(worker_state *w, arrival *came, uint32_t size) noexcept nogil:
    """The interface's stamp in place of the kernel's, if it can be told in kernel time and is likely."""
    cdef const nic_clock *nic = nic_find(&w.nics, came.interface)
    cdef int64_t stamp
    if nic == NULL:
        return
    stamp = nic_received_ns(nic, came.counter_ns, size, w.ipv6)
    if nic_credible(stamp, came.receive_ns):
        came.receive_ns = stamp
        w.count.hardware += 1


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
    cdef int chunk = CHUNK if w.pressure >= BACKLOG else 1
    while first < count:
        send_chunk(w, rules, first, min(chunk, count - first))
        first += chunk


cdef inline void send_chunk(worker_state *w, const policy *rules, int first, int many) noexcept nogil:
    """Stamp and send replies[first : first + many]; what cannot be sent is counted and left."""
    cdef int i, sent
    cdef int done = 0
    cdef bint sample
    cdef uint32_t stamp
    cdef reply *out
    cdef msghdr *header
    cdef arrival *came
    cdef int64_t read_ns
    cdef int64_t stamp_ns
    for i in range(first, first + many):
        out = &w.replies[i]
        came = &w.arrivals[w.bound[i]]
        header = &w.outgoing[i].msg_hdr
        sample = False
        if w.stamps and i == first:
            # The first answers all teach, then a few do.
            w.since_sample += 1
            sample = w.samples < 64 or w.since_sample >= 32
        if sample:
            w.since_sample = 0
            w.samples += 1
        stamp = 0
        if w.stamps and (sample or out.saved != NULL):
            stamp = SOF_TIMESTAMPING_TX_SOFTWARE
            if w.nics.count and nic_find(&w.nics, came.interface) != NULL:
                stamp |= SOF_TIMESTAMPING_TX_HARDWARE
            expect_stamp(w, out, came.interface, sample, many > 1)
        header.msg_name = &w.peers[w.bound[i]]
        header.msg_namelen = w.incoming[w.bound[i]].msg_hdr.msg_namelen
        header.msg_controllen = write_control(
            &w.outgoing_control[i][0], came, w.ipv6,
            not w.ipv6 and answers_itself(came, &w.peers[w.bound[i]], rules.sole_v4), stamp,
        )
        w.outgoing_iov[i].iov_len = out.size
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


cdef void expect_stamp(
    worker_state *w, reply *out, uint32_t interface, bint sample, bint chunk
) noexcept nogil:
    cdef awaited *slot = &w.await_[w.next_awaited]
    w.next_awaited = (w.next_awaited + 1) % PENDING
    if slot.receive == 0:
        w.awaiting += 1
    slot.receive = (<ntp_packet *>out.bytes).receive
    slot.read_ns = 0
    slot.size = out.size
    slot.interface = interface
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
    cdef int64_t sent_ns
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
        if header.msg_flags & MSG_TRUNC:
            continue
        for i in range(PENDING):
            slot = &w.await_[i]
            if slot.receive == 0 or size < slot.size:
                continue
            if memcmp(data + size - slot.size + 32, &slot.receive, 8) == 0:
                sent_ns = sent_at(w, slot, &came)
                if sent_ns != 0 and slot.learn != NULL:
                    learn(slot.learn, sent_ns - slot.read_ns)
                if sent_ns != 0 and slot.slot != NULL:
                    store_exchange(w, slot, sent_ns)
                slot.receive = 0
                w.awaiting -= 1
                break


cdef int64_t sent_at(worker_state *w, const awaited *slot, const arrival *came) noexcept nogil:
    """When the answer left, by the interface's stamp if it is likely, else by the kernel's; 0 when neither tells."""
    cdef const nic_clock *nic = NULL
    cdef int64_t stamp
    if came.counter_ns != 0:
        nic = nic_find(&w.nics, slot.interface)
    if nic != NULL:
        stamp = nic_kernel_ns(nic, came.counter_ns)
        # It leaves after the clock was read for it, and soon.
        if stamp != 0 and nic_credible(slot.read_ns, stamp):
            return stamp
    return came.receive_ns


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
    counters page; control_fd: where mode 6 is handed over, or -1; nics: the NicTable of interfaces that stamp.
    """

    cdef worker_state *_w
    cdef object _keep
    cdef object _rules
    cdef list _retired

    def __cinit__(
        self, int fd, *, bint ipv6, rules, unsigned char[::1] block, unsigned char[::1] rows, int precision, int thread,
        bint stamps=True, int control_fd=-1, nics=None,
    ):
        cdef Policy policy_object = rules
        cdef NicTable table
        cdef Py_ssize_t count = len(rows) // sizeof(client_row)
        if len(block) != COUNTERS_BLOCK or count < WAYS or count & (count - 1):
            raise ValueError(f"a block of {len(block)} bytes and {count} rows do not fit a worker")
        self._w = <worker_state *>PyMem_Calloc(1, sizeof(worker_state))
        if self._w == NULL:
            raise MemoryError
        self._keep = (block, rows, nics)
        if nics is not None:
            table = nics
            self._w.nics_shared = &table.shared
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
