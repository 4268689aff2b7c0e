#include "cloze/activation.cuh"
#include "cloze/columns.cuh"
#include "cloze/gemm.cuh"

// x [n, k], weight [m, k], bias [m]; pre = x weight^T + bias, y = act(pre) [n, m].
// dpre = dy act'(pre) in place of dy; dx = dpre weight, dweight = dpre^T x, dbias = the column sums of dpre.

using namespace cloze;

CLOZE_KERNEL(mat_mul_forward, const real* x, const real* weight, const float* bias, real* y, real* pre, int64_t n,
             int64_t k, int64_t m, int64_t activation) {
    gemm<real>(n, m, k, {x, k, 1}, {weight, k, 1}, [&](int64_t row, int64_t column, float sum) {
        if (bias) sum += bias[column];
        if (pre) narrow(sum, pre[row * m + column]);
        narrow(activate(activation, sum), y[row * m + column]);
    });
}

CLOZE_KERNEL(mat_mul_backward, const real*, const real*, const real* pre, real* dy, real*, float*, float*, int64_t n,
             int64_t, int64_t m, int64_t activation, int64_t, float*) {
    if (!activation) return;
    each(n * m, aligned(pre, dy), [&](int64_t i, auto step) {
        auto back = step.load(pre + i).map([=](float v) { return slope(activation, v); });
        step.store(dy + i, step.load(dy + i) * back);
    });
}

CLOZE_KERNEL(mat_mul_backward_input, const real*, const real* weight, const real*, real* dy, real* dx, float*, float*,
             int64_t n, int64_t k, int64_t m, int64_t, int64_t accumulate, float*) {
    if (!dx) return;
    gemm<real>(n, k, m, {dy, m, 1}, {weight, 1, k}, [&](int64_t row, int64_t column, float sum) {
        real* to = dx + row * k + column;
        narrow(accumulate & 1 ? widen(*to) + sum : sum, *to);
    });
}

CLOZE_KERNEL(mat_mul_backward_weight, const real* x, const real*, const real*, real* dy, real*, float* dweight, float*,
             int64_t n, int64_t k, int64_t m, int64_t, int64_t accumulate, float*) {
    if (!dweight) return;
    gemm<real>(m, k, n, {dy, 1, m}, {x, 1, k}, [&](int64_t row, int64_t column, float sum) {
        float* to = dweight + row * k + column;
        *to = accumulate & 2 ? *to + sum : sum;
    });
}

CLOZE_KERNEL(mat_mul_backward_columns, const real*, const real*, const real*, real* dy, real*, float*, float* dbias,
             int64_t n, int64_t, int64_t m, int64_t, int64_t, float* scratch) {
    if (!dbias) return;
    column_partials<1>(n, m, scratch, [&](int64_t at, int64_t, int64_t, float(&sum)[1]) { sum[0] += widen(dy[at]); });
}

CLOZE_KERNEL(mat_mul_backward_reduce, const real*, const real*, const real*, real*, real*, float*, float* dbias,
             int64_t n, int64_t, int64_t m, int64_t, int64_t accumulate, float* scratch) {
    if (dbias) reduce_columns<1>(n, m, scratch, 0, dbias, accumulate & 4);
}
