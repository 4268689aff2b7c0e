#include "cloze/device.cuh"

// x, y, dx, dy [n]; y = kept ? x / (1 - rate) : 0, dx = kept ? dy / (1 - rate) : 0.  Element i draws number i % 4 of
// counter i / 4, as on the CPU.  Moves 8 bytes an element, 4 in bf16.

using namespace cloze;

namespace {

CLOZE_DEVICE void drop(const real* x, real* y, int64_t n, float rate, int64_t seed, int64_t offset, bool adds) {
    Philox random(seed, offset);
    int32_t threshold = keep_threshold(rate);
    float scale = 1.f / (1.f - rate);
    each(n, aligned(x, y), [&](int64_t i, auto step) {
        constexpr int width = decltype(step)::width;
        auto value = step.load(x + i);
        uint32_t numbers[4] = {};
#pragma unroll
        for (int j = 0; j < width; j++) {
            uint64_t element = uint64_t(i + j), counter = element / 4;
            if (j % 4 == 0) random.at(uint32_t(counter), uint32_t(counter >> 32), numbers);
            int lane = width == 1 ? int(element % 4) : j % 4;
            uint32_t number = lane == 0 ? numbers[0] : lane == 1 ? numbers[1] : lane == 2 ? numbers[2] : numbers[3];
            value.at[j] = kept(number, threshold) ? value.at[j] * scale : 0.f;
        }
        step.put(y + i, value, adds);
    });
}

}  // namespace

CLOZE_KERNEL(dropout_forward, const real* x, real* y, int64_t n, float rate, int64_t seed, int64_t offset) {
    drop(x, y, n, rate, seed, offset, false);
}

CLOZE_KERNEL(dropout_backward, const real* dy, real* dx, int64_t n, float rate, int64_t seed, int64_t offset,
             int64_t accumulate) {
    if (dx) drop(dy, dx, n, rate, seed, offset, accumulate & 1);
}
