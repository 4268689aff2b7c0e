#include "cloze/attention_mma.cuh"

// The gradients of attention_mma.cu: ds = p (dy v^T - delta), dq = ds k, dk = ds^T q, dv = p^T dy, with p recomputed
// from lse. Two passes, over queries and over keys, so that every sum is made by one block: no atomics, no [t, t]
// array. scratch [2][b, heads, t] = delta, the rows of y . dy, and lse log2 e.

#if defined(CLOZE_BF16)

using namespace cloze;
using namespace cloze::mma;

namespace {

template <int W>
CLOZE_DEVICE void prepare(const bf16* y, const float* lse, const bf16* dy, int64_t b, int64_t t, int64_t heads,
                          float* scratch) {
    deltas<W>(y, dy, b, t, heads, [=](int64_t at, float sum) {
        scratch[at] = sum;
        scratch[b * heads * t + at] = lse[at] * log2_e;
    });
}

// A block of four warps has 128 queries, each warp 32. Keys and values come 32 at a time. Sums, scores and their
// gradients take 192 registers for heads of 128 columns and 128 for 64, so dy, and for 128 columns the queries, too,
// are read from shared memory each time. A block takes 32, 48 or 96 KiB of it.
template <int W>
struct BackwardQueries {
    static constexpr int threads = 128, queries = 128, keys = 32, slots = W == 32 ? 4 : 2, R = 2, N = keys / 8;

    const Band band;
    const int32_t* keep;
    const Drop drop;
    const float scale;
    float out[R][W / 8][4], lse[R][2], delta[R][2];

    CLOZE_DEVICE BackwardQueries(const Band& band, const int32_t* keep, const Drop& drop, float scale)
        : band(band), keep(keep), drop(drop), scale(scale) {
        clear(out);
    }

    // g = dy v^T becomes ds
    CLOZE_DEVICE void slopes(const float (&s)[R][N][4], float (&g)[R][N][4], const uint32_t (&kept)[R],
                             const Open<N>& open, int query, int key) const {
        float factor = scale * log2_e;
        bool whole = open.all() && band.all(query, 16 * R, key, keys);
#pragma unroll
        for (int r = 0; r < R; r++) {
#pragma unroll
            for (int j = 0; j < N; j++)
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    float p = power_of_two(s[r][j][e] * factor - lse[r][e / 2]);
                    float back = kept[r] >> (4 * j + e) & 1 ? g[r][j][e] * drop.scale : 0.f;
                    g[r][j][e] = p * (back - delta[r][e / 2]);
                    if (!whole && !(open.at(j, e % 2) &&
                                    band.sees(query + row_of_lane(r, e / 2), key + column_of_lane(j) + e % 2)))
                        g[r][j][e] = 0;
                }
        }
    }

    CLOZE_DEVICE void run(const bf16* qkv, const bf16* dy, bf16* dqkv, const float* scratch, int64_t rows,
                          const Layout& at, const Unit& unit, bool add, bf16* shared) {
        const bf16 *q = qkv + at.query(unit.sample, unit.head), *k = qkv + at.key(unit.sample, unit.kv);
        int first = unit.tile * queries, row = warp_of_block() * 16 * R, query = first + row;
        Tile<W> own{shared}, back{shared + queries * W};
        int begin = band.first_key(first) / keys * keys, end = band.end_of_keys(min(first + queries, band.t) - 1);
        auto slot = [&](int item) { return Tile<W>{shared + (2 * queries + item % slots * 2 * keys) * W}; };
        auto fetch = [&](int item) {
            int key = begin + item * keys;
            if (key < end) {
                slot(item).template fetch<keys, threads>(k, at.step, key, band.t);
                Tile<W>{slot(item).p + keys * W}.template fetch<keys, threads>(k + at.to_value(), at.step, key, band.t);
            }
            commit_copies();
        };
        own.template fetch<queries, threads>(q, at.step, first, band.t);
        back.template fetch<queries, threads>(dy + at.result(unit.sample, unit.head), at.y_step, first, band.t);
        commit_copies();
        for (int item = 0; item < slots - 1; item++) fetch(item);
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                int mine = query + row_of_lane(r, half);
                const float* from = scratch + at.row(unit.sample, unit.head) + mine;
                delta[r][half] = mine < band.t ? from[0] : 0.f;
                lse[r][half] = mine < band.t ? from[rows] : INFINITY;
            }
        wait_copies<slots - 1>();
        __syncthreads();  // the queries and dy are there
        Left<W, R, W <= 64> left(own.rows_from(row));
        Left<W, R, W <= 32> left_back(back.rows_from(row));
        for (int item = 0; begin + item * keys < end; item++) {
            int key = begin + item * keys;
            Open<N> open(keep, key, band.t);
            wait_copies<slots - 2>();
            __syncthreads();  // all warps see the keys and values and have read those before them
            fetch(item + slots - 1);
            if (query >= band.t || !open.any() || !band.any(query, 16 * R, key, keys)) continue;
            Tile<W> key_tile = slot(item), values{key_tile.p + keys * W};
            uint32_t kept[R];
            kept_of_queries<N>(kept, drop, query, key);
            float s[R][N][4], g[R][N][4];
            clear(s), clear(g);
            add_scores(s, left, key_tile);
            add_scores(g, left_back, values);
            slopes(s, g, kept, open, query, key);
            add_weighted(out, g, key_tile);
        }
        const float factors[R][2] = {{scale, scale}, {scale, scale}};
        store_rows(out, factors, own.rows_from(row), dqkv + at.query(unit.sample, unit.head), at.step, query, band.t,
                   add);
    }
};

