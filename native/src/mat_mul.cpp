#include <algorithm>

#include "cloze/export.h"
#include "cloze/gelu.h"
#include "cloze/gemm.h"
#include "cloze/threads.h"

// x [n, k], weight [m, k], bias [m]; pre = x weight^T + bias, y = act(pre) [n, m].
// dpre = dy act'(pre) in place of dy; dx = dpre weight, dweight = dpre^T x, dbias = the column sums of dpre.
// The activation runs on each tile of pre in the first cache, its slope on each block of dy right before that is
// packed, and dbias on the panels packed for dweight: no pass over memory is theirs alone.

using namespace cloze;

namespace {

constexpr int64_t row_block = 64;

// f([](vf pre) -> y, [](vf pre) -> dy/dpre)
template <class F>
void with_activation(int64_t activation, F&& f) {
    if (activation == 1) f([](vf x) { return gelu_erf(x); }, [](vf x) { return gelu_erf_slope(x); });
    if (activation == 2) f([](vf x) { return gelu_tanh(x); }, [](vf x) { return gelu_tanh_slope(x); });
    // max(x, 0) would lose NaN: the comparison keeps it.
    if (activation == 3)
        f([](vf x) { return select(x <= 0.f, vf{}, x); },
          [](vf x) { return select(x <= 0.f, vf{}, select(x == x, broadcast(1.f), x)); });
    if (activation == 4)
        f([](vf x) { return tanh(x); },
          [](vf x) {
              vf y = tanh(x);
              return 1.f - y * y;
          });
}

struct Activated {
    const float* pre;
    float* out;  // y, or dy and dpre
    int64_t m, activation;
};

// out = f(out, pre) on a rectangle of [n, m].
template <class F>
void rectangle(const Activated& x, int64_t row, int64_t column, int64_t rows, int64_t columns, F f) {
    for (int64_t i = row; i < row + rows; i++) {
        const float* pre = x.pre + i * x.m + column;
        float* out = x.out + i * x.m + column;
        int64_t j = 0;
        for (; j + lanes <= columns; j += lanes) store(out + j, f(out + j, load(pre + j), int64_t{lanes}));
        if (int64_t rest = columns - j) store(out + j, f(out + j, load(pre + j, rest), rest), rest);
    }
}

void activate(const void* context, int64_t row, int64_t column, int64_t rows, int64_t columns) {
    auto& x = *static_cast<const Activated*>(context);
    with_activation(x.activation, [&](auto value, auto) {
        rectangle(x, row, column, rows, columns, [&](const float*, vf pre, int64_t) { return value(pre); });
    });
}

void times_slope(const void* context, int64_t row, int64_t column, int64_t rows, int64_t columns) {
    auto& x = *static_cast<const Activated*>(context);
    with_activation(x.activation, [&](auto, auto slope) {
        rectangle(x, row, column, rows, columns, [&](const float* dy, vf pre, int64_t count) {
            return (count == lanes ? load(dy) : load(dy, count)) * slope(pre);
        });
    });
}

}  // namespace

CLOZE_EXPORT void mat_mul_forward(const float* x, const float* weight, const float* bias, float* y, float* pre,
                                  int64_t n, int64_t k, int64_t m, int64_t activation) {
    float* sums = pre ? pre : y;
    Activated activated{sums, y, m, activation};
    Product product{n, m, k, x, k, false, weight, k, true, sums, m};
    product.bias = bias;
    if (activation) product.finish = activate, product.context = &activated;
    gemm(product);
    if (!activation && pre)
        parallel_blocks(n, row_block,
                        [&](int64_t begin, int64_t end) { std::copy(pre + begin * m, pre + end * m, y + begin * m); });
}

CLOZE_EXPORT void mat_mul_backward(const float* x, const float* weight, const float* pre, float* dy, float* dx,
                                   float* dweight, float* dbias, int64_t n, int64_t k, int64_t m, int64_t activation,
                                   int64_t accumulate) {
    Activated activated{pre, dy, m, activation};
    bool with_dx = dx && n > 0 && k > 0;
    if (activation && !with_dx)
        parallel_blocks(n, row_block,
                        [&](int64_t begin, int64_t end) { times_slope(&activated, begin, 0, end - begin, m); });
    if (with_dx) {
        Product product{n, k, m, dy, m, false, weight, k, false, dx, k, (accumulate & 1) != 0};
        if (activation) product.prepare = times_slope, product.context = &activated, product.prepared = pre;
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
}
