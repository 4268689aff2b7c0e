#include <algorithm>

#include "cloze/export.h"
#include "cloze/gelu.h"
#include "cloze/gemm.h"
#include "cloze/loop.h"
#include "cloze/threads.h"

// x [n, k], weight [m, k], bias [m]; pre = x weight^T + bias, y = act(pre) [n, m], saved = act'(pre).
// dpre = dy saved in place of dy; dx = dpre weight, dweight = dpre^T x, dbias = the column sums of dpre.
// The activation and its derivative share their expensive part and are computed for each tile of pre in L1. Backward
// multiplies each block of dy by the derivative right before packing it, and sums dbias from the panels packed for
// dweight. None of them needs an extra pass over memory.

using namespace cloze;

namespace {

// f([](vf pre, vf& slope) -> y)
template <class F>
void with_activation(int64_t activation, F&& f) {
    if (activation == 1) f([](vf x, vf& slope) { return gelu_erf(x, slope); });
    if (activation == 2) f([](vf x, vf& slope) { return gelu_tanh(x, slope); });
    // max(x, 0) would lose NaN: the comparison keeps it.
    if (activation == 3)
        f([](vf x, vf& slope) {
            slope = select(x <= 0.f, vf{}, select(x == x, broadcast(1.f), x));
            return select(x <= 0.f, vf{}, x);
        });
    if (activation == 4)
        f([](vf x, vf& slope) {
            vf y = tanh(x);
            slope = 1.f - y * y;
            return y;
        });
}

// f(offset, step) over a rectangle of [n, m]
template <class F>
CLOZE_INLINE void rectangle(int64_t m, int64_t row, int64_t column, int64_t rows, int64_t columns, F&& f) {
    for (int64_t i = row; i < row + rows; i++) each(i * m + column, i * m + column + columns, f);
}

struct Activated {
    float *y, *saved;  // saved is null if y holds pre
    int64_t m, activation;
};

// y = act(pre), saved = act'(pre)
void activate(const void* context, int64_t row, int64_t column, int64_t rows, int64_t columns) {
    auto [y, saved, m, activation] = *static_cast<const Activated*>(context);
    with_activation(activation, [=, y = y, saved = saved, m = m](auto act) {
        auto both = [=](int64_t i, auto step) {
            vf slope;
            step.store(y + i, act(step.load(saved + i), slope));
            step.store(saved + i, slope);
        };
        auto value = [=](int64_t i, auto step) {
            vf slope;
            step.store(y + i, act(step.load(y + i), slope));
        };
        saved ? rectangle(m, row, column, rows, columns, both) : rectangle(m, row, column, rows, columns, value);
    });
}

struct Slopes {
    const float* saved;
    float* dy;
    int64_t m;
};

// dy *= saved
void times_slope(const void* context, int64_t row, int64_t column, int64_t rows, int64_t columns) {
    auto [saved, dy, m] = *static_cast<const Slopes*>(context);
    rectangle(m, row, column, rows, columns, [saved = saved, dy = dy](int64_t i, auto step) {
        step.store(dy + i, step.load(dy + i) * step.load(saved + i));
    });
}

}  // namespace

CLOZE_EXPORT int64_t mat_mul_forward(const float* x, const float* weight, const float* bias, float* y, float* saved,
                                     int64_t n, int64_t k, int64_t m, int64_t activation) noexcept try {
    float* sums = saved ? saved : y;
    Activated activated{y, saved, m, activation};
    Product product{n, m, k, x, k, false, weight, k, true, sums, m};
    product.bias = bias;
    if (activation) product.finish = activate, product.context = &activated;
    gemm(product);
    if (!activation && saved)
        parallel_blocks(n, row_block(n, m), [&](int64_t begin, int64_t end) {
            std::copy(saved + begin * m, saved + end * m, y + begin * m);
        });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t mat_mul_backward(const float* x, const float* weight, const float* saved, float* dy, float* dx,
                                      float* dweight, float* dbias, int64_t n, int64_t k, int64_t m, int64_t activation,
                                      int64_t accumulate) noexcept try {
    Slopes slopes{saved, dy, m};
    bool with_dx = dx && n > 0 && k > 0;
    if (activation && !with_dx)
        parallel_blocks(n, row_block(n, m),
                        [&](int64_t begin, int64_t end) { times_slope(&slopes, begin, 0, end - begin, m); });
    if (with_dx) {
        Product product{n, k, m, dy, m, false, weight, k, false, dx, k, (accumulate & 1) != 0};
        if (activation) product.prepare = times_slope, product.context = &slopes, product.prepared = saved;
        gemm(product);
    }
    bool with_dweight = dweight && m > 0 && k > 0;
    if (with_dweight) {
        Product product{m, k, n, dy, m, true, x, k, false, dweight, k, (accumulate & 2) != 0};
        product.row_sums = dbias;
        product.add_row_sums = (accumulate & 4) != 0;
        gemm(product);
    }
    if (dbias && !with_dweight) column_sums(dy, n, m, m, dbias, (accumulate & 4) != 0);
    return ok;
}
CLOZE_CATCH
