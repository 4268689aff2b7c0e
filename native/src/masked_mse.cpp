#include <cmath>

#include "cloze/failure.h"
#include "cloze/hidden.h"
#include "cloze/loop.h"

// x, target, dx [n, d], mask int32 [n], 1 is hidden, loss [1], row_loss [n]
// row_loss = mean((x - t)^2), loss = sum(mask row_loss) / sum(mask); dx = dloss mask 2 (x - t) / (d sum(mask)). If
// `normalize` is set, t = (target - mean) / sqrt(var + 1e-6), var over d - 1. Targets are normalised when they are
// read, in forward and backward: no copy is kept.

using namespace cloze;

namespace {

struct Norm {
    float mean = 0, scale = 1;

    Norm(const float* target, int64_t d, bool on) {
        if (!on) return;
        mean = sums<1>(d, [=](int64_t i, auto step, vf* sum) { sum[0] += step.load(target + i); })[0] / float(d);
        float average = mean;
        float square = sums<1>(d, [=](int64_t i, auto step, vf* sum) {
            vf centred = step.mask(step.load(target + i) - average);
            sum[0] += centred * centred;
        })[0];
        scale = 1.f / std::sqrt(square / float(std::max<int64_t>(d - 1, 1)) + 1e-6f);
    }
};

}  // namespace

CLOZE_EXPORT int64_t masked_mse_forward(const float* x, const float* target, const int32_t* mask, float* loss,
                                        float* row_loss, int64_t n, int64_t d, int64_t normalize) noexcept try {
    require_hidden("MaskedMse", mask, n);
    parallel_blocks(n, row_block(n, d), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float *in = x + row * d, *wanted = target + row * d;
            Norm norm(wanted, d, normalize != 0);
            row_loss[row] = sums<1>(d,
                                    [=](int64_t i, auto step, vf* sum) {
                                        vf t = (step.load(wanted + i) - norm.mean) * norm.scale;
                                        vf error = step.mask(step.load(in + i) - t);
                                        sum[0] += error * error;
                                    })[0] /
                            float(d);
        }
    });
    loss[0] = mean_of_hidden(mask, row_loss, n);
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t masked_mse_backward(const float* x, const float* target, const int32_t* mask, const float* dloss,
                                         float* dx, int64_t n, int64_t d, int64_t normalize,
                                         int64_t accumulate) noexcept try {
    if (!dx) return ok;
    float factor = 2.f * dloss[0] / (float(std::max<int64_t>(hidden_rows(mask, n), 1)) * float(d));
    bool adds = accumulate & 1;
    parallel_blocks(n, row_block(n, d), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            const float *in = x + row * d, *wanted = target + row * d;
            float* out = dx + row * d;
            if (!mask[row]) {
                if (!adds) std::fill(out, out + d, 0.f);
                continue;
            }
            Norm norm(wanted, d, normalize != 0);
            each(0, d, [=](int64_t i, auto step) {
                vf t = (step.load(wanted + i) - norm.mean) * norm.scale;
                step.put(out + i, (step.load(in + i) - t) * factor, adds);
            });
        }
    });
    return ok;
}
CLOZE_CATCH
