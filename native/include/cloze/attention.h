#pragma once

#include <algorithm>

#include "cloze/philox.h"
#include "cloze/tiles.h"

// The pieces that attention shares. Scores are held transposed, [keys, queries]: the softmax of a query then runs down
// a lane (no horizontal sums), the counters of dropout are whole vectors, and both a and b of every product are read
// along their rows.

namespace cloze {

// Which keys a query sees: [low(query), high(query)), less those that keep drops. Query 0 stands at position `first`.
struct Mask {
    int64_t first, begin, end;  // keys outside [begin, end) are seen by no query
    bool causal;
    int64_t window;  // 0: none
    const int32_t* keep;

    Mask(int64_t keys, int64_t first, bool causal, int64_t window, const int32_t* keep)
        : first(first), begin(0), end(keys), causal(causal), window(window < keys ? window : 0), keep(keep) {
        if (!keep) return;
        while (begin < end && !keep[begin]) begin++;
        while (begin < end && !keep[end - 1]) end--;
        if (std::all_of(keep + begin, keep + end, [](int32_t kept) { return kept != 0; })) this->keep = nullptr;
    }

    int64_t low(int64_t query) const { return window ? std::max(begin, first + query - window + 1) : begin; }
    int64_t high(int64_t query) const {
        int64_t position = first + query;
        return std::min(end, causal ? position + 1 : window ? position + window : end);
    }

    // The queries that see any of the keys [from, to), among [0, n).
    int64_t first_query(int64_t from, int64_t n) const {
        int64_t query = causal ? from - first : window ? from - window + 1 - first : 0;
        return from < end ? std::clamp<int64_t>(query, 0, n) : n;
    }
    int64_t last_query(int64_t to, int64_t n) const {
        int64_t past = window ? to + window - 1 - first : n;
        return to > begin ? std::clamp<int64_t>(past, 0, n) : 0;
    }
};

// What a panel of neighbouring queries sees.
struct View {
    int64_t begin, end;          // keys outside are seen by none
    int64_t all_begin, all_end;  // keys inside are seen by all
    vf low[tile_vectors], high[tile_vectors];
    const int32_t* keep;

    View(const Mask& mask, int64_t query, int64_t queries) : keep(mask.keep) {
        begin = mask.low(query), end = mask.high(query + queries - 1);
        all_begin = mask.low(query + queries - 1), all_end = keep ? 0 : mask.high(query);
        for (int i = 0; i < panel; i++) {
            low[i / lanes][i % lanes] = static_cast<float>(mask.low(query + i));
            high[i / lanes][i % lanes] = static_cast<float>(mask.high(query + i));
        }
    }
    bool all_see(int64_t from, int64_t to) const { return from >= all_begin && to <= all_end; }
    CLOZE_INLINE vi sees(int64_t key, int v) const {
        if (keep && !keep[key]) return vi{};
        vf at = broadcast(static_cast<float>(key));
        return (at >= low[v]) & (at < high[v]);
    }
};

// Dropout of one head's probabilities; row is the number of query 0 among all rows of all heads.
struct Dropout {
    Philox philox;
    int32_t threshold;
    float scale;
    uint32_t row;

    Dropout(float rate, int64_t seed, int64_t offset, int64_t row)
        : philox(seed, offset),
          threshold(keep_threshold(rate)),
          scale(1 / (1 - rate)),
          row(static_cast<uint32_t>(row)) {}
    bool on() const { return threshold > 0; }

    // 0 or 1 / (1 - rate) of the keys [begin, end) and V vectors of queries, to [end - begin, ld]
    template <int V>
    void factors(int64_t query, int64_t begin, int64_t end, float* to, int64_t ld) const {
        for (int64_t j = begin & ~int64_t{3}; j < end; j += 4)
            for (int v = 0; v < V; v++) {
                vu x[4] = {broadcast(static_cast<uint32_t>(j / 4)),
                           row + static_cast<uint32_t>(query + v * lanes) + (vu)iota(), broadcast(philox.word2),
                           broadcast(philox.word3)};
                philox.rounds(x[0], x[1], x[2], x[3]);
                for (int64_t lane = 0; lane < 4; lane++)
                    if (j + lane >= begin && j + lane < end)
                        store(to + (j + lane - begin) * ld + v * lanes,
                              select(kept(x[lane], threshold), broadcast(scale), vf{}));
            }
    }
};

// One query head: q, y [queries, width] and its k, v [keys, width], rows apart by strides; lse [queries] or null.
struct Head {
    const float *q, *k, *v;
    int64_t q_stride, k_stride, v_stride;
    float* y;
    int64_t y_stride;
    float* lse;
    int64_t width;
    float scale;
    Mask mask;
    Dropout dropout;
};

// y and lse of the queries [begin, end). Takes what it needs from the scratch of the thread.
void attend(const Head& head, int64_t begin, int64_t end);

// How many queries a task should take: enough to pay for packing their keys.
inline constexpr int64_t task_queries = 256;

}  // namespace cloze
