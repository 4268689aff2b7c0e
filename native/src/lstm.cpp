#include <cstdio>
#include <cstdlib>

#include "cloze/export.h"
#include "cloze/gemm_parts.h"
#include "cloze/loop.h"

// x [b, t, in]; y [b, t, hidden]; h, c and the last of them [b, hidden]; input_weight [4 hidden, in], hidden_weight [4
// hidden, hidden], bias [4 hidden] or null, in the order i, f, g, o. kept is gates [b, t, 4 hidden] and then cells [b,
// t, hidden]. gates hold first the input's part of the sums, then the activations, in backward the gradients of the
// sums. The input's part is one matrix multiplication for all tokens. Then a task owns some columns of the hidden state
// for all rows: it multiplies them and computes their gates while the sums are in the cache, so a token is one parallel
// loop. The weight is packed once for all tokens.

using namespace cloze;

namespace {

constexpr int64_t k_block = 384, rows_at_once = 16 * parts::tile_rows;

float* buffer(Slot slot, int64_t floats) {
    float* memory = scratch(slot, size_t(floats + lanes));
    if (memory) return memory;
    std::fputs("cloze: no memory left for an LSTM\n", stderr);
    std::abort();
}

// Panels of the width of a tile over all k: either the four gates of some columns together, or one matrix.
struct Panels {
    int64_t hidden, k, gates;
    float* memory = buffer(Slot::weights, parts::round_up(hidden, parts::tile_columns) * gates * k);

    int64_t count() const { return parts::ceil_div(hidden, parts::tile_columns); }
    int64_t width(int64_t panel) const {
        return std::min<int64_t>(parts::tile_columns, hidden - panel * parts::tile_columns);
    }
    float* at(int64_t panel, int64_t gate, int64_t k_at) const {
        return memory + ((panel * gates + gate) * k + k_at) * parts::tile_columns;
    }

    // true if rows of weight are columns of the result
    void pack(const float* weight, bool transposed) const {
        parallel(count(), [&](int64_t panel) {
            int64_t column = panel * parts::tile_columns;
            for (int64_t gate = 0; gate < gates; gate++)
                for (int64_t at = 0; at < k; at += k_block) {
                    int64_t depth = std::min(k_block, k - at), first = gate * hidden + column;
                    const float* from = weight + (transposed ? first * hidden + at : at * hidden + column);
                    parts::pack_b(from, hidden, !transposed, width(panel), depth, this->at(panel, gate, at));
                }
        });
    }

    // c [rows, ..] (+)= a [rows, k] times panels [first, end); gates are `hidden` apart in c.
    void multiply(const float* a, int64_t lda, int64_t rows, int64_t first, int64_t end, float* c, int64_t ldc,
                  bool add) const {
        float* packed = buffer(Slot::gemm_a, parts::round_up(std::min(rows, rows_at_once), parts::tile_rows) * k_block);
        for (int64_t row = 0; row < rows; row += rows_at_once)
            for (int64_t at = 0; at < k; at += k_block) {
                int64_t count = std::min(rows_at_once, rows - row), depth = std::min(k_block, k - at);
                parts::pack_a(a + row * lda + at, lda, false, count, depth, packed);
                for (int64_t panel = first; panel < end; panel++)
                    for (int64_t gate = 0; gate < gates; gate++)
                        parts::multiply({count, width(panel), depth, packed, this->at(panel, gate, at), nullptr,
                                         c + row * ldc + gate * hidden + panel * parts::tile_columns, ldc,
                                         add || at > 0, nullptr, 0, 0});
            }
    }

    // f(first, end) for tasks of panels, each of about a million multiply-adds.
    template <class F>
    void each_task(int64_t rows, F&& f) const {
        parallel_blocks(count(), std::max<int64_t>(1, (1 << 20) / (rows * gates * k * parts::tile_columns + 1)), f);
    }

    int64_t column(int64_t panel) const { return std::min(panel * parts::tile_columns, hidden); }
};

struct Sequence {
    const float *h, *c;  // before the first token
    int64_t b, t, hidden;

