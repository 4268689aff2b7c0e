#include "cloze/gathered.cuh"
#include "cloze/gemm.cuh"

// x, dx [b, t, 4 hidden] in the order i, f, g, o; y, dy [b, t, hidden]; h, c
// and the last of them [b, hidden]; weight [4 hidden, hidden]. gates are what x
// was after its activations, in float like the cells: slopes such as 1 - g^2
// would lose their digits in bf16. dx, or scratch where something has arrived
// in dx, is the gradient of the gates. A launch a token. The product of a token
// has the four gates of a unit side by side, so that who has their sums goes on
// with the cell.

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

// Row (b, token) is what the token sees of y.
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

// In dx, or before the gradient of the cell, which is all of scratch else.
struct Gradients {
    real *gates;
    float *cell;

    CLOZE_DEVICE Gradients(real *dx, float *scratch, int64_t size, int64_t accumulate)
        : gates(accumulate & 1 ? reinterpret_cast<real *>(scratch) : dx),
          cell(accumulate & 1 ? scratch + size : scratch) {}
};

}  // namespace

CLOZE_KERNEL(lstm_forward, const real *x, const real *h, const real *c, const real *weight, real *y, real *last_h,
             real *last_c, float *gates, float *cells, int64_t b, int64_t t, int64_t hidden, int64_t token) {
    auto finish = [&](int64_t row, int64_t column, auto, auto sum) {
        int64_t unit = column / 4, at = (row * t + token) * hidden + unit,
                first = (row * t + token) * 4 * hidden + unit;
        auto in = [&](int gate) { return sum.at[gate] + widen(x[first + gate * hidden]); };
        float i = sigmoid(in(0)), f = sigmoid(in(1)), g = tanhf(in(2)), o = sigmoid(in(3));
        float cell = f * (token ? cells[at - hidden] : widen(c[row * hidden + unit])) + i * g;
        cells[at] = cell;
        narrow(o * tanhf(cell), y[at]);
        gates[first] = i, gates[first + hidden] = f;
        gates[first + 2 * hidden] = g, gates[first + 3 * hidden] = o;
        if (token < t - 1) return;
        last_h[row * hidden + unit] = y[at];
        narrow(cell, last_c[row * hidden + unit]);
    };
    Rows<real> before = token ? Rows<real>{y + (token - 1) * hidden, t * hidden} : Rows<real>{h, hidden};
    gemm<Product, 4>(b, 4 * hidden, hidden, before, ByUnits{weight, hidden, aligned(weight) && hidden % pack == 0},
                     false, finish);
}

// From the last token to the first; scratch is the gradient of the cell, [b,
// hidden].
CLOZE_KERNEL(lstm_backward, const real *, const real *c, const real *weight, const real *, float *gates,
             const float *cells, const real *dy, const real *dlast_h, const real *dlast_c, real *dx, real *, real *,
             float *, int64_t b, int64_t t, int64_t hidden, int64_t accumulate, float *scratch, int64_t number) {
    int64_t token = t - 1 - number;
    Gradients gradients(dx, scratch, 4 * b * t * hidden, accumulate);
    real *dgates = gradients.gates;
    auto finish = [&](int64_t row, int64_t unit, auto, auto sum) {
        int64_t at = (row * t + token) * hidden + unit, first = (row * t + token) * 4 * hidden + unit;
        int64_t state = row * hidden + unit;
        float i = gates[first], f = gates[first + hidden], g = gates[first + 2 * hidden], o = gates[first + 3 * hidden];
        float before = token ? cells[at - hidden] : widen(c[state]), squashed = tanhf(cells[at]);
        float dout = sum.at[0] + (dy ? widen(dy[at]) : 0.f);
        float dcell = number ? gradients.cell[state] : dlast_c ? widen(dlast_c[state]) : 0.f;
        if (!number && dlast_h) dout += widen(dlast_h[state]);
        dcell += dout * o * (1.f - squashed * squashed);
        narrow(dcell * g * i * (1.f - i), dgates[first]);
        narrow(dcell * before * f * (1.f - f), dgates[first + hidden]);
        narrow(dcell * i * (1.f - g * g), dgates[first + 2 * hidden]);
        narrow(dout * squashed * o * (1.f - o), dgates[first + 3 * hidden]);
        gradients.cell[state] = dcell * f;
    };
    gemm<Product, 1>(b, hidden, number ? 4 * hidden : 0, Rows<real>{dgates + (token + 1) * 4 * hidden, t * 4 * hidden},
                     Columns<real>{weight, hidden}, false, finish);
}

CLOZE_KERNEL(lstm_backward_state, const real *, const real *, const real *weight, const real *, float *, const float *,
             const real *, const real *, const real *, real *dx, real *dh, real *dc, float *, int64_t b, int64_t t,
             int64_t hidden, int64_t accumulate, float *scratch) {
    Gradients gradients(dx, scratch, 4 * b * t * hidden, accumulate);
    auto finish = [&](int64_t row, int64_t unit, auto step, auto sum) {
        int64_t state = row * hidden + unit;
        if (dh) step.put(dh + state, sum, accumulate & 2);
        if (dc) step.put(dc + state, step.load(gradients.cell + state), accumulate & 4);
    };
    gemm<Product>(b, hidden, 4 * hidden, Rows<real>{gradients.gates, t * 4 * hidden}, Columns<real>{weight, hidden},
                  aligned(dh, dc, gradients.cell), finish);
}

CLOZE_KERNEL(lstm_backward_weight, const real *h, const real *, const real *, const real *y, float *, const float *,
             const real *, const real *, const real *, real *dx, real *, real *, float *dweight, int64_t b, int64_t t,
             int64_t hidden, int64_t accumulate, float *scratch) {
    if (!dweight) return;
    Gradients gradients(dx, scratch, 4 * b * t * hidden, accumulate);
    auto finish = [&](int64_t row, int64_t column, auto step, auto sum) {
        step.put(dweight + row * hidden + column, sum, accumulate & 8);
    };
    gemm<Product>(4 * hidden, hidden, b * t, Columns<real>{gradients.gates, 4 * hidden},
                  Previous{y, h, t, hidden, aligned(y, h) && hidden % pack == 0}, aligned(dweight), finish);
}

CLOZE_KERNEL(lstm_backward_input, const real *, const real *, const real *, const real *, float *, const float *,
             const real *, const real *, const real *, real *dx, real *, real *, float *, int64_t b, int64_t t,
             int64_t hidden, int64_t accumulate, float *scratch) {
    if (!dx || !(accumulate & 1)) return;
    auto from = reinterpret_cast<const real *>(scratch);
    each(b * t * 4 * hidden, aligned(from, dx),
         [&](int64_t i, auto step) { step.put(dx + i, step.load(from + i), true); });
}