// A block has 128 keys, each warp 32, or 16 for heads of 128 columns, whose two sums would not fit. Keys are the rows
// of the scores, so that p^T and ds^T are left factors without a transpose. A padded key only makes its own row wrong,
// which is corrected at the end. Queries and dy come 32 at a time, with their lse and delta. A block takes 33, 49 or 97
// KiB of shared memory.
template <int W>
struct BackwardKeys {
    static constexpr int R = W == 128 ? 1 : 2, keys = 128, threads = keys / R * 2, queries = 32, N = queries / 8;
    static constexpr int slots = W == 32 ? 4 : 2, slot_bytes = queries * (2 * W * 2 + 2 * 4);

    const Band band;
    const int32_t* keep;
    const float scale;
    float dk[R][W / 8][4], dv[R][W / 8][4];

    CLOZE_DEVICE BackwardKeys(const Band& band, const int32_t* keep, float scale)
        : band(band), keep(keep), scale(scale) {
        clear(dk), clear(dv);
    }

    // s = k q^T becomes p after dropout, g = v dy^T becomes ds
    CLOZE_DEVICE void slopes(float (&s)[R][N][4], float (&g)[R][N][4], const uint32_t (&kept)[R], float drop_scale,
                             const float* numbers, int key, int query) const {
        float factor = scale * log2_e;
        bool whole = band.all(query, queries, key, 16 * R);
#pragma unroll
        for (int r = 0; r < R; r++) {
#pragma unroll
            for (int j = 0; j < N; j++)
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    int column = column_of_lane(j) + e % 2;
                    bool stays = kept[r] >> (4 * j + e) & 1;
                    float p = power_of_two(s[r][j][e] * factor - numbers[column]);
                    if (!whole && !band.sees(query + column, key + row_of_lane(r, e / 2))) p = 0;
                    s[r][j][e] = stays ? p : 0.f;
                    g[r][j][e] = p * ((stays ? g[r][j][e] * drop_scale : 0.f) - numbers[queries + column]);
                }
        }
    }

    CLOZE_DEVICE void run(const bf16* qkv, const bf16* dy, bf16* dqkv, const float* scratch, int64_t rows,
                          const Layout& at, const Unit& unit, float rate, int64_t seed, int64_t offset, bool add,
                          unsigned char* shared) {
        const bf16* k = qkv + at.key(unit.sample, unit.kv);
        int first = unit.tile * keys, row = warp_of_block() * 16 * R, key = first + row;
        Tile<W> own{reinterpret_cast<bf16*>(shared)}, values{own.p + keys * W};
        int begin = band.first_query(first) / queries * queries, end = band.end_of_queries(first + keys - 1);
        int of_head = max((end - begin + queries - 1) / queries, 0), group = int(at.heads / at.kv_heads);
        int items = of_head * group;
        auto slot = [&](int item) {
            return Tile<W>{reinterpret_cast<bf16*>(shared + 2 * keys * W * 2 + item % slots * slot_bytes)};
        };
        auto fetch = [&](int item) {
            if (item < items) {
                int head = unit.kv * group + item / of_head, query = begin + item % of_head * queries;
                Tile<W> to = slot(item), back{to.p + queries * W};
                to.template fetch<queries, threads>(qkv + at.query(unit.sample, head), at.step, query, band.t);
                back.template fetch<queries, threads>(dy + at.result(unit.sample, head), at.y_step, query, band.t);
                if (threadIdx.x < 2 * queries) {
                    int mine = query + int(threadIdx.x) % queries;
                    const float* from = scratch + at.row(unit.sample, head) + (threadIdx.x < queries ? rows : 0);
                    copy_async<4>(reinterpret_cast<float*>(back.p + queries * W) + threadIdx.x, from + mine,
                                  mine < band.t ? 4 : 0);
                }
            }
            commit_copies();
        };
        own.template fetch<keys, threads>(k, at.step, first, band.t);
        values.template fetch<keys, threads>(k + at.to_value(), at.step, first, band.t);
        commit_copies();
        for (int item = 0; item < slots - 1; item++) fetch(item);
        wait_copies<slots - 1>();
        __syncthreads();  // the keys and values are there
        Left<W, R, false> left(own.rows_from(row)), left_values(values.rows_from(row));
        uint32_t kept = 0;  // a bit each: there are no registers for the pointer
#pragma unroll
        for (int i = 0; i < 2 * R; i++) {
            int mine = key + row_of_lane(i / 2, i % 2);
            kept |= uint32_t(mine < band.t && (!keep || keep[mine])) << i;
        }
        bool any = __ballot_sync(all_lanes, kept != 0) != 0;
        for (int item = 0; item < items; item++) {
            int head = unit.kv * group + item / of_head, query = begin + item % of_head * queries;
            wait_copies<slots - 2>();
            __syncthreads();  // all warps see the queries and dy and have read those before them
            fetch(item + slots - 1);
            if (!any || !band.any(query, queries, key, 16 * R)) continue;
            Tile<W> query_tile = slot(item), back{query_tile.p + queries * W};
            Drop drop(rate, seed, offset, at.row(unit.sample, head));
            uint32_t kept_by_drop[R];
            kept_of_keys<N>(kept_by_drop, drop, key, query);
            float s[R][N][4], g[R][N][4];
            clear(s), clear(g);
            add_scores(s, left, query_tile);
            add_scores(g, left_values, back);
            slopes(s, g, kept_by_drop, drop.scale, reinterpret_cast<const float*>(back.p + queries * W), key, query);
            add_weighted(dk, g, query_tile);  // before dv: ptxas then has the registers for it
            add_weighted(dv, s, back);
        }
        // The sums of a padded key are not gradients, perhaps not even finite.
        float factor = 1.f / (1.f - rate), of_dk[R][2], of_dv[R][2];
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                of_dk[r][half] = scale, of_dv[r][half] = factor;
                if (kept >> (2 * r + half) & 1) continue;
#pragma unroll
                for (int j = 0; j < W / 8; j++)
#pragma unroll
                    for (int e = half * 2; e < half * 2 + 2; e++) dk[r][j][e] = dv[r][j][e] = 0;
            }
        bf16* to = dqkv + at.key(unit.sample, unit.kv);
        store_rows(dk, of_dk, own.rows_from(row), to, at.step, key, band.t, add);
        store_rows(dv, of_dv, values.rows_from(row), to + at.to_value(), at.step, key, band.t, add);
    }
};

}  // namespace

