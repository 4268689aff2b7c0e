#include "cloze/activation.cuh"
#include "cloze/columns.cuh"
#include "cloze/gemm.cuh"

// x [n, k], weight [m, k], bias [m]; pre = x weight^T + bias, y = act(pre) [n, m].
// dpre = dy act'(pre) in place of dy; dx = dpre weight, dweight = dpre^T x, dbias = the column sums of dpre.

using namespace cloze;

#if defined(CLOZE_BF16)
using Product = TensorSums<bf16>;
#elif defined(CLOZE_TF32)
using Product = TensorSums<float>;
#else
using Product = ExactSums;
#endif

CLOZE_KERNEL(mat_mul_forward, const real* x, const real* weight, const float* bias, real* y, real* pre, int64_t n,
             int64_t k, int64_t m, int64_t activation) {
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        if (bias) sum = sum + step.load(bias + column);
        if (pre) step.store(pre + row * m + column, sum);
        step.store(y + row * m + column, sum.map([=](float v) { return activate(activation, v); }));
    };
    gemm<Product>(n, m, k, Rows<real>{x, k}, Rows<real>{weight, k}, aligned(bias, y, pre), finish);
}

CLOZE_KERNEL(mat_mul_backward, const real*, const real*, const real* pre, real* dy, real*, float*, float*, int64_t n,
             int64_t, int64_t m, int64_t activation, int64_t, float*) {
    with_activation(activation, [&](auto, auto slope) {
        each(n * m, aligned(pre, dy),
             [&](int64_t i, auto step) { step.store(dy + i, step.load(dy + i) * step.load(pre + i).map(slope)); });
    });
}

CLOZE_KERNEL(mat_mul_backward_input, const real*, const real* weight, const real*, real* dy, real* dx, float*, float*,
             int64_t n, int64_t k, int64_t m, int64_t, int64_t accumulate, float*) {
    if (!dx) return;
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        step.put(dx + row * k + column, sum, accumulate & 1);
    };
    gemm<Product>(n, k, m, Rows<real>{dy, m}, Columns<real>{weight, k}, aligned(dx), finish);
}

CLOZE_KERNEL(mat_mul_backward_weight, const real* x, const real*, const real*, real* dy, real*, float* dweight, float*,
             int64_t n, int64_t k, int64_t m, int64_t, int64_t accumulate, float*) {
    if (!dweight) return;
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        step.put(dweight + row * k + column, sum, accumulate & 2);
    };
    gemm<Product>(m, k, n, Columns<real>{dy, m}, Columns<real>{x, k}, aligned(dweight), finish);
}

CLOZE_KERNEL(mat_mul_backward_columns, const real*, const real*, const real*, real* dy, real*, float*, float* dbias,
             int64_t n, int64_t, int64_t m, int64_t, int64_t, float* scratch) {
    if (!dbias) return;
    column_partials<1>(n, m, aligned(dy), scratch,
                       [&](int64_t at, int64_t, auto step, auto& sum) { sum[0] = sum[0] + step.load(dy + at); });
}

CLOZE_KERNEL(mat_mul_backward_reduce, const real*, const real*, const real*, real*, real*, float*, float* dbias,
             int64_t n, int64_t, int64_t m, int64_t, int64_t accumulate, float* scratch) {
    if (dbias) reduce_columns<1>(n, m, scratch, 0, dbias, accumulate & 4);
}
