# SPDX-License-Identifier: MIT
"""The snapshot as bytes in shared memory (512 bytes, native byte order, naturally aligned).

One writer, any number of readers in any language.  `sequence` is odd while the writer
is at work; a reader copies the page and keeps the copy when the sequence was even and the
same before and after.  snapshot.py says what each field means; docs/architecture.md has the
table of byte offsets, and a test holds the two against each other.
"""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    TRACKING_MAGIC = 0x54315331      # "1S1T" in memory of a little-endian machine
    TRACKING_VERSION = 2
    TRACKING_SIZE = 512
    STATE_ACQUIRING = 0
    STATE_LOCKED = 1
    STATE_HOLDOVER = 2
    STATE_UNSYNCHRONISED = 3
    FLAG_UTC_VALID = 1
    FLAG_LEAP_BY_KERNEL = 2

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    typedef struct {
        uint32_t magic;
        uint16_t version;
        uint16_t size;
        uint32_t sequence;
        uint32_t writer_pid;
        int64_t kernel_ns;
        int64_t correction_ns;
        double correction_rate;
        int64_t reference_ns;
        int64_t bound_ns;
        double bound_rate;
        int64_t bound_limit_ns;
        int64_t serve_until_ns;
        int64_t realtime_minus_monotonic_ns;
        int64_t leap_at_ns;
        int64_t root_delay_ns;
        double frequency;
        double steering;
        int64_t jitter_ns;
        int64_t offset_ns;
        int64_t state_since_ns;
        int64_t holdover_left_ns;
        int64_t last_pulse_ns;
        uint64_t pulses_accepted;
        uint64_t pulses_rejected;
        int64_t message_delay_ns;
        uint32_t steps;
        int32_t temperature_mc;
        uint8_t state;
        uint8_t leap;
        uint8_t stratum;
        int8_t precision;
        uint8_t refid[4];
        uint8_t flags;
        uint8_t fix_mode;
        uint8_t satellites_used;
        uint8_t satellites_seen;
        uint16_t reason;
        int16_t tai_offset;
        uint16_t labels_agreeing;
        uint16_t labels_needed;
        uint8_t antenna;
        uint8_t survey_state;
        uint8_t jamming;
        uint8_t jamming_state;
        uint32_t survey_s;
        uint32_t survey_accuracy_mm;
        uint8_t spoofing;
        uint8_t spoofing_evidence;
        uint8_t rollovers;
        uint8_t standby_pulses;
        int32_t quantisation_ps;
        char receiver_port[24];
        char receiver[64];
        char pulse_device[64];
        char detail[128];
    } tracking_page;

    _Static_assert(sizeof(tracking_page) == 512, "the layout is public: 512 bytes");

    /* Copies a consistent page; 0 on success, -1 when there is none (not written yet, foreign, torn for too long). */
    static inline int tracking_load(const tracking_page *shared, tracking_page *copy)
    {
        for (int attempt = 0; attempt < 1000; attempt++) {
            uint32_t before = __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE);
            if (before & 1)
                continue;
            memcpy(copy, shared, sizeof *copy);
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            if (__atomic_load_n(&shared->sequence, __ATOMIC_RELAXED) != before)
                continue;
            if (before == 0 || copy->magic != 0x54315331u || copy->version != 2 || copy->size != sizeof *copy)
                return -1;
            return 0;
        }
        return -1;
    }

    /* Cheap test whether a copy is still the newest. */
    static inline int tracking_is_current(const tracking_page *shared, const tracking_page *copy)
    {
        return __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE) == copy->sequence;
    }

    static inline void tracking_store(tracking_page *shared, const tracking_page *page)
    {
        const size_t head = 12;    /* magic, version, size, sequence */
        uint32_t sequence = __atomic_load_n(&shared->sequence, __ATOMIC_RELAXED);
        sequence = (sequence | 1u);
        __atomic_store_n(&shared->sequence, sequence, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_RELEASE);
        shared->magic = 0x54315331u;
        shared->version = 2;
        shared->size = 512;
        memcpy((char *)shared + head, (const char *)page + head, sizeof *page - head);
        if (++sequence == 0)
            sequence = 2;
        __atomic_store_n(&shared->sequence, sequence, __ATOMIC_RELEASE);
    }

    #define TRACKING_STALE_NS 5000000000LL
    #define TRACKING_STALE_RATE 15e-6      /* PHI of RFC 5905 section 4 */
    #define TRACKING_STEP_NS 500000        /* a change of realtime - monotonic that no slew explains */

    /* Served UTC for a reading of the kernel clock; takes an announced leap that the kernel does not. */
    static inline int64_t tracking_served(const tracking_page *page, int64_t kernel_ns)
    {
        double drift = page->correction_rate * (double)(kernel_ns - page->kernel_ns);
        int64_t served = kernel_ns + page->correction_ns + (int64_t)(drift < 0 ? drift - 0.5 : drift + 0.5);
        if (page->leap_at_ns != 0 && !(page->flags & 2)) {
            if (page->leap == 1 && served >= page->leap_at_ns)
                served -= 1000000000LL;
            else if (page->leap == 2 && served >= page->leap_at_ns - 1000000000LL)
                served += 1000000000LL;
        }
        return served;
    }

    /* The error bound at a reading of the kernel clock (ns); grows by PHI once the writer has been silent. */
    static inline int64_t tracking_bound(const tracking_page *page, int64_t kernel_ns)
    {
        int64_t age = kernel_ns - page->kernel_ns;
        double growth;
        if (age < 0)
            age = -age;
        if (age <= TRACKING_STALE_NS)
            growth = page->bound_rate * (double)age;
        else {
            double rate = page->bound_rate > TRACKING_STALE_RATE ? page->bound_rate : TRACKING_STALE_RATE;
            growth = page->bound_rate * (double)TRACKING_STALE_NS + rate * (double)(age - TRACKING_STALE_NS);
        }
        /* So written, a bound or a rate that is no number is no bound at all. */
        if (!((double)page->bound_ns + growth < 9e18))
            return INT64_MAX;
        return page->bound_ns + (int64_t)(growth + 1.0);
    }

    /* Whether time may be claimed good: state, loss policy, and nobody has stepped the clock since. */
    static inline int tracking_serves(const tracking_page *page, int64_t kernel_ns, int64_t monotonic_ns)
    {
        int64_t stepped = kernel_ns - monotonic_ns - page->realtime_minus_monotonic_ns;
        if (page->state != 1 && page->state != 2)
            return 0;
        if (tracking_bound(page, kernel_ns) > page->bound_limit_ns)
            return 0;
        if (page->serve_until_ns != 0 && kernel_ns > page->serve_until_ns)
            return 0;
        if (page->leap_at_ns != 0 && (page->flags & 2)
                && kernel_ns + page->correction_ns >= page->leap_at_ns - 1100000000LL) {
            /* The kernel's own leap is no foreign step. */
            if (page->leap == 1 && stepped < -500000000LL)
                stepped += 1000000000LL;
            else if (page->leap == 2 && stepped > 500000000LL)
                stepped -= 1000000000LL;
        }
        return stepped <= TRACKING_STEP_NS && stepped >= -TRACKING_STEP_NS;
    }
    """
    ctypedef struct tracking_page:
        uint32_t magic
        uint16_t version
        uint16_t size
        uint32_t sequence
        uint32_t writer_pid
        int64_t kernel_ns
        int64_t correction_ns
        double correction_rate
        int64_t reference_ns
        int64_t bound_ns
        double bound_rate
        int64_t bound_limit_ns
        int64_t serve_until_ns
        int64_t realtime_minus_monotonic_ns
        int64_t leap_at_ns
        int64_t root_delay_ns
        double frequency
        double steering
        int64_t jitter_ns
        int64_t offset_ns
        int64_t state_since_ns
        int64_t holdover_left_ns
        int64_t last_pulse_ns
        uint64_t pulses_accepted
        uint64_t pulses_rejected
        int64_t message_delay_ns
        uint32_t steps
        int32_t temperature_mc
        uint8_t state
        uint8_t leap
        uint8_t stratum
        int8_t precision
        uint8_t refid[4]
        uint8_t flags
        uint8_t fix_mode
        uint8_t satellites_used
        uint8_t satellites_seen
        uint16_t reason
        int16_t tai_offset
        uint16_t labels_agreeing
        uint16_t labels_needed
        uint8_t antenna
        uint8_t survey_state
        uint8_t jamming
        uint8_t jamming_state
        uint32_t survey_s
        uint32_t survey_accuracy_mm
        uint8_t spoofing
        uint8_t spoofing_evidence
        uint8_t rollovers
        uint8_t standby_pulses
        int32_t quantisation_ps
        char receiver_port[24]
        char receiver[64]
        char pulse_device[64]
        char detail[128]

    int tracking_load(const tracking_page *shared, tracking_page *copy) noexcept nogil
    bint tracking_is_current(const tracking_page *shared, const tracking_page *copy) noexcept nogil
    void tracking_store(tracking_page *shared, const tracking_page *page) noexcept nogil
    int64_t tracking_served(const tracking_page *page, int64_t kernel_ns) noexcept nogil
    int64_t tracking_bound(const tracking_page *page, int64_t kernel_ns) noexcept nogil
    bint tracking_serves(const tracking_page *page, int64_t kernel_ns, int64_t monotonic_ns) noexcept nogil
