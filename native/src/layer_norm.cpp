#include <cmath>

#include "cloze/export.h"
#include "cloze/loop.h"

// x, residual, y, sum [n, d], weight, bias [d], mean, rstd [n]; s = x + residual, y = (s - mean) rstd weight + bias
// dx = rstd (g - mean(g) - h mean(g h)), g = dy weight, h = (s - mean) rstd; dweight = sum dy h, dbias = sum dy
//
// A row is read from DRAM once and stays in L1. Backward processes four rows at a time, so that the column sums are
// loaded and stored once for the four.

using namespace cloze;

CLOZE_EXPORT int64_t layer_norm_forward(const float* x, const float* residual, const float* weight, const float* bias,
                                        float* y, float* sum, float* mean, float* rstd, int64_t n, int64_t d,
                                        float epsilon) noexcept try {
    parallel_blocks(n, row_block(n, d), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float* s = x + row * d;
            float *out = y + row * d, average;
            if (residual) {
                const float* other = residual + row * d;
                float* total = sum + row * d;
                average = sums<1>(d, [=](int64_t i, auto step, vf* sums) {
                    vf value = step.load(s + i) + step.load(other + i);
                    step.store(total + i, value);
                    sums[0] += value;
                })[0];
                s = total;
            } else {
                average = sums<1>(d, [=](int64_t i, auto step, vf* sums) { sums[0] += step.load(s + i); })[0];
            }
            average /= static_cast<float>(d);
            // a second pass: E[s^2] - mean^2 cancels if the mean is large
            float square = sums<1>(d, [=](int64_t i, auto step, vf* sums) {
                vf centred = step.mask(step.load(s + i) - average);
                sums[0] += centred * centred;
            })[0];
            float scale = 1.f / std::sqrt(square / static_cast<float>(d) + epsilon);
            mean[row] = average;
            rstd[row] = scale;
            each(0, d, [=](int64_t i, auto step) {
                vf normal = (step.load(s + i) - average) * scale * step.load(weight + i);
                step.store(out + i, bias ? normal + step.load(bias + i) : normal);
            });
        }
    });
    return ok;
}
CLOZE_CATCH

namespace {

struct Backward {
    const float *s, *weight, *mean, *rstd, *dy, *dsum;
    float* dx;
    int64_t d;
    bool adds;

    // `rows` rows from `row` on, added to the column sums dweight and dbias
    template <int rows>
    void run(int64_t row, float* dweight, float* dbias) const {
        vf sum[rows][2] = {};
        each(0, d, [&](int64_t i, auto step) {
            vf w = step.load(weight + i), dw = step.load(dweight + i), db = step.load(dbias + i);
            for (int r = 0; r < rows; r++) {
                int64_t at = (row + r) * d + i;
                vf out = step.load(dy + at), normal = (step.load(s + at) - mean[row + r]) * rstd[row + r];
                vf g = out * w;
                dw += out * normal;
                db += out;
                sum[r][0] += g;  // zero after the end of the row, like out
                sum[r][1] += g * step.mask(normal);
            }
            step.store(dweight + i, dw);
            step.store(dbias + i, db);
        });
        if (!dx) return;
        for (int r = 0; r < rows; r++) {
            float g = hsum(sum[r][0]) / static_cast<float>(d), gh = hsum(sum[r][1]) / static_cast<float>(d);
            input(row + r, g, gh);
        }
    }

    void input(int64_t row, float g, float gh) const {
        const float *in = s + row * d, *out = dy + row * d, *more = dsum ? dsum + row * d : nullptr;
        float *to = dx + row * d, average = mean[row], scale = rstd[row];
        each(0, d, [=, this](int64_t i, auto step) {
            vf normal = (step.load(in + i) - average) * scale;
            vf value = (step.load(out + i) * step.load(weight + i) - g - normal * gh) * scale;
            if (more) value += step.load(more + i);
            step.put(to + i, value, adds);
        });
    }
};

}  // namespace

CLOZE_EXPORT int64_t layer_norm_backward(const float* s, const float* weight, const float* mean, const float* rstd,
                                         const float* dy, const float* dsum, float* dx, float* dweight, float* dbias,
                                         int64_t n, int64_t d, int64_t accumulate) noexcept try {
    Backward backward{s, weight, mean, rstd, dy, dsum, dx, d, (accumulate & 1) != 0};
    int64_t block = row_block(n, d), blocks = (n + block - 1) / block;
    float* partials = scratch(Slot::row, blocks * 2 * d);
    parallel_blocks(n, block, [=](int64_t begin, int64_t end) {
        float *dw = partials + begin / block * 2 * d, *db = dw + d;
        std::fill(dw, db + d, 0.f);
        int64_t row = begin;
        for (; row + 4 <= end; row += 4) backward.run<4>(row, dw, db);
        for (; row < end; row++) backward.run<1>(row, dw, db);
    });
    if (dweight) combine(partials, blocks, 2 * d, dweight, d, accumulate & 2);
    if (dbias) combine(partials + d, blocks, 2 * d, dbias, d, accumulate & 4);
    return ok;
}
CLOZE_CATCH