    // The rows of the previous token's state, and the stride between them.
    const float* before(const float* all, const float* first, int64_t token) const {
        return token > 0 ? all + (token - 1) * hidden : first;
    }
    int64_t apart(int64_t token) const { return token > 0 ? t * hidden : hidden; }
};

// One token of columns [begin, end): gates hold the sums.
void step_forward(const Sequence& s, float* y, float* gates, float* cells, int64_t token, int64_t begin, int64_t end) {
    const float* before = s.before(cells, s.c, token);
    for (int64_t row = 0; row < s.b; row++) {
        const float* c = before + row * s.apart(token);
        float* gate = gates + (row * s.t + token) * 4 * s.hidden;
        float *to = cells + (row * s.t + token) * s.hidden, *out = y + (row * s.t + token) * s.hidden;
        each(begin, end, [&](int64_t j, auto step) {
            auto sum = [&](int64_t k) { return step.load(gate + k * s.hidden + j); };
            vf i = sigmoid(sum(0)), f = sigmoid(sum(1)), g = tanh(sum(2)), o = sigmoid(sum(3));
            vf cell = f * step.load(c + j) + i * g;
            step.store(gate + j, i), step.store(gate + s.hidden + j, f);
            step.store(gate + 2 * s.hidden + j, g), step.store(gate + 3 * s.hidden + j, o);
            step.store(to + j, cell), step.store(out + j, o * tanh(cell));
        });
    }
}

struct Arriving {
    const float *dy, *last_h, *last_c;  // null if there is none
    float *dh, *dc;                     // from the token after, [b, hidden]
};

// dh and dc become the gradients for the previous token, dh after the multiplication.
void step_backward(const Sequence& s, const Arriving& from, float* gates, const float* cells, int64_t token,
                   int64_t begin, int64_t end) {
    const float* before = s.before(cells, s.c, token);
    bool last = token == s.t - 1;
    for (int64_t row = 0; row < s.b; row++) {
        const float *c = before + row * s.apart(token), *now = cells + (row * s.t + token) * s.hidden;
        float* gate = gates + (row * s.t + token) * 4 * s.hidden;
        const float* dy = from.dy ? from.dy + (row * s.t + token) * s.hidden : nullptr;
        const float* dh = last ? from.last_h : from.dh;
        const float* dc = last ? from.last_c : from.dc;
        each(begin, end, [&](int64_t j, auto step) {
            vf i = step.load(gate + j), f = step.load(gate + s.hidden + j), g = step.load(gate + 2 * s.hidden + j);
            vf o = step.load(gate + 3 * s.hidden + j), squashed = tanh(step.load(now + j));
            vf dout = dh ? step.load(dh + row * s.hidden + j) : vf{};
            if (dy) dout += step.load(dy + j);
            vf dcell = dout * o * (1.f - squashed * squashed);
            if (dc) dcell += step.load(dc + row * s.hidden + j);
            step.store(gate + j, dcell * g * i * (1.f - i));
            step.store(gate + s.hidden + j, dcell * step.load(c + j) * f * (1.f - f));
            step.store(gate + 2 * s.hidden + j, dcell * i * (1.f - g * g));
            step.store(gate + 3 * s.hidden + j, dout * squashed * o * (1.f - o));
            step.store(from.dc + row * s.hidden + j, dcell * f);
        });
    }
}

// The previous y of each token: row (b, token) of a matrix.
struct Previous {
    const Sequence& s;
    const float* y;

    static void rows(const void* context, int64_t row, int64_t rows, int64_t at, int64_t count, float* to, int64_t ld) {
        auto& [s, y] = *static_cast<const Previous*>(context);
        for (int64_t i = row; i < row + rows; i++, to += ld)
            copy((i % s.t ? y + (i - 1) * s.hidden : s.h + i / s.t * s.hidden) + at, to, count);
    }
};

}  // namespace

