#include "cloze/export.h"
#include "cloze/loop.h"
#include "cloze/philox.h"

// x, y, dx, dy [n]; y = kept ? x / (1 - rate) : 0, dx = kept ? dy / (1 - rate) : 0.  Element i draws lane i % 4 of
// counter i / 4, so backward draws the same numbers and no mask is stored.

using namespace cloze;

namespace {

void drop(const float* x, float* y, int64_t n, float rate, int64_t seed, int64_t offset, bool adds) {
    Philox random(seed, offset);
    int32_t threshold = keep_threshold(rate);
    float scale = 1.f / (1.f - rate);
    constexpr int64_t step = 4 * lanes;  // divides the block: a counter's low word does not wrap inside a step
    parallel_blocks(n, 16384, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i += step) {
            vu numbers[4];
            uint64_t counter = static_cast<uint64_t>(i) / 4;
            random.block(static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), numbers);
            for (int j = 0; j < 4; j++) {
                int64_t at = i + j * lanes;
                each(at, std::min(at + lanes, end), [&](int64_t k, auto part) {
                    vf value = select(kept(numbers[j], threshold), part.load(x + k) * scale, vf{});
                    part.put(y + k, value, adds);
                });
            }
        }
    });
}

}  // namespace

CLOZE_EXPORT int64_t dropout_forward(const float* x, float* y, int64_t n, float rate, int64_t seed,
                                     int64_t offset) noexcept try {
    drop(x, y, n, rate, seed, offset, false);
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t dropout_backward(const float* dy, float* dx, int64_t n, float rate, int64_t seed, int64_t offset,
                                      int64_t accumulate) noexcept try {
    drop(dy, dx, n, rate, seed, offset, accumulate & 1);
    return ok;
}
CLOZE_CATCH
