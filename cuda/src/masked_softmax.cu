#include "cloze/exponential.cuh"
#include "cloze/row.cuh"

// scores, p, dp, dscores [n, k], mask int32 [n, k], 1 keeps; a row with nothing kept is all zero.
// p = softmax(scores where kept), dscores (+)= p (dp - sum(p dp)).  A warp a row. A row of up to 1024 elements stays in
// registers, so that all is read and written once, 16 bytes at a time; a longer one is read a second time, from the
// caches. bf16 moves 8 bytes an element forward, 4 of them for the mask, and 6 backward.

using namespace cloze;

namespace {

template <class Step>
CLOZE_DEVICE Row<Step> row_at(const real* x, int64_t k) {
    Row<Step> row;
    row.each(k, [&](int s, int i) { row.at[s] = Step{}.load(x + i); });
    return row;
}

template <class Step>
CLOZE_DEVICE void forward_row(const real* scores, const int32_t* mask, real* p, int64_t k) {
    auto x = row_at<Step>(scores, k);
    Ints<Step::width> kept[x.steps];
    x.each(k, [&](int s, int i) { kept[s] = Step{}.ints(mask + i); });
    float most = -INFINITY, sum = 0;
    x.each(k, [&](int s, int) {
#pragma unroll
        for (int j = 0; j < Step::width; j++) {
            float score = kept[s].at[j] ? x.at[s].at[j] : -INFINITY;
            most = score > most || score != score ? score : most;
            x.at[s].at[j] = score;
        }
    });
    float top = warp_max(most), base = top == -INFINITY ? 0.f : top;
    x.each(k, [&](int s, int) {
        x.at[s] = x.at[s].map([=](float score) { return exponential(score - base); });
        sum += x.at[s].sum();
    });
    sum = warp_sum(sum);
    float inverse = sum == 0.f ? 0.f : 1.f / sum;
    x.each(k, [&](int s, int i) { Step{}.store(p + i, x.at[s] * inverse); });
}

// The sum is rescaled when the maximum grows.
CLOZE_DEVICE void forward_long_row(const real* scores, const int32_t* mask, real* p, int64_t k, bool whole) {
    float most = -INFINITY, sum = 0;
    each_lane(k, whole, [&](int64_t i, auto step) {
        auto x = step.load(scores + i);
        auto kept = step.ints(mask + i);
#pragma unroll
        for (int j = 0; j < step.width; j++) {
            if (!kept.at[j]) continue;
            float score = x.at[j];
            if (score > most) {
                sum = sum * exponential(most - score) + 1.f;
                most = score;
            } else {
                sum += score == -INFINITY ? 0.f : exponential(score - most);
            }
        }
    });
    float top = warp_max(most), base = top == -INFINITY ? 0.f : top;
    sum = warp_sum(most == -INFINITY ? sum : sum * exponential(most - base));
    float inverse = sum == 0.f ? 0.f : 1.f / sum;
    each_lane(k, whole, [&](int64_t i, auto step) {
        auto x = step.load(scores + i);
        auto kept = step.ints(mask + i);
#pragma unroll
        for (int j = 0; j < step.width; j++) x.at[j] = (kept.at[j] ? exponential(x.at[j] - base) : 0.f) * inverse;
        step.store(p + i, x);
    });
}

template <class Step>
CLOZE_DEVICE void backward_row(const real* p, const real* dp, real* dscores, int64_t k, bool add) {
    auto x = row_at<Step>(p, k), back = row_at<Step>(dp, k);
    float total = 0;
    x.each(k, [&](int s, int) { total += (x.at[s] * back.at[s]).sum(); });
    float dot = warp_sum(total);
    x.each(k, [&](int s, int i) { Step{}.put(dscores + i, x.at[s] * (back.at[s] - dot), add); });
}

}  // namespace

CLOZE_KERNEL(masked_softmax_forward, const real* scores, const int32_t* mask, real* p, int64_t n, int64_t k) {
    int64_t row = row_of_warp(), at = row * k;
    if (row >= n) return;
    bool whole = aligned(scores, mask, p) && k % pack == 0;
    if (k > longest_row)
        forward_long_row(scores + at, mask + at, p + at, k, whole);
    else if (whole)
        forward_row<Step<pack>>(scores + at, mask + at, p + at, k);
    else
        forward_row<Step<1>>(scores + at, mask + at, p + at, k);
}

CLOZE_KERNEL(masked_softmax_backward, const real* p, const real* dp, real* dscores, int64_t n, int64_t k,
             int64_t accumulate) {
    int64_t row = row_of_warp(), at = row * k;
    if (row >= n || !dscores) return;
    bool whole = aligned(p, dp, dscores) && k % pack == 0, adds = accumulate & 1;
    if (k <= longest_row && whole) return backward_row<Step<pack>>(p + at, dp + at, dscores + at, k, adds);
    if (k <= longest_row) return backward_row<Step<1>>(p + at, dp + at, dscores + at, k, adds);
    float total = 0;
    each_lane(k, whole, [&](int64_t j, auto step) { total += (step.load(p + at + j) * step.load(dp + at + j)).sum(); });
    float dot = warp_sum(total);
    each_lane(k, whole, [&](int64_t j, auto step) {
        step.put(dscores + at + j, step.load(p + at + j) * (step.load(dp + at + j) - dot), adds);
    });
}
