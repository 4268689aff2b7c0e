#include "cloze/export.h"
#include "cloze/loop.h"

// x [n, 2f] = [gate | up], y [n, f] = silu(gate) up, silu(g) = g sigmoid(g)
// dup = dy silu(gate), dgate = dy up (s + g s (1 - s)).  One pass: no gate or sigmoid is kept for backward.

using namespace cloze;

CLOZE_EXPORT int64_t swi_glu_forward(const float* x, float* y, int64_t n, int64_t f) noexcept try {
    parallel_blocks(n, row_block(n, 2 * f), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float *gate = x + row * 2 * f, *up = gate + f;
            each(0, f, [&](int64_t i, auto step) {
                vf g = step.load(gate + i);
                step.store(y + row * f + i, g / (1.f + exp(-g)) * step.load(up + i));
            });
        }
    });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t swi_glu_backward(const float* x, const float* dy, float* dx, int64_t n, int64_t f,
                                      int64_t accumulate) noexcept try {
    bool adds = accumulate & 1;
    parallel_blocks(n, row_block(n, 2 * f), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float *gate = x + row * 2 * f, *up = gate + f;
            float *dgate = dx + row * 2 * f, *dup = dgate + f;
            each(0, f, [&](int64_t i, auto step) {
                vf g = step.load(gate + i), d = step.load(dy + row * f + i);
                vf s = sigmoid(g);
                step.put(dgate + i, d * step.load(up + i) * (s + g * s * (1.f - s)), adds);
                step.put(dup + i, d * (g * s), adds);
            });
        }
    });
    return ok;
}
CLOZE_CATCH
