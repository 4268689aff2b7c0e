#include <cmath>

#include "cloze/export.h"
#include "cloze/loop.h"

// logits, targets, dlogits [n, v], loss [1], row_loss [n] in nats; the mean is over all rows
// row_loss = sum_j t[j] (log sum_k e^x[k] - x[j]);  dlogits = dloss / n (p sum_j t[j] - t), p = softmax(x)
// Backward recomputes the exponentials: rows are image classes, so they are short.

using namespace cloze;

namespace {

struct Softmax {
    float top, sum;  // of e^(x - top)
};

Softmax softmax(const float* x, int64_t v) {
    vf most = broadcast(-infinity);
    each(0, v, [&](int64_t i, auto step) { most = max(step.mask(step.load(x + i), most), most); });
    float top = hmax(most), base = top == -infinity ? 0.f : top;  // e^-inf is 0, but e^(-inf + inf) is not
    float sum =
        sums<1>(v, [=](int64_t i, auto step, vf* sum) { sum[0] += step.mask(exp(step.load(x + i) - base)); })[0];
    return {base, sum};
}

}  // namespace

CLOZE_EXPORT int64_t soft_target_cross_entropy_forward(const float* logits, const float* targets, float* loss,
                                                       float* row_loss, int64_t n, int64_t v) noexcept try {
    parallel_blocks(n, row_block(n, v), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float *x = logits + row * v, *t = targets + row * v;
            Softmax s = softmax(x, v);
            float log_sum = std::log(s.sum);
            row_loss[row] = sums<1>(v, [=](int64_t i, auto step, vf* sum) {
                sum[0] += step.mask(step.load(t + i) * ((s.top - step.load(x + i)) + log_sum));
            })[0];
        }
    });
    double total = 0;
    for (int64_t i = 0; i < n; i++) total += double{row_loss[i]};
    loss[0] = n ? static_cast<float>(total / static_cast<double>(n)) : 0.f;
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t soft_target_cross_entropy_backward(const float* logits, const float* targets, const float* dloss,
                                                        float* dlogits, int64_t n, int64_t v,
                                                        int64_t accumulate) noexcept try {
    if (!dlogits) return ok;
    float slope = dloss[0] / static_cast<float>(std::max<int64_t>(n, 1));
    bool adds = accumulate & 1;
    parallel_blocks(n, row_block(n, v), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float *x = logits + row * v, *t = targets + row * v;
            float* out = dlogits + row * v;
            Softmax s = softmax(x, v);
            float of_targets = sums<1>(v, [=](int64_t i, auto step, vf* sum) { sum[0] += step.load(t + i); })[0];
            float scale = of_targets / s.sum;
            each(0, v, [=](int64_t i, auto step) {
                vf p = exp(step.load(x + i) - s.top) * scale;
                step.put(out + i, (p - step.load(t + i)) * slope, adds);
            });
        }
    });
    return ok;
}
CLOZE_CATCH
