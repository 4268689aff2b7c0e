#pragma once

#include <algorithm>

#include "cloze/philox.h"
#include "cloze/tiles.h"

// Shared parts of attention. Scores are stored transposed, [keys, queries]: the softmax of a query then stays in one
// lane (no horizontal sums), dropout counters are whole vectors, and both operands of every matrix multiplication are
// read along their rows.

namespace cloze {

// The keys that a query sees: [low(query), high(query)), without those that keep masks. Query 0 is at position `first`.
struct Mask {
    int64_t first, begin, end;  // no query sees keys outside [begin, end)
    bool causal;
    int64_t window;  // 0: no window
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

// The keys that a panel of adjacent queries sees.
struct View {
    int64_t begin, end;          // no query sees keys outside
    int64_t all_begin, all_end;  // all queries see keys inside
    vf low[tile_vectors], high[tile_vectors];
    const int32_t* keep;

    View(const Mask& mask, int64_t query, int64_t queries) : keep(mask.keep) {
        begin = mask.low(query), end = mask.high(query + queries - 1);
        all_begin = mask.low(query + queries - 1), all_end = keep ? 0 : mask.high(query);
        for (int v = 0; v < tile_vectors; v++) {
            vf at = float(mask.first + query + v * lanes) + __builtin_convertvector(iota(), vf);
            vf from = mask.window ? at - float(mask.window - 1) : broadcast(0.f);
            vf to = mask.causal ? at + 1.f : mask.window ? at + float(mask.window) : broadcast(float(mask.end));
            low[v] = max(from, broadcast(float(mask.begin))), high[v] = min(to, broadcast(float(mask.end)));
        }
    }
    bool all_see(int64_t from, int64_t to) const { return from >= all_begin && to <= all_end; }
    CLOZE_INLINE vi sees(int64_t key, int v) const {
        if (keep && !keep[key]) return vi{};
        vf at = broadcast(static_cast<float>(key));
        return (at >= low[v]) & (at < high[v]);
    }
};

// 2^x within 2e-7 for x <= 127; 0 below -126.5, NaN for NaN. Scores are scaled by log2 e, so the softmax needs only
// 2^x.
CLOZE_INLINE vf power_of_two(vf x) {
    constexpr float shift = 12582912.f + 127.f;
    x = max(broadcast(-127.f), x);
    vf z = x + shift;
    vf r = x - (z - shift);
    vf p = r * 1.535336188319500e-4f + 1.339887440266574e-3f;
    p = p * r + 9.618437357674640e-3f;
    p = p * r + 5.550332471162809e-2f;
    p = p * r + 2.402264791363012e-1f;
    p = p * r + 6.931472028550421e-1f;
    p = p * r + 1.f;
    return p * (vf)((vu)z << 23);
}
inline constexpr float log2_e = 1.44269504f, ln_2 = 0.693147181f;

// Dropout of one head's probabilities; row is the index of query 0 among all rows of all heads.
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

    // writes 0 or 1 / (1 - rate) for the keys [begin, end) and V vectors of queries, to [end - begin, ld]
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

// Prefetches rows into L2, a few at each step() while the tiles are computed: without it, short heads wait for memory
// during a quarter of their time.
class Prefetch {
  public:
    void add(const float* p, int64_t stride, int64_t rows, int64_t width) {
        if (rows > 0) streams_[count_++] = {p, stride, rows, width}, rows_ += rows;
    }
    void spread(int64_t steps) { a_step_ = (rows_ + steps - 1) / std::max<int64_t>(steps, 1); }
    void step() {
        for (int64_t i = 0; i < a_step_ && at_ < count_; i++) {
            Stream& s = streams_[at_];
            for (int64_t d = 0; d < s.width; d += 16) __builtin_prefetch(s.p + d, 0, 2);
            s.p += s.stride;
            if (--s.rows == 0) at_++;
        }
    }

  private:
    struct Stream {
        const float* p;
        int64_t stride, rows, width;
    };
    Stream streams_[8];
    int count_ = 0, at_ = 0;
    int64_t rows_ = 0, a_step_ = 0;
};

// One query head: q, y [queries, width] and its k, v [keys, width], with strides between rows; lse [queries] or null.
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

// Computes y and lse of the queries [begin, end). Uses the scratch of the thread.
void attend(const Head& head, int64_t begin, int64_t end, Prefetch& soon);

// Queries per task: enough to pay for packing their keys.
inline constexpr int64_t task_queries = 256;

// Heads per task, of `units` heads: more than one, so that the next one can be prefetched. Results do not depend on it.
inline int64_t units_of_a_task(int64_t units, int64_t threads) {
    return std::clamp<int64_t>(units / (8 * threads), 1, 16);
}

}  // namespace cloze
