// What the machine can do at this moment: the measures that a benchmark's figures are shares of.

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "cloze/export.h"
#include "cloze/vec.h"

using namespace cloze;

namespace {

double seconds(clockid_t clock) {
    timespec t;
    clock_gettime(clock, &t);
    return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

// Of one thread by its own time, since others may be running; of several by the clock on the wall.
double timed(int64_t threads, const std::function<void(int64_t)>& work) {
    clockid_t clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    double begin = seconds(clock);
    std::vector<std::thread> others;
    for (int64_t i = 1; i < threads; i++) others.emplace_back(work, i);
    work(0);
    for (auto& other : others) other.join();
    return seconds(clock) - begin;
}

constexpr int chains = lanes == 16 ? 24 : 12;
constexpr int64_t links = 1 << 21;

// Independent multiply-adds in registers.
void multiply_add() {
    vf sum[chains], x = broadcast(1.0001f), y = broadcast(0.5f);
    for (int j = 0; j < chains; j++) sum[j] = broadcast(float(j));  // equal chains would be merged
    for (int64_t i = 0; i < links; i++) {
        asm volatile("" : "+x"(x));
#pragma GCC unroll 24
        for (int j = 0; j < chains; j++) sum[j] = sum[j] * x + y;
    }
    vf total{};
    for (auto s : sum) total += s;
    volatile float sink = hsum(total);
    (void)sink;
}

struct Free {
    void operator()(float* memory) const { std::free(memory); }
};

// Ones, in huge pages where the system has them, as our tensors are.
std::unique_ptr<float, Free> ones(int64_t n) {
    auto memory = static_cast<float*>(std::aligned_alloc(2 << 20, size_t(n) * sizeof(float)));
    if (!memory) std::abort();
    madvise(memory, size_t(n) * sizeof(float), MADV_HUGEPAGE);
    std::fill_n(memory, n, 1.f);
    return std::unique_ptr<float, Free>(memory);
}

}  // namespace

// GFLOP/s of multiply-adds in f32, the best of a few tries.
CLOZE_EXPORT double peak_gflops(int64_t threads) {
    double best = 1e30;
    for (int i = 0; i < 8; i++) best = std::min(best, timed(threads, [](int64_t) { multiply_add(); }));
    return 2e-9 * chains * lanes * double(links) * double(threads) / best;
}

// GB/s of a = a / 2 + b over arrays that no cache holds: two streams in and one out, to lines that were just read, as
// in an optimiser's step.
CLOZE_EXPORT double peak_gigabytes(int64_t threads) {
    constexpr int64_t n = 16 << 20;  // floats in an array of a thread: 64 MiB
    auto a = ones(n * threads), b = ones(n * threads);
    double best = 1e30;
    for (int i = 0; i < 5; i++)
        best = std::min(best, timed(threads, [&](int64_t thread) {
                            float *to = a.get() + thread * n, *from = b.get() + thread * n;
                            for (int64_t j = 0; j < n; j++) to[j] = to[j] * 0.5f + from[j];
                        }));
    return 12e-9 * double(n) * double(threads) / best;
}
