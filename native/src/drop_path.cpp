#include "cloze/export.h"
#include "cloze/loop.h"
#include "cloze/philox.h"

// x, y, dx, dy [b, n]; y = kept ? x / (1 - rate) : 0, dx = kept ? dy / (1 - rate) : 0, for each sample as a whole.
// Sample i draws lane i % 4 of counter i / 4, like element i of dropout.

using namespace cloze;

namespace {

void drop(const float* x, float* y, int64_t b, int64_t n, float rate, int64_t seed, int64_t offset, bool adds) {
    Philox random(seed, offset);
    int32_t threshold = keep_threshold(rate);
    float scale = 1.f / (1.f - rate);
    parallel_blocks(b, row_block(b, n), [=](int64_t begin, int64_t end) {
        for (int64_t sample = begin; sample < end; sample++) {
            uint64_t counter = static_cast<uint64_t>(sample) / 4;
            auto numbers = random.at(static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32));
            const float* in = x + sample * n;
            float* out = y + sample * n;
            if (kept(numbers[sample % 4], threshold))
                each(0, n, [=](int64_t i, auto step) { step.put(out + i, step.load(in + i) * scale, adds); });
            else if (!adds)
                std::fill(out, out + n, 0.f);
        }
    });
}

}  // namespace

CLOZE_EXPORT int64_t drop_path_forward(const float* x, float* y, int64_t b, int64_t n, float rate, int64_t seed,
                                       int64_t offset) noexcept try {
    drop(x, y, b, n, rate, seed, offset, false);
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t drop_path_backward(const float* dy, float* dx, int64_t b, int64_t n, float rate, int64_t seed,
                                        int64_t offset, int64_t accumulate) noexcept try {
    if (dx) drop(dy, dx, b, n, rate, seed, offset, accumulate & 1);
    return ok;
}
CLOZE_CATCH
