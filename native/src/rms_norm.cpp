#include <cmath>

#include "cloze/export.h"
#include "cloze/loop.h"

// x, residual, y, sum [n, d], weight [d], rstd [n]; s = x + residual, y = s rstd weight
// rstd = 1 / sqrt(mean(s^2) + epsilon);  dx = rstd (g - h mean(g h)), g = dy weight, h = s rstd; dweight = sum dy h
// Rows stay in L1; backward processes four at a time, as in layer_norm.cpp.

using namespace cloze;

CLOZE_EXPORT int64_t rms_norm_forward(const float* x, const float* residual, const float* weight, float* y, float* sum,
                                      float* rstd, int64_t n, int64_t d, float epsilon) noexcept try {
    parallel_blocks(n, row_block(n, d), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float *in = x + row * d, *other = residual ? residual + row * d : nullptr;
            float *total = residual ? sum + row * d : nullptr, *out = y + row * d;
            float square = sums<1>(d, [=](int64_t i, auto step, vf* sums) {
                vf value = step.load(in + i);
                if (other) {
                    value += step.load(other + i);
                    step.store(total + i, value);
                }
                sums[0] += value * value;
            })[0];
            const float* s = total ? total : in;
            float scale = rstd[row] = 1.f / std::sqrt(square / static_cast<float>(d) + epsilon);
            each(0, d,
                 [=](int64_t i, auto step) { step.store(out + i, step.load(s + i) * scale * step.load(weight + i)); });
        }
    });
    return ok;
}
CLOZE_CATCH

namespace {

struct Backward {
    const float *s, *weight, *rstd, *dy, *dsum;
    float* dx;
    int64_t d;
    bool adds;

    // `rows` rows from `row` on, added to the column sum dweight
    template <int rows>
    void run(int64_t row, float* dweight) const {
        vf sum[rows] = {};
        each(0, d, [&](int64_t i, auto step) {
            vf w = step.load(weight + i), dw = step.load(dweight + i);
            for (int r = 0; r < rows; r++) {
                int64_t at = (row + r) * d + i;
                vf product = step.load(dy + at) * (step.load(s + at) * rstd[row + r]);
                dw += product;
                sum[r] += product * w;
            }
            step.store(dweight + i, dw);
        });
        if (!dx) return;
        for (int r = 0; r < rows; r++) input(row + r, hsum(sum[r]) / static_cast<float>(d));
    }

    void input(int64_t row, float gh) const {
        const float *in = s + row * d, *out = dy + row * d, *more = dsum ? dsum + row * d : nullptr;
        float *to = dx + row * d, scale = rstd[row], back = gh * scale;
        each(0, d, [=, this](int64_t i, auto step) {
            vf value = (step.load(out + i) * step.load(weight + i) - step.load(in + i) * back) * scale;
            if (more) value += step.load(more + i);
            step.put(to + i, value, adds);
        });
    }
};

}  // namespace

CLOZE_EXPORT int64_t rms_norm_backward(const float* s, const float* weight, const float* rstd, const float* dy,
                                       const float* dsum, float* dx, float* dweight, int64_t n, int64_t d,
                                       int64_t accumulate) noexcept try {
    Backward backward{s, weight, rstd, dy, dsum, dx, d, (accumulate & 1) != 0};
    int64_t block = row_block(n, d), blocks = (n + block - 1) / block;
    float* partials = scratch(Slot::row, blocks * d);
    parallel_blocks(n, block, [=](int64_t begin, int64_t end) {
        float* dw = partials + begin / block * d;
        std::fill(dw, dw + d, 0.f);
        int64_t row = begin;
        for (; row + 4 <= end; row += 4) backward.run<4>(row, dw);
        for (; row < end; row++) backward.run<1>(row, dw);
    });
    if (dweight) combine(partials, blocks, d, dweight, d, accumulate & 2);
    return ok;
}
CLOZE_CATCH
