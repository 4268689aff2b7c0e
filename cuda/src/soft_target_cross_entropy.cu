#include "cloze/device.cuh"

// logits, targets, dlogits [n, v], loss [1], row_loss [n] in nats; the mean is over all rows
// row_loss = sum_j t[j] (log sum_k e^x[k] - x[j]);  dlogits = dloss / n (p sum_j t[j] - t), p = softmax(x)
// A warp a row: rows are classes of images, and short. Backward computes the exponentials again.

using namespace cloze;

namespace {

struct Softmax {
    float top, sum;  // of e^(x - top)
};

CLOZE_DEVICE Softmax softmax(const real* x, int64_t v, bool whole) {
    float most = -INFINITY, sum = 0;
    each_lane(v, whole, [&](int64_t i, auto step) {
        auto value = step.load(x + i);
#pragma unroll
        for (int j = 0; j < decltype(step)::width; j++)
            most = value.at[j] > most || value.at[j] != value.at[j] ? value.at[j] : most;
    });
    float top = warp_max(most), base = top == -INFINITY ? 0.f : top;
    each_lane(v, whole, [&](int64_t i, auto step) {
        sum += step.load(x + i).map([=](float logit) { return expf(logit - base); }).sum();
    });
    return {base, warp_sum(sum)};
}

}  // namespace

CLOZE_KERNEL(soft_target_cross_entropy_forward, const real* logits, const real* targets, float*, float* row_loss,
             int64_t n, int64_t v) {
    int64_t row = row_of_warp();
    if (row >= n) return;
    const real *x = logits + row * v, *t = targets + row * v;
    bool whole = aligned(logits, targets) && v % pack == 0;
    Softmax s = softmax(x, v, whole);
    float log_sum = logf(s.sum), loss = 0;
    each_lane(v, whole, [&](int64_t i, auto step) {
        auto nats = step.load(x + i).map([=](float logit) { return (s.top - logit) + log_sum; });
        loss += (step.load(t + i) * nats).sum();
    });
    loss = warp_sum(loss);
    if (lane_of_warp() == 0) row_loss[row] = loss;
}

// One block: the rows' losses in a fixed order, in double.
CLOZE_KERNEL(soft_target_cross_entropy_forward_mean, const real*, const real*, float* loss, float* row_loss, int64_t n,
             int64_t) {
    __shared__ double sums[32];
    double total = 0;
#pragma unroll 8
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) total += row_loss[i];
    total = block_sum(total, sums);
    if (threadIdx.x == 0) loss[0] = n > 0 ? float(total / double(n)) : 0.f;
}

CLOZE_KERNEL(soft_target_cross_entropy_backward, const real* logits, const real* targets, const float* dloss,
             real* dlogits, int64_t n, int64_t v, int64_t accumulate) {
    int64_t row = row_of_warp();
    if (row >= n || !dlogits) return;
    const real *x = logits + row * v, *t = targets + row * v;
    real* out = dlogits + row * v;
    bool whole = aligned(logits, targets, dlogits) && v % pack == 0, adds = accumulate & 1;
    Softmax s = softmax(x, v, whole);
    float of_targets = 0, slope = dloss[0] / float(n);
    each_lane(v, whole, [&](int64_t i, auto step) { of_targets += step.load(t + i).sum(); });
    float scale = warp_sum(of_targets) / s.sum;
    each_lane(v, whole, [&](int64_t i, auto step) {
        auto p = step.load(x + i).map([=](float logit) { return expf(logit - s.top) * scale; });
        step.put(out + i, (p - step.load(t + i)) * slope, adds);
    });
}
