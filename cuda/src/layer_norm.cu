#include "cloze/columns.cuh"

// x, residual, y, sum [n, d], weight, bias [d], mean, rstd [n]; s = x + residual, y = (s - mean) rstd weight + bias
// dx = rstd (g - mean(g) - h mean(g h)), g = dy weight, h = (s - mean) rstd; dweight = sum dy h, dbias = sum dy
//
// A warp a row; after the first pass the row is in the first cache. bf16 moves 4 bytes an element forward, 8 with a
// residual, and 10 backward: 6 for dx, 4 for the column sums.

using namespace cloze;

CLOZE_KERNEL(layer_norm_forward, const real* x, const real* residual, const float* weight, const float* bias, real* y,
             real* sum, float* mean, float* rstd, int64_t n, int64_t d, float epsilon) {
    int64_t row = row_of_warp();
    if (row >= n) return;
    bool whole = aligned(x, residual, weight, bias, y, sum) && d % pack == 0;
    const real* s = x + row * d;
    float total = 0;
    if (residual) {
        const real* other = residual + row * d;
        real* to = sum + row * d;
        each_lane(d, whole, [&](int64_t i, auto step) { step.store(to + i, step.load(s + i) + step.load(other + i)); });
        s = to;  // as stored: backward reads it so; a lane reads what it wrote itself
    }
    each_lane(d, whole, [&](int64_t i, auto step) { total += step.load(s + i).sum(); });
    float average = warp_sum(total) / float(d), square = 0;
    // a second pass: E[s^2] - mean^2 cancels where the mean is large
    each_lane(d, whole, [&](int64_t i, auto step) {
        auto centred = step.load(s + i) - average;
        square += (centred * centred).sum();
    });
    float scale = 1.f / sqrtf(warp_sum(square) / float(d) + epsilon);
    if (lane_of_warp() == 0) mean[row] = average, rstd[row] = scale;
    real* out = y + row * d;
    each_lane(d, whole, [&](int64_t i, auto step) {
        auto normal = (step.load(s + i) - average) * scale * step.load(weight + i);
        step.store(out + i, bias ? normal + step.load(bias + i) : normal);
    });
}

CLOZE_KERNEL(layer_norm_backward, const real* s, const float* weight, const float* mean, const float* rstd,
             const real* dy, const real* dsum, real* dx, float*, float*, int64_t n, int64_t d, int64_t accumulate,
             float*) {
    int64_t row = row_of_warp();
    if (row >= n || !dx) return;
    bool whole = aligned(s, weight, dy, dsum, dx) && d % pack == 0;
    float average = mean[row], scale = rstd[row], g_sum = 0, gh_sum = 0;
    int64_t at = row * d;
    each_lane(d, whole, [&](int64_t i, auto step) {
        auto g = step.load(dy + at + i) * step.load(weight + i);
        g_sum += g.sum();
        gh_sum += (g * ((step.load(s + at + i) - average) * scale)).sum();
    });
    float g_mean = warp_sum(g_sum) / float(d), gh_mean = warp_sum(gh_sum) / float(d);
    each_lane(d, whole, [&](int64_t i, auto step) {
        auto h = (step.load(s + at + i) - average) * scale;
        auto back = (step.load(dy + at + i) * step.load(weight + i) - g_mean - h * gh_mean) * scale;
        if (dsum) back = back + step.load(dsum + at + i);
        step.put(dx + at + i, back, accumulate & 1);
    });
}

CLOZE_KERNEL(layer_norm_backward_columns, const real* s, const float*, const float* mean, const float* rstd,
             const real* dy, const real*, real*, float* dweight, float* dbias, int64_t n, int64_t d, int64_t,
             float* scratch) {
    if (!dweight && !dbias) return;
    column_partials<2>(n, d, aligned(s, dy), scratch, [&](int64_t at, int64_t row, auto step, auto& sum) {
        auto out = step.load(dy + at);
        sum[0] = sum[0] + out * ((step.load(s + at) - mean[row]) * rstd[row]);
        sum[1] = sum[1] + out;
    });
}

CLOZE_KERNEL(layer_norm_backward_reduce, const real*, const float*, const float*, const float*, const real*,
             const real*, real*, float* dweight, float* dbias, int64_t n, int64_t d, int64_t accumulate,
             float* scratch) {
    if (dweight) reduce_columns<2>(n, d, scratch, 0, dweight, accumulate & 2);
    if (dbias) reduce_columns<2>(n, d, scratch, 1, dbias, accumulate & 4);
}
