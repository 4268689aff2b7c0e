#include "cloze/columns.cuh"

// x, residual, y, sum [n, d], weight [d], rstd [n]; s = x + residual, y = s rstd weight
// rstd = 1 / sqrt(mean(s^2) + epsilon);  dx = rstd (g - h mean(g h)), g = dy weight, h = s rstd; dweight = sum dy h
// A warp a row, as in layer_norm.cu.

using namespace cloze;

CLOZE_KERNEL(rms_norm_forward, const real* x, const real* residual, const float* weight, real* y, real* sum,
             float* rstd, int64_t n, int64_t d, float epsilon) {
    int64_t row = row_of_warp();
    if (row >= n) return;
    bool whole = aligned(x, residual, weight, y, sum) && d % pack == 0;
    const real* s = x + row * d;
    if (residual) {
        const real* other = residual + row * d;
        real* to = sum + row * d;
        each_lane(d, whole, [&](int64_t i, auto step) { step.store(to + i, step.load(s + i) + step.load(other + i)); });
        s = to;
    }
    float square = 0;
    each_lane(d, whole, [&](int64_t i, auto step) {
        auto value = step.load(s + i);
        square += (value * value).sum();
    });
    float scale = 1.f / sqrtf(warp_sum(square) / float(d) + epsilon);
    if (lane_of_warp() == 0) rstd[row] = scale;
    real* out = y + row * d;
    each_lane(d, whole,
              [&](int64_t i, auto step) { step.store(out + i, step.load(s + i) * scale * step.load(weight + i)); });
}

CLOZE_KERNEL(rms_norm_backward, const real* s, const float* weight, const float* rstd, const real* dy, const real* dsum,
             real* dx, float*, int64_t n, int64_t d, int64_t accumulate, float*) {
    int64_t row = row_of_warp(), at = row * d;
    if (row >= n || !dx) return;
    bool whole = aligned(s, weight, dy, dsum, dx) && d % pack == 0;
    float scale = rstd[row], total = 0;
    each_lane(d, whole, [&](int64_t i, auto step) {
        total += (step.load(dy + at + i) * step.load(weight + i) * (step.load(s + at + i) * scale)).sum();
    });
    float back = warp_sum(total) / float(d) * scale;
    each_lane(d, whole, [&](int64_t i, auto step) {
        auto value = (step.load(dy + at + i) * step.load(weight + i) - step.load(s + at + i) * back) * scale;
        if (dsum) value = value + step.load(dsum + at + i);
        step.put(dx + at + i, value, accumulate & 1);
    });
}

CLOZE_KERNEL(rms_norm_backward_columns, const real* s, const float*, const float* rstd, const real* dy, const real*,
             real*, float* dweight, int64_t n, int64_t d, int64_t, float* scratch) {
    if (!dweight) return;
    column_partials<1>(n, d, aligned(s, dy), scratch, [&](int64_t at, int64_t row, auto step, auto& sum) {
        sum[0] = sum[0] + step.load(dy + at) * (step.load(s + at) * rstd[row]);
    });
}

CLOZE_KERNEL(rms_norm_backward_reduce, const real*, const float*, const float*, const real*, const real*, real*,
             float* dweight, int64_t n, int64_t d, int64_t accumulate, float* scratch) {
    if (dweight) reduce_columns<1>(n, d, scratch, 0, dweight, accumulate & 2);
}
