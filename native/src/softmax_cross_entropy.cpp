#include <cmath>

#include "cloze/export.h"
#include "cloze/loop.h"

// logits [n, v], targets int32 [n], loss [1], row_loss [n] in nats; the mean is over the rows with target !=
// ignore_index row_loss = (1 - ls) (-log p[target]) + ls mean_j(-log p[j]);  dlogits = (p - (1 - ls) onehot - ls / v) /
// counted The gradient replaces the logits: a row comes from DRAM once, its three passes (maximum, exponentials and
// their sum, scaling) run in L2, and goes back once. 256 x 50257 both ways: libtorch 112 ms, this 8.

using namespace cloze;

namespace {

constexpr int64_t chunk = 4096;  // logits summed in float before the double takes over

struct CrossEntropy {
    int64_t v;
    float smoothing, scale;  // scale: 1 / counted
    bool gradient;

    float maximum(const float* x) const {
        vf top[4];
        for (auto& lane : top) lane = broadcast(-infinity);
        int64_t i = 0;
        for (; i + 4 * lanes <= v; i += 4 * lanes)
            for (int j = 0; j < 4; j++) top[j] = max(load(x + i + j * lanes), top[j]);
        each(i, v, [&](int64_t j, auto step) { top[0] = max(step.mask(step.load(x + j), top[0]), top[0]); });
        return hmax(max(max(top[0], top[1]), max(top[2], top[3])));
    }

    // x = e^(x - top) if the gradient is wanted; their sum
    double exponentials(float* x, float top) const {
        double total = 0;
        for (int64_t base = 0; base < v; base += chunk) {
            float* part = x + base;
            total += double{sums<1>(std::min(chunk, v - base), [=, this](int64_t i, auto step, vf* sum) {
                vf e = step.mask(exp(step.load(part + i) - top));
                if (gradient) step.store(part + i, e);
                sum[0] += e;
            })[0]};
        }
        return total;
    }

    double mean(const float* x) const {
        double total = 0;
        for (int64_t base = 0; base < v; base += chunk)
            total += double{sums<1>(std::min(chunk, v - base),
                                    [=](int64_t i, auto step, vf* sum) { sum[0] += step.load(x + base + i); })[0]};
        return total / static_cast<double>(v);
    }

    float row(float* x, int32_t target) const {
        bool inside = target >= 0 && target < v;
        double chosen = inside ? double{x[target]} : std::nan("");
        float top = maximum(x);
        double average = smoothing != 0.f ? mean(x) : 0;
        double sum = exponentials(x, top);
        double log_sum = std::log(sum) + double{top};
        if (gradient) {
            float factor = static_cast<float>(scale / sum), floor = smoothing / static_cast<float>(v) * scale;
            each(0, v, [=](int64_t i, auto step) { step.store(x + i, step.load(x + i) * factor - floor); });
            if (inside) x[target] -= (1.f - smoothing) * scale;
        }
        double loss = (1.0 - double{smoothing}) * (log_sum - chosen);
        if (smoothing != 0.f) loss += double{smoothing} * (log_sum - average);
        return static_cast<float>(loss);
    }
};

}  // namespace

CLOZE_EXPORT void softmax_cross_entropy_forward(float* logits, const int32_t* targets, float* loss, float* row_loss,
                                                int64_t n, int64_t v, int64_t ignore_index, float label_smoothing,
                                                int64_t gradient) {
    int64_t counted = 0;
    for (int64_t i = 0; i < n; i++) counted += targets[i] != ignore_index;
    float scale = counted ? 1.f / static_cast<float>(counted) : 0.f;
    CrossEntropy entropy{v, label_smoothing, scale, gradient != 0};
    parallel_blocks(n, row_block(n, 2 * v), [=](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; row++) {
            float* x = logits + row * v;
            bool ignored = targets[row] == ignore_index;
            row_loss[row] = ignored ? 0.f : entropy.row(x, targets[row]);
            if (ignored && gradient) std::fill(x, x + v, 0.f);
        }
    });
    double total = 0;
    for (int64_t i = 0; i < n; i++) total += double{row_loss[i]};
    loss[0] = counted ? static_cast<float>(total / static_cast<double>(counted)) : 0.f;
}

CLOZE_EXPORT void softmax_cross_entropy_backward(const float* dloss, float* dlogits, int64_t n, int64_t v) {
    float factor = dloss[0];
    if (factor == 1.f) return;
    elementwise(n * v, [=](int64_t i, auto step) { step.store(dlogits + i, step.load(dlogits + i) * factor); });
}
