#include "cloze/columns.cuh"
#include "cloze/gathered.cuh"
#include "cloze/gemm.cuh"

// x [b, t, in]; y, dy [b, t, hidden]; h, c and the last of them [b, hidden];
// input_weight [4 hidden, in], hidden_weight [4 hidden, hidden], bias [4
// hidden] or null, in the order i, f, g, o. kept is gates [b, t, 4 hidden] and
// then cells [b, t, hidden], in float: slopes such as 1 - g^2 would lose their
// digits in bf16. The first launch writes the input's part of the gates, one matrix multiplication for all tokens. Then
// a launch for each token multiplies the state and applies the activations: the four gates of a unit are neighbours in
// its result, so that the thread with their sums computes the cell.

using namespace cloze;

#if defined(CLOZE_BF16)
using Product = TensorSums<bf16>;
#elif defined(CLOZE_TF32)
using Product = TensorSums<float>;
#else
using Product = ExactSums;
#endif

namespace {

CLOZE_DEVICE float sigmoid(float x) {
    return 1.f / (1.f + expf(-x));
}

// Row (unit, gate) is that of the weight.
struct ByUnits {
    static constexpr bool along_k = true;
    using Element = real;
    using Source = GatheredPanel<ByUnits>;
    using Row = const real *;
    using Place = int64_t;

    const real *weight;
    int64_t hidden;
    bool whole;

    CLOZE_DEVICE Row row(int64_t j) const { return weight + (j % 4 * hidden + j / 4) * hidden; }
    CLOZE_DEVICE Place place(int64_t k) const { return k; }
    CLOZE_DEVICE const real *at(Row row, Place place) const { return row + place; }
    CLOZE_DEVICE const real *start() const { return weight; }
};

// Row (b, token) is the state before the token: y of the token before it, or h.
struct Previous {
    static constexpr bool along_k = false;
    using Element = real;
    using Source = GatheredPanel<Previous>;
    using Row = const real *;
    using Place = int64_t;

    const real *y, *h;
    int64_t t, hidden;
    bool whole;

    CLOZE_DEVICE Row row(int64_t i) const { return i % t ? y + (i - 1) * hidden : h + i / t * hidden; }
    CLOZE_DEVICE Place place(int64_t j) const { return j; }
    CLOZE_DEVICE const real *at(Row row, Place place) const { return row + place; }
    CLOZE_DEVICE const real *start() const { return h; }
};

struct Kept {
    float *gates, *cells;

    CLOZE_DEVICE Kept(float *kept, int64_t b, int64_t t, int64_t hidden)
        : gates(kept), cells(kept + 4 * b * t * hidden) {}
};

// The scratch of backward: the gradients of the sums of gates, that of the cell [b, hidden], and sums for the bias.
struct Gradients {
    real *gates;
    float *cell, *sums;

    CLOZE_DEVICE Gradients(float *scratch, int64_t b, int64_t t, int64_t hidden)
        : gates(reinterpret_cast<real *>(scratch)),
          cell(reinterpret_cast<float *>(gates + 4 * b * t * hidden)),
          sums(cell + b * hidden) {}
};

}  // namespace

CLOZE_KERNEL(lstm_forward_input, const real *x, const real *, const real *, const real *input_weight, const real *,
             const float *bias, real *, real *, real *, float *kept, int64_t b, int64_t t, int64_t in, int64_t hidden) {
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        if (bias) sum = sum + step.load(bias + column);
        step.store(kept + row * 4 * hidden + column, sum);
    };
    gemm<Product>(b * t, 4 * hidden, in, Rows<real>{x, in}, Rows<real>{input_weight, in}, aligned(bias, kept), finish);
}

CLOZE_KERNEL(lstm_forward, const real *, const real *h, const real *c, const real *, const real *hidden_weight,
             const float *, real *y, real *last_h, real *last_c, float *kept, int64_t b, int64_t t, int64_t,
             int64_t hidden, int64_t token) {
    Kept all(kept, b, t, hidden);
    auto finish = [&](int64_t row, int64_t column, auto, auto sum) {
        int64_t unit = column / 4, at = (row * t + token) * hidden + unit,
                first = (row * t + token) * 4 * hidden + unit;
        auto in = [&](int gate) { return sum.at[gate] + all.gates[first + gate * hidden]; };
        float i = sigmoid(in(0)), f = sigmoid(in(1)), g = tanhf(in(2)), o = sigmoid(in(3));
        float cell = f * (token ? all.cells[at - hidden] : widen(c[row * hidden + unit])) + i * g;
        all.cells[at] = cell;
        narrow(o * tanhf(cell), y[at]);
        all.gates[first] = i, all.gates[first + hidden] = f;
        all.gates[first + 2 * hidden] = g, all.gates[first + 3 * hidden] = o;
        if (token < t - 1) return;
        last_h[row * hidden + unit] = y[at];
        narrow(cell, last_c[row * hidden + unit]);
    };
    Rows<real> before = token ? Rows<real>{y + (token - 1) * hidden, t * hidden} : Rows<real>{h, hidden};
    gemm<Product, 4>(b, 4 * hidden, hidden, before,
                     ByUnits{hidden_weight, hidden, aligned(hidden_weight) && hidden % pack == 0}, false, finish);
}

