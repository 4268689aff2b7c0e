#include "cloze/device.cuh"

// x, y, dx, dy [b, n]; y = kept ? x / (1 - rate) : 0, dx = kept ? dy / (1 - rate) : 0, for whole samples.  Sample i
// draws number i % 4 of counter i / 4, as on the CPU; drawn again for each pack, which takes less time than memory.
// Moves 8 bytes an element, 4 in bf16.

using namespace cloze;

namespace {

CLOZE_DEVICE void drop(const real* x, real* y, int64_t b, int64_t n, float rate, int64_t seed, int64_t offset,
                       bool adds) {
    Philox random(seed, offset);
    int32_t threshold = keep_threshold(rate);
    float scale = 1.f / (1.f - rate);
    each(b * n, aligned(x, y) && n % pack == 0, [&](int64_t i, auto step) {
        uint64_t sample = uint64_t(i / n), counter = sample / 4;
        bool stays = kept(random.at(uint32_t(counter), uint32_t(counter >> 32), int(sample % 4)), threshold);
        step.put(y + i, step.load(x + i).map([=](float value) { return stays ? value * scale : 0.f; }), adds);
    });
}

}  // namespace

CLOZE_KERNEL(drop_path_forward, const real* x, real* y, int64_t b, int64_t n, float rate, int64_t seed,
             int64_t offset) {
    drop(x, y, b, n, rate, seed, offset, false);
}

CLOZE_KERNEL(drop_path_backward, const real* dy, real* dx, int64_t b, int64_t n, float rate, int64_t seed,
             int64_t offset, int64_t accumulate) {
    if (dx) drop(dy, dx, b, n, rate, seed, offset, accumulate & 1);
}