#define CLOZE_BACKWARD(W)                                                                                             \
    CLOZE_KERNEL(attention_mma_backward_##W, const bf16*, const int32_t*, const bf16* y, const float* lse,            \
                 const bf16* dy, bf16* dqkv, int64_t b, int64_t t, int64_t heads, int64_t, int64_t, int64_t, int64_t, \
                 float, float, int64_t, int64_t, int64_t, float* scratch) {                                           \
        if (dqkv) prepare<W>(y, lse, dy, b, t, heads, scratch);                                                       \
    }                                                                                                                 \
    CLOZE_KERNEL(attention_mma_backward_queries_##W, const bf16* qkv, const int32_t* keep, const bf16*, const float*, \
                 const bf16* dy, bf16* dqkv, int64_t b, int64_t t, int64_t heads, int64_t kv_heads, int64_t,          \
                 int64_t causal, int64_t window, float scale, float rate, int64_t seed, int64_t offset,               \
                 int64_t accumulate, float* scratch) {                                                                \
        CLOZE_SHARED(memory);                                                                                         \
        if (!dqkv) return;                                                                                            \
        Layout at(t, heads, kv_heads, W);                                                                             \
        Unit unit(t, heads, kv_heads, BackwardQueries<W>::queries);                                                   \
        Drop drop(rate, seed, offset, at.row(unit.sample, unit.head));                                                \
        BackwardQueries<W> tile(Band(t, causal, window), keep ? keep + unit.sample* t : nullptr, drop, scale);        \
        tile.run(qkv, dy, dqkv, scratch, b* heads* t, at, unit, accumulate & 1, reinterpret_cast<bf16*>(memory));     \
    }                                                                                                                 \
    CLOZE_KERNEL(attention_mma_backward_keys_##W, const bf16* qkv, const int32_t* keep, const bf16*, const float*,    \
                 const bf16* dy, bf16* dqkv, int64_t b, int64_t t, int64_t heads, int64_t kv_heads, int64_t,          \
                 int64_t causal, int64_t window, float scale, float rate, int64_t seed, int64_t offset,               \
                 int64_t accumulate, float* scratch) {                                                                \
        CLOZE_SHARED(memory);                                                                                         \
        if (!dqkv) return;                                                                                            \
        Layout at(t, heads, kv_heads, W);                                                                             \
        Unit unit(t, kv_heads, kv_heads, BackwardKeys<W>::keys);                                                      \
        unit.tile = int((t - 1) / BackwardKeys<W>::keys) - unit.tile;                                                 \
        BackwardKeys<W> tile(Band(t, causal, window), keep ? keep + unit.sample* t : nullptr, scale);                 \
        tile.run(qkv, dy, dqkv, scratch, b* heads* t, at, unit, rate, seed, offset, accumulate & 1, memory);          \
    }

CLOZE_BACKWARD(32)
CLOZE_BACKWARD(64)
CLOZE_BACKWARD(128)

#endif
