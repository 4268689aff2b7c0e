#include "cloze/device.cuh"

// scores, p, dp, dscores [n, k], mask int32 [n, k], 1 keeps; a row with nothing kept is all zero.
// p = softmax(scores where kept), dscores (+)= p (dp - sum(p dp)).  A warp a row; what is not kept is not read.

using namespace cloze;

CLOZE_KERNEL(masked_softmax_forward, const real* scores, const int32_t* mask, real* p, int64_t n, int64_t k) {
    int64_t row = row_of_warp(), at = row * k;
    if (row >= n) return;
    float top = -INFINITY, sum = 0;
    for (int64_t j = lane_of_warp(); j < k; j += 32)
        if (mask[at + j]) {
            float x = widen(scores[at + j]);
            top = x > top || x != x ? x : top;
        }
    top = warp_max(top);
    float base = top == -INFINITY ? 0.f : top;
    for (int64_t j = lane_of_warp(); j < k; j += 32)
        if (mask[at + j]) sum += expf(widen(scores[at + j]) - base);
    sum = warp_sum(sum);
    float inverse = sum == 0.f ? 0.f : 1.f / sum;
    for (int64_t j = lane_of_warp(); j < k; j += 32)
        narrow((mask[at + j] ? expf(widen(scores[at + j]) - base) : 0.f) * inverse, p[at + j]);
}

CLOZE_KERNEL(masked_softmax_backward, const real* p, const real* dp, real* dscores, int64_t n, int64_t k,
             int64_t accumulate) {
    int64_t row = row_of_warp(), at = row * k;
    if (row >= n || !dscores) return;
    bool whole = aligned(p, dp, dscores) && k % pack == 0;
    float total = 0;
    each_lane(k, whole, [&](int64_t j, auto step) { total += (step.load(p + at + j) * step.load(dp + at + j)).sum(); });
    float dot = warp_sum(total);
    each_lane(k, whole, [&](int64_t j, auto step) {
        step.put(dscores + at + j, step.load(p + at + j) * (step.load(dp + at + j) - dot), accumulate & 1);
    });
}
