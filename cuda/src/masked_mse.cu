#include "cloze/hidden.cuh"

// x, target, dx [n, d], mask int32 [n], 1 is hidden, loss [1], row_loss [n]
// row_loss = mean((x - t)^2), loss = sum(mask row_loss) / sum(mask); dx = dloss mask 2 (x - t) / (d sum(mask)). If
// `normalize` is set, t = (target - mean) / sqrt(var + 1e-6), var over d - 1. A warp a row; forward and backward both
// normalise targets as they read them.

using namespace cloze;

namespace {

struct Norm {
    float mean = 0, scale = 1;

    CLOZE_DEVICE Norm(const real* target, int64_t d, bool on, bool whole) {
        if (!on) return;
        float total = 0, square = 0;
        each_lane(d, whole, [&](int64_t i, auto step) { total += step.load(target + i).sum(); });
        mean = warp_sum(total) / float(d);
        each_lane(d, whole, [&](int64_t i, auto step) {
            auto centred = step.load(target + i) - mean;
            square += (centred * centred).sum();
        });
        scale = 1.f / sqrtf(warp_sum(square) / float(d > 1 ? d - 1 : 1) + 1e-6f);
    }
};

}  // namespace

CLOZE_KERNEL(masked_mse_forward, const real* x, const real* target, const int32_t*, float*, float* row_loss, int64_t n,
             int64_t d, int64_t normalize, Fault*) {
    int64_t row = row_of_warp();
    if (row >= n) return;
    const real *in = x + row * d, *wanted = target + row * d;
    bool whole = aligned(x, target) && d % pack == 0;
    Norm norm(wanted, d, normalize != 0, whole);
    float sum = 0;
    each_lane(d, whole, [&](int64_t i, auto step) {
        auto error = step.load(in + i) - (step.load(wanted + i) - norm.mean) * norm.scale;
        sum += (error * error).sum();
    });
    sum = warp_sum(sum);
    if (lane_of_warp() == 0) row_loss[row] = sum / float(d);
}

CLOZE_KERNEL(masked_mse_forward_mean, const real*, const real*, const int32_t* mask, float* loss, float* row_loss,
             int64_t n, int64_t, int64_t, Fault* fault) {
    mean_of_hidden(mask, row_loss, loss, n, fault, Argument::masked_mse_mask);
}

// The number of hidden rows, into the scratch.
CLOZE_KERNEL(masked_mse_backward, const real*, const real*, const int32_t* mask, const float*, real*, int64_t n,
             int64_t, int64_t, int64_t, float* scratch) {
    count_hidden(mask, scratch, n);
}

CLOZE_KERNEL(masked_mse_backward_input, const real* x, const real* target, const int32_t* mask, const float* dloss,
             real* dx, int64_t n, int64_t d, int64_t normalize, int64_t accumulate, float* scratch) {
    int64_t row = row_of_warp();
    if (row >= n || !dx) return;
    const real *in = x + row * d, *wanted = target + row * d;
    real* out = dx + row * d;
    bool whole = aligned(x, target, dx) && d % pack == 0, adds = accumulate & 1;
    if (!mask[row]) {
        if (!adds)
            each_lane(d, whole, [&](int64_t i, auto step) { step.store(out + i, Floats<decltype(step)::width>{}); });
        return;
    }
    Norm norm(wanted, d, normalize != 0, whole);
    float factor = 2.f * dloss[0] / (scratch[0] * float(d));
    each_lane(d, whole, [&](int64_t i, auto step) {
        auto t = (step.load(wanted + i) - norm.mean) * norm.scale;
        step.put(out + i, (step.load(in + i) - t) * factor, adds);
    });
}
