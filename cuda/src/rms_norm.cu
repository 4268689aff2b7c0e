#include "cloze/norm.cuh"

// x, residual, y, sum [n, d], weight [d], rstd [n]; s = x + residual, y = s rstd weight
// rstd = 1 / sqrt(mean(s^2) + epsilon);  dx = rstd (g - h mean(g h)), g = dy weight, h = s rstd; dweight = sum dy h
// Moves as many bytes as layer_norm.cu.

using namespace cloze;

CLOZE_KERNEL(rms_norm_forward, const real* x, const real* residual, const float* weight, real* y, real* sum,
             float* rstd, int64_t n, int64_t d, float epsilon) {
    norm_forward<false>({x, residual, weight, nullptr, y, sum, nullptr, rstd, n, d, epsilon});
}

CLOZE_BOUNDED_KERNEL(rms_norm_backward, 256, norm_blocks, const real* s, const float* weight, const float* rstd,
                     const real* dy, const real* dsum, real* dx, float*, int64_t n, int64_t d, int64_t accumulate,
                     float* scratch) {
    norm_backward<false>({s, weight, nullptr, rstd, dy, dsum, dx, n, d, (accumulate & 1) != 0, scratch});
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
    if (dweight) reduce_chunks<1>(norm_chunks(n, d), d, scratch, 0, dweight, accumulate & 2);
}
