#include "cloze/device.cuh"

// ids int32 [b, t], table [v, d], positions [p, d] | null, starts int32 [b] | null, y [b, t, d]
// y[b, i] = table[ids[b, i]] + positions[starts[b] + i]
//
// Backward without atomics: a warp owns a row of a table (32 columns of it a pass) and looks through all tokens for its
// own number, 32 at a time, in their order. The numbers come from the second cache: v b t / 32 words, which is less
// than the rows themselves move as long as the vocabulary is below some 32 d.

using namespace cloze;

CLOZE_KERNEL(embedding_forward, const int32_t* ids, const real* table, const real* positions, const int32_t* starts,
             real* y, int64_t b, int64_t t, int64_t, int64_t d, int64_t) {
    each(b * t * d, aligned(table, positions, y) && d % pack == 0, [&](int64_t i, auto step) {
        int64_t token = i / d, column = i % d;
        auto value = step.load(table + ids[token] * d + column);
        if (positions)
            value = value + step.load(positions + ((starts ? starts[token / t] : 0) + token % t) * d + column);
        step.store(y + i, value);
    });
}

namespace {

// to[row] (+)= the sum of dy over the tokens whose number is this row
template <class F>
CLOZE_DEVICE void collect(int64_t rows, int64_t tokens, int64_t d, const real* dy, float* to, bool add, F number) {
    int64_t row = row_of_warp();
    if (row >= rows) return;
    for (int64_t column = lane_of_warp(); column - lane_of_warp() < d; column += 32) {
        float sum = add && column < d ? to[row * d + column] : 0.f;
        for (int64_t first = 0; first < tokens; first += 32) {
            int64_t token = first + lane_of_warp();
            uint32_t found = __ballot_sync(all_lanes, token < tokens && number(token) == row);
            while (found) {
                int lane = __ffs(int(found)) - 1;
                found &= found - 1;
                if (column < d) sum += widen(dy[(first + lane) * d + column]);
            }
        }
        if (column < d) to[row * d + column] = sum;
    }
}

}  // namespace

CLOZE_KERNEL(embedding_backward, const int32_t* ids, const int32_t*, const real* dy, float* dtable, float*, int64_t b,
             int64_t t, int64_t v, int64_t d, int64_t, int64_t accumulate) {
    if (dtable) collect(v, b * t, d, dy, dtable, accumulate & 1, [=](int64_t token) { return int64_t{ids[token]}; });
}

CLOZE_KERNEL(embedding_backward_positions, const int32_t*, const int32_t* starts, const real* dy, float*,
             float* dpositions, int64_t b, int64_t t, int64_t, int64_t d, int64_t p, int64_t accumulate) {
    if (dpositions)
        collect(p, b * t, d, dy, dpositions, accumulate & 2,
                [=](int64_t token) { return (starts ? starts[token / t] : 0) + token % t; });
}