// From the last token to the first.
CLOZE_KERNEL(lstm_backward, const real *, const real *, const real *c, const real *, const real *hidden_weight,
             const float *, const real *, const float *kept, const real *dy, const real *dlast_h, const real *dlast_c,
             real *, real *, real *, float *, float *, float *, int64_t b, int64_t t, int64_t, int64_t hidden, int64_t,
             float *scratch, int64_t number) {
    int64_t token = t - 1 - number;
    const float *gates = kept, *cells = kept + 4 * b * t * hidden;
    Gradients to(scratch, b, t, hidden);
    auto finish = [&](int64_t row, int64_t unit, auto, auto sum) {
        int64_t at = (row * t + token) * hidden + unit, first = (row * t + token) * 4 * hidden + unit;
        int64_t state = row * hidden + unit;
        float i = gates[first], f = gates[first + hidden], g = gates[first + 2 * hidden], o = gates[first + 3 * hidden];
        float before = token ? cells[at - hidden] : widen(c[state]), squashed = tanhf(cells[at]);
        float dout = sum.at[0] + (dy ? widen(dy[at]) : 0.f);
        float dcell = number ? to.cell[state] : dlast_c ? widen(dlast_c[state]) : 0.f;
        if (!number && dlast_h) dout += widen(dlast_h[state]);
        dcell += dout * o * (1.f - squashed * squashed);
        narrow(dcell * g * i * (1.f - i), to.gates[first]);
        narrow(dcell * before * f * (1.f - f), to.gates[first + hidden]);
        narrow(dcell * i * (1.f - g * g), to.gates[first + 2 * hidden]);
        narrow(dout * squashed * o * (1.f - o), to.gates[first + 3 * hidden]);
        to.cell[state] = dcell * f;
    };
    gemm<Product, 1>(b, hidden, number ? 4 * hidden : 0,
                     Rows<real>{to.gates + (token + 1) * 4 * hidden, t * 4 * hidden},
                     Columns<real>{hidden_weight, hidden}, false, finish);
}

CLOZE_KERNEL(lstm_backward_state, const real *, const real *, const real *, const real *, const real *hidden_weight,
             const float *, const real *, const float *, const real *, const real *, const real *, real *, real *dh,
             real *dc, float *, float *, float *, int64_t b, int64_t t, int64_t, int64_t hidden, int64_t accumulate,
             float *scratch) {
    Gradients from(scratch, b, t, hidden);
    auto finish = [&](int64_t row, int64_t unit, auto step, auto sum) {
        int64_t state = row * hidden + unit;
        if (dh) step.put(dh + state, sum, accumulate & 2);
        if (dc) step.put(dc + state, step.load(from.cell + state), accumulate & 4);
    };
    gemm<Product>(b, hidden, 4 * hidden, Rows<real>{from.gates, t * 4 * hidden}, Columns<real>{hidden_weight, hidden},
                  aligned(dh, dc, from.cell), finish);
}

CLOZE_KERNEL(lstm_backward_hidden_weight, const real *, const real *h, const real *, const real *, const real *,
             const float *, const real *y, const float *, const real *, const real *, const real *, real *, real *,
             real *, float *, float *dhidden_weight, float *, int64_t b, int64_t t, int64_t, int64_t hidden,
             int64_t accumulate, float *scratch) {
    if (!dhidden_weight) return;
    Gradients from(scratch, b, t, hidden);
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        step.put(dhidden_weight + row * hidden + column, sum, accumulate & 16);
    };
    gemm<Product>(4 * hidden, hidden, b * t, Columns<real>{from.gates, 4 * hidden},
                  Previous{y, h, t, hidden, aligned(y, h) && hidden % pack == 0}, aligned(dhidden_weight), finish);
}

CLOZE_KERNEL(lstm_backward_input, const real *, const real *, const real *, const real *input_weight, const real *,
             const float *, const real *, const float *, const real *, const real *, const real *, real *dx, real *,
             real *, float *, float *, float *, int64_t b, int64_t t, int64_t in, int64_t hidden, int64_t accumulate,
             float *scratch) {
    if (!dx) return;
    Gradients from(scratch, b, t, hidden);
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        step.put(dx + row * in + column, sum, accumulate & 1);
    };
    gemm<Product>(b * t, in, 4 * hidden, Rows<real>{from.gates, 4 * hidden}, Columns<real>{input_weight, in},
                  aligned(dx), finish);
}

CLOZE_KERNEL(lstm_backward_input_weight, const real *x, const real *, const real *, const real *, const real *,
             const float *, const real *, const float *, const real *, const real *, const real *, real *, real *,
             real *, float *dinput_weight, float *, float *, int64_t b, int64_t t, int64_t in, int64_t hidden,
             int64_t accumulate, float *scratch) {
    if (!dinput_weight) return;
    Gradients from(scratch, b, t, hidden);
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        step.put(dinput_weight + row * in + column, sum, accumulate & 8);
    };
    gemm<Product>(4 * hidden, in, b * t, Columns<real>{from.gates, 4 * hidden}, Columns<real>{x, in},
                  aligned(dinput_weight), finish);
}

CLOZE_KERNEL(lstm_backward_columns, const real *, const real *, const real *, const real *, const real *, const float *,
             const real *, const float *, const real *, const real *, const real *, real *, real *, real *, float *,
             float *, float *dbias, int64_t b, int64_t t, int64_t, int64_t hidden, int64_t, float *scratch) {
    if (!dbias) return;
    Gradients from(scratch, b, t, hidden);
    column_partials<1>(
        b * t, 4 * hidden, aligned(from.gates), from.sums,
        [&](int64_t at, int64_t, auto step, auto &sum) { sum[0] = sum[0] + step.load(from.gates + at); });
}

CLOZE_KERNEL(lstm_backward_reduce, const real *, const real *, const real *, const real *, const real *, const float *,
             const real *, const float *, const real *, const real *, const real *, real *, real *, real *, float *,
             float *, float *dbias, int64_t b, int64_t t, int64_t, int64_t hidden, int64_t accumulate, float *scratch) {
    if (dbias) reduce_columns<1>(b * t, 4 * hidden, Gradients(scratch, b, t, hidden).sums, 0, dbias, accumulate & 32);
}
