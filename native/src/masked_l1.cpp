#include "cloze/failure.h"
#include "cloze/hidden.h"
#include "cloze/loop.h"

// x, target, dx [n, d], mask int32 [n], 1 is hidden, loss [1], row_loss [n]
// row_loss = mean(|x - target|), loss = sum(mask row_loss) / sum(mask); dx = dloss mask sign(x - target) / (d
// sum(mask)), 0 if the two are equal.

using namespace cloze;

CLOZE_EXPORT int64_t masked_l1_forward(const float* x, const float* target, const int32_t* mask, float* loss,
                                       float* row_loss, int64_t n, int64_t d) noexcept try {
    require_hidden("MaskedL1", mask, n);
    parallel_blocks(n, row_block(n, d), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float *in = x + row * d, *wanted = target + row * d;
            row_loss[row] =
                sums<1>(d, [=](int64_t i, auto step,
                               vf* sum) { sum[0] += step.mask(abs(step.load(in + i) - step.load(wanted + i))); })[0] /
                float(d);
        }
    });
    loss[0] = mean_of_hidden(mask, row_loss, n);
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t masked_l1_backward(const float* x, const float* target, const int32_t* mask, const float* dloss,
                                        float* dx, int64_t n, int64_t d, int64_t accumulate) noexcept try {
    if (!dx) return ok;
    float slope = dloss[0] / (float(std::max<int64_t>(hidden_rows(mask, n), 1)) * float(d));
    bool adds = accumulate & 1;
    parallel_blocks(n, row_block(n, d), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float *in = x + row * d, *wanted = target + row * d;
            float* out = dx + row * d;
            if (!mask[row]) {
                if (!adds) std::fill(out, out + d, 0.f);
                continue;
            }
            each(0, d, [=](int64_t i, auto step) {
                vf error = step.load(in + i) - step.load(wanted + i);
                vf falling = select(error < 0.f, broadcast(-slope), vf{});
                step.put(out + i, select(error > 0.f, broadcast(slope), falling), adds);
            });
        }
    });
    return ok;
}
CLOZE_CATCH
