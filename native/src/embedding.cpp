#include "cloze/failure.h"
#include "cloze/loop.h"

// ids int32 [b, t], table [v, d], positions [p, d] | null, starts int32 [b] | null, y [b, t, d]
// y[b, i] = table[ids[b, i]] + positions[starts[b] + i]. Backward: a task owns columns, so every row of the tables is
// summed in the order of the tokens for any number of threads.

using namespace cloze;

namespace {

// Columns per task, in whole cache lines; may depend on the number of threads, since no sum crosses columns.
int64_t columns(int64_t d) {
    int64_t share = (d + threads() - 1) / threads();
    return std::max<int64_t>((share + 15) / 16 * 16, 64);
}

void scatter(const float* dy, float* table, int64_t tokens, int64_t d, const auto& row_of) {
    parallel_blocks(d, columns(d), [&](int64_t begin, int64_t end) {
        for (int64_t i = 0; i < tokens; i++) add(dy + i * d + begin, table + row_of(i) * d + begin, end - begin);
    });
}

// Positions are read for [starts[b], starts[b] + t).
void require(const int32_t* ids, const int32_t* starts, int64_t b, int64_t t, int64_t v, int64_t p, bool positions) {
    require_indices("Embedding", "ids", ids, b * t, v);
    if (positions && starts && t > 0) require_indices("Embedding", "starts", starts, b, p - t + 1);
}

}  // namespace

CLOZE_EXPORT int64_t embedding_forward(const int32_t* ids, const float* table, const float* positions,
                                       const int32_t* starts, float* y, int64_t b, int64_t t, int64_t v, int64_t d,
                                       int64_t p) noexcept try {
    require(ids, starts, b, t, v, p, positions != nullptr);
    int64_t tokens = b * t;
    parallel_blocks(tokens, row_block(tokens, d), [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) {
            const float* row = table + ids[i] * d;
            if (!positions) {
                copy(row, y + i * d, d);
                continue;
            }
            const float* position = positions + ((starts ? starts[i / t] : 0) + i % t) * d;
            each(0, d, [&](int64_t j, auto step) {
                step.store(y + i * d + j, step.load(row + j) + step.load(position + j));
            });
        }
    });
    return ok;
}
CLOZE_CATCH

CLOZE_EXPORT int64_t embedding_backward(const int32_t* ids, const int32_t* starts, const float* dy, float* dtable,
                                        float* dpositions, int64_t b, int64_t t, int64_t v, int64_t d, int64_t p,
                                        int64_t accumulate) noexcept try {
    require(ids, starts, b, t, v, p, dpositions != nullptr);
    if (dtable) {
        if (!(accumulate & 1)) zero(dtable, v * d);
        scatter(dy, dtable, b * t, d, [=](int64_t i) { return int64_t{ids[i]}; });
    }
    if (dpositions) {
        if (!(accumulate & 2)) zero(dpositions, p * d);
        scatter(dy, dpositions, b * t, d, [=](int64_t i) { return (starts ? starts[i / t] : 0) + i % t; });
    }
    return ok;
}
CLOZE_CATCH
