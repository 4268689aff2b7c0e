#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "cloze/threads.h"
#include "cloze/vec.h"

// Loops over the floats of a row, whose last step may be a partial vector. The body is written once for both kinds of
// step:
//     each(0, d, [&](int64_t i, auto step) { step.store(y + i, 2.f * step.load(x + i)); });

namespace cloze {

struct Whole {
    CLOZE_INLINE vf load(const float* p) const { return cloze::load(p); }
    CLOZE_INLINE void store(float* p, vf x) const { cloze::store(p, x); }
    CLOZE_INLINE vf mask(vf x, vf = vf{}) const { return x; }
    CLOZE_INLINE void put(float* p, vf x, bool add) const { store(p, add ? load(p) + x : x); }
};

struct Part {
    int64_t count;
    CLOZE_INLINE vf load(const float* p) const { return cloze::load(p, count); }
    CLOZE_INLINE void store(float* p, vf x) const { cloze::store(p, x, count); }
    // x in the valid lanes, `other` in the rest
    CLOZE_INLINE vf mask(vf x, vf other = vf{}) const { return select(first(count), x, other); }
    CLOZE_INLINE void put(float* p, vf x, bool add) const { store(p, add ? load(p) + x : x); }
};

template <class F>
CLOZE_INLINE void each(int64_t begin, int64_t end, F&& f) {
    int64_t i = begin;
    for (; i + lanes <= end; i += lanes) f(i, Whole{});
    if (i < end) f(i, Part{end - i});
}

// Like each(), with f(i, step, sums) adding to sums[0..k). Four sets of sums hide the latency of the additions.
template <int k, class F>
CLOZE_INLINE std::array<float, k> sums(int64_t n, F&& f) {
    vf sum[4][k] = {};
    int64_t i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes)
        for (int j = 0; j < 4; j++) f(i + j * lanes, Whole{}, sum[j]);
    for (; i + lanes <= n; i += lanes) f(i, Whole{}, sum[0]);
    if (i < n) f(i, Part{n - i}, sum[1]);
    std::array<float, k> total;
    for (int j = 0; j < k; j++) total[j] = hsum((sum[0][j] + sum[1][j]) + (sum[2][j] + sum[3][j]));
    return total;
}

// Elementwise work over [0, n) on the pool, in blocks of 32768 floats: 128 KiB per array, so three arrays stay in L2.
template <class F>
void elementwise(int64_t n, F&& f) {
    parallel_blocks(n, 32768, [&](int64_t begin, int64_t end) { each(begin, end, f); });
}

inline void copy(const float* x, float* y, int64_t n) {
    std::memcpy(y, x, n * sizeof(float));
}

CLOZE_INLINE void add(const float* x, float* y, int64_t n) {
    each(0, n, [&](int64_t i, auto step) { step.put(y + i, step.load(x + i), true); });
}

// y = 0 on the pool, with stores that bypass the caches.
inline void zero(float* y, int64_t n) {
    parallel_blocks(n, 1 << 18, [&](int64_t begin, int64_t end) {
        int64_t i = std::min(end, begin + before_boundary(y + begin));
        std::fill(y + begin, y + i, 0.f);
        for (; i + lanes <= end; i += lanes) stream(y + i, vf{});
        std::fill(y + i, y + end, 0.f);
        stream_fence();
    });
}

// Rows per task: about 128 KiB of each array, and at most 64 tasks, so that one partial sum per task takes little
// memory.
inline int64_t row_block(int64_t n, int64_t d) {
    return std::max({int64_t{1}, 32768 / std::max<int64_t>(d, 1), (n + 63) / 64});
}

// y[j] = (add ? y[j] : 0) + sum over the blocks, in order. partials [blocks, stride], read from its first d columns.
inline void combine(const float* partials, int64_t blocks, int64_t stride, float* y, int64_t d, bool add) {
    parallel_blocks(d, 4096, [&](int64_t begin, int64_t end) {
        each(begin, end, [&](int64_t j, auto step) {
            vf sum = add ? step.load(y + j) : vf{};
            for (int64_t b = 0; b < blocks; b++) sum += step.load(partials + b * stride + j);
            step.store(y + j, sum);
        });
    });
}

}  // namespace cloze