CLOZE_EXPORT int64_t lstm_forward(const float* x, const float* h, const float* c, const float* input_weight,
                                  const float* hidden_weight, const float* bias, float* y, float* last_h, float* last_c,
                                  float* kept, int64_t b, int64_t t, int64_t in, int64_t hidden) noexcept try {
    if (b == 0 || hidden == 0) return ok;
    Sequence s{h, c, b, t, hidden};
    float *gates = kept, *cells = kept + 4 * b * t * hidden;
    Product input{b * t, 4 * hidden, in, x, in, false, input_weight, in, true, gates, 4 * hidden};
    input.bias = bias;
    gemm(input);
    constexpr int64_t few = 16;  // rows: with fewer, packing the weight does not pay
    if (b * t < few) {
        for (int64_t token = 0; token < t; token++) {
            gemm({b, 4 * hidden, hidden, s.before(y, h, token), s.apart(token), false, hidden_weight, hidden, true,
                  gates + token * 4 * hidden, t * 4 * hidden, true});
            step_forward(s, y, gates, cells, token, 0, hidden);
        }
    } else {
        Panels panels{hidden, hidden, 4};
        panels.pack(hidden_weight, true);
        for (int64_t token = 0; token < t; token++)
            panels.each_task(b, [&](int64_t first, int64_t end) {
                panels.multiply(s.before(y, h, token), s.apart(token), b, first, end, gates + token * 4 * hidden,
                                t * 4 * hidden, true);
                step_forward(s, y, gates, cells, token, panels.column(first), panels.column(end));
            });
    }
    for (int64_t row = 0; row < b; row++) {
        copy(y + (row * t + t - 1) * hidden, last_h + row * hidden, hidden);
        copy(cells + (row * t + t - 1) * hidden, last_c + row * hidden, hidden);
    }
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t lstm_backward(const float* x, const float* h, const float* c, const float* input_weight,
                                   const float* hidden_weight, const float*, const float* y, float* kept,
                                   const float* dy, const float* dlast_h, const float* dlast_c, float* dx, float* dh,
                                   float* dc, float* dinput_weight, float* dhidden_weight, float* dbias, int64_t b,
                                   int64_t t, int64_t in, int64_t hidden, int64_t accumulate) noexcept try {
    Sequence s{h, c, b, t, hidden};
    float *gates = kept, *cells = kept + 4 * b * t * hidden;
    if (b > 0 && hidden > 0) {
        float* carried = buffer(Slot::images, 2 * b * hidden);
        Arriving from{dy, dlast_h, dlast_c, carried, carried + b * hidden};
        Panels panels{hidden, 4 * hidden, 1};
        panels.pack(hidden_weight, false);
        for (int64_t token = t - 1; token >= 0; token--)
            panels.each_task(b, [&](int64_t first, int64_t end) {
                if (token < t - 1)
                    panels.multiply(gates + (token + 1) * 4 * hidden, t * 4 * hidden, b, first, end, from.dh, hidden,
                                    false);
                step_backward(s, from, gates, cells, token, panels.column(first), panels.column(end));
            });
        if (dh)
            gemm({b, hidden, 4 * hidden, gates, t * 4 * hidden, false, hidden_weight, hidden, false, dh, hidden,
                  (accumulate & 2) != 0});
        if (dc)
            elementwise(b * hidden,
                        [=](int64_t i, auto step) { step.put(dc + i, step.load(from.dc + i), (accumulate & 4) != 0); });
    }
    if (dx)
        gemm({b * t, in, 4 * hidden, gates, 4 * hidden, false, input_weight, in, false, dx, in, (accumulate & 1) != 0});
    if (dinput_weight)
        gemm({4 * hidden, in, b * t, gates, 4 * hidden, true, x, in, false, dinput_weight, in, (accumulate & 8) != 0});
    if (dhidden_weight) {
        Previous previous{s, y};
        Gather gather{Previous::rows, &previous};
        Product product{4 * hidden, hidden, b * t, gates,          4 * hidden, true,
                        nullptr,    hidden, false, dhidden_weight, hidden,     (accumulate & 16) != 0};
        product.gather_b = &gather;
        gemm(product);
    }
    if (dbias) column_sums(gates, b * t, 4 * hidden, 4 * hidden, dbias, (accumulate & 32) != 0);
    return ok;
}
CLOZE_CATCH
