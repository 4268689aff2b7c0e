#include "cloze/export.h"
#include "cloze/loop.h"

// sums [n] = sums / 2 + 1, `links` times: the peak rate of multiply-adds without memory access. Enough chains are in
// registers to hide the latency.

using namespace cloze;

namespace {

constexpr int64_t chains = lanes == 16 ? 24 : 12;
constexpr int64_t block = 24 * 16 * 4;  // whole groups of chains for every vector width

void extend(float* sums, int64_t links) {
    vf sum[chains], half = broadcast(0.5f), one = broadcast(1.f);
#pragma GCC unroll 24
    for (int64_t j = 0; j < chains; j++) sum[j] = load(sums + j * lanes);
    for (int64_t i = 0; i < links; i++) {
#pragma GCC unroll 24
        for (int64_t j = 0; j < chains; j++) sum[j] = sum[j] * half + one;
    }
#pragma GCC unroll 24
    for (int64_t j = 0; j < chains; j++) store(sums + j * lanes, sum[j]);
}

}  // namespace

CLOZE_EXPORT int64_t peak_multiply_add(float* sums, int64_t n, int64_t links) noexcept try {
    parallel_blocks(n, block, [=](int64_t begin, int64_t end) {
        int64_t i = begin;
        for (; i + chains * lanes <= end; i += chains * lanes) extend(sums + i, links);
        for (; i < end; i++)
            for (int64_t link = 0; link < links; link++) sums[i] = sums[i] * 0.5f + 1.f;
    });
    return ok;
}
CLOZE_CATCH
