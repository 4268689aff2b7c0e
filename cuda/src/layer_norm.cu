#include "cloze/norm.cuh"

// x, residual, y, sum [n, d], weight, bias [d], mean, rstd [n]; s = x + residual, y = (s - mean) rstd weight + bias
// dx = rstd (g - mean(g) - h mean(g h)), g = dy weight, h = (s - mean) rstd; dweight = sum dy h, dbias = sum dy
//
// bf16 moves 4 bytes an element forward, 8 with a residual, and 6 backward; 10 for long rows, see norm.cuh.

using namespace cloze;

CLOZE_KERNEL(layer_norm_forward, const real* x, const real* residual, const float* weight, const float* bias, real* y,
             real* sum, float* mean, float* rstd, int64_t n, int64_t d, float epsilon) {
    norm_forward<true>({x, residual, weight, bias, y, sum, mean, rstd, n, d, epsilon});
}

CLOZE_BOUNDED_KERNEL(layer_norm_backward, 256, norm_blocks, const real* s, const float* weight, const float* mean,
                     const float* rstd, const real* dy, const real* dsum, real* dx, float*, float*, int64_t n,
                     int64_t d, int64_t accumulate, float* scratch) {
    norm_backward<true>({s, weight, mean, rstd, dy, dsum, dx, n, d, (accumulate & 1) != 0, scratch});
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
    if (dweight) reduce_chunks<2>(norm_chunks(n, d), d, scratch, 0, dweight, accumulate & 2);
    if (dbias) reduce_chunks<2>(norm_chunks(n, d), d, scratch, 1, dbias, accumulate & 4);
}
