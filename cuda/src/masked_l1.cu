#include "cloze/hidden.cuh"

// x, target, dx [n, d], mask int32 [n], 1 is hidden, loss [1], row_loss [n]
// row_loss = mean(|x - target|), loss = sum(mask row_loss) / sum(mask); dx = dloss mask sign(x - target) / (d
// sum(mask)), 0 where the two are equal.  A warp a row.

using namespace cloze;

CLOZE_KERNEL(masked_l1_forward, const real* x, const real* target, const int32_t*, float*, float* row_loss, int64_t n,
             int64_t d, Fault*) {
    int64_t row = row_of_warp();
    if (row >= n) return;
    const real *in = x + row * d, *wanted = target + row * d;
    float sum = 0;
    each_lane(d, aligned(x, target) && d % pack == 0, [&](int64_t i, auto step) {
        sum += (step.load(in + i) - step.load(wanted + i)).map([](float error) { return fabsf(error); }).sum();
    });
    sum = warp_sum(sum);
    if (lane_of_warp() == 0) row_loss[row] = sum / float(d);
}

CLOZE_KERNEL(masked_l1_forward_mean, const real*, const real*, const int32_t* mask, float* loss, float* row_loss,
             int64_t n, int64_t, Fault* fault) {
    mean_of_hidden(mask, row_loss, loss, n, fault, Argument::masked_l1_mask);
}

// The number of hidden rows, into the scratch.
CLOZE_KERNEL(masked_l1_backward, const real*, const real*, const int32_t* mask, const float*, real*, int64_t n, int64_t,
             int64_t, float* scratch) {
    count_hidden(mask, scratch, n);
}

CLOZE_KERNEL(masked_l1_backward_input, const real* x, const real* target, const int32_t* mask, const float* dloss,
             real* dx, int64_t n, int64_t d, int64_t accumulate, float* scratch) {
    int64_t row = row_of_warp();
    if (row >= n || !dx) return;
    const real *in = x + row * d, *wanted = target + row * d;
    real* out = dx + row * d;
    bool whole = aligned(x, target, dx) && d % pack == 0, adds = accumulate & 1;
    float slope = mask[row] ? dloss[0] / (scratch[0] * float(d)) : 0.f;
    each_lane(d, whole, [&](int64_t i, auto step) {
        auto sign = [=](float error) { return error > 0 ? slope : error < 0 ? -slope : 0.f; };
        step.put(out + i, (step.load(in + i) - step.load(wanted + i)).map(sign), adds);
    });
}
