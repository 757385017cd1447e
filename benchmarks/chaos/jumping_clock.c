/* LD_PRELOAD this to set a process's wall clock back by up to an hour, by a new amount every 50 ms.
 *
 * CHAOS_CLOCK_SEED seeds the jumps; without it, there are none. CHAOS_CLOCK_BACK adds that many seconds to each. Monotonic clocks are unaffected, as
 * when a real clock is set. File times come from the kernel, so they seem to be in the future. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t seconds_back(void) {
    struct timespec now;
    const char *seed = getenv("CHAOS_CLOCK_SEED"), *back = getenv("CHAOS_CLOCK_BACK");
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    uint64_t step = (uint64_t)now.tv_sec * 20 + (uint64_t)now.tv_nsec / 50000000;
    uint64_t mixed = (step + (seed ? strtoull(seed, 0, 10) : 0) * 1000003) * 0x9E3779B97F4A7C15ull;
    return (seed ? (time_t)((mixed >> 33) % 3600) : 0) + (back ? (time_t)strtoll(back, 0, 10) : 0);
}

int clock_gettime(clockid_t id, struct timespec *time) {
    int failed = (int)syscall(SYS_clock_gettime, id, time);
    if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        time->tv_sec -= seconds_back();
    return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now))
        return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into)
        *into = now.tv_sec;
    return now.tv_sec;
}
