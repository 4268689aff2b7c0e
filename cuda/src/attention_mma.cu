#include "cloze/attention_mma.cuh"

// Attention of bf16 on tensor cores, for heads of 32, 64 and 128 columns whose rows begin at multiples of 16 bytes;
// attention.cu does the rest. Shapes and parameters as there. Scores are scaled by log2 e, so that softmax needs powers
// of two.

#if defined(CLOZE_BF16)

using namespace cloze;
using namespace cloze::mma;

namespace {

// A block of four warps has 128 queries, each warp 32: a read of keys or values from shared memory is used by two
// multiplications. With 16 queries it would be used by one, and four cycles of an A100's tensor cores would need 512
// bytes, which take four cycles to read. Keys and values pass through one ring of four tiles, three of which are being
// copied. Tiles have 64 rows, or 32 for heads of 128 columns, whose queries do not fit into registers beside their sums
// and are read again. Two blocks share a multiprocessor; a block takes 24, 48 or 64 KiB of shared memory.
template <int W>
struct Forward {
    static constexpr int threads = 128, queries = 128, keys = W == 128 ? 32 : 64, slots = 4, R = 2;
    static constexpr int N = keys / 8;

    const Band band;
    const int32_t* keep;
    const Drop drop;
    const float scale;
    float out[R][W / 8][4], top[R][2], sum[R][2];

    CLOZE_DEVICE Forward(const Band& band, const int32_t* keep, const Drop& drop, float scale)
        : band(band), keep(keep), drop(drop), scale(scale) {
        clear(out);
        for (int r = 0; r < R; r++)
            for (int half = 0; half < 2; half++) top[r][half] = -INFINITY, sum[r][half] = 0;
    }

    CLOZE_DEVICE void hide(float (&s)[R][N][4], const Open<N>& open, int query, int key) const {
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int j = 0; j < N; j++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    if (!open.at(j, e % 2) ||
                        !band.sees(query + row_of_lane(r, e / 2), key + column_of_lane(j) + e % 2))
                        s[r][j][e] = -INFINITY;
    }

    // Scores become probabilities, not yet divided by their sum; earlier sums are rescaled to the new maximum.
    CLOZE_DEVICE void soften(float (&s)[R][N][4]) {
        float factor = scale * log2_e, alpha[R][2];
        bool same = true;
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float most = top[r][half], total = 0;
#pragma unroll
                for (int j = 0; j < N; j++) most = fmaxf(most, fmaxf(s[r][j][half * 2], s[r][j][half * 2 + 1]));
                most = fmaxf(most, __shfl_xor_sync(all_lanes, most, 1));
                most = fmaxf(most, __shfl_xor_sync(all_lanes, most, 2));
                float base = most == -INFINITY ? 0.f : most * factor;
                alpha[r][half] = power_of_two(top[r][half] * factor - base);
                same = same && alpha[r][half] == 1.f;
                top[r][half] = most;
#pragma unroll
                for (int j = 0; j < N; j++)
#pragma unroll
                    for (int e = half * 2; e < half * 2 + 2; e++) {
                        s[r][j][e] = power_of_two(s[r][j][e] * factor - base);
                        total += s[r][j][e];
                    }
                sum[r][half] = sum[r][half] * alpha[r][half] + total;
            }
        if (__ballot_sync(all_lanes, !same) == 0) return;  // most tiles have no new maximum
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int j = 0; j < W / 8; j++)
#pragma unroll
                for (int e = 0; e < 4; e++) out[r][j][e] *= alpha[r][e / 2];
    }

    CLOZE_DEVICE static void thin(float (&s)[R][N][4], const uint32_t (&kept)[R]) {
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int j = 0; j < N; j++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    if (!(kept[r] >> (4 * j + e) & 1)) s[r][j][e] = 0;
    }

    CLOZE_DEVICE void run(const bf16* qkv, bf16* y, float* lse, const Layout& at, const Unit& unit, bf16* shared) {
        const bf16 *q = qkv + at.query(unit.sample, unit.head), *k = qkv + at.key(unit.sample, unit.kv);
        int first = unit.tile * queries;
        Tile<W> own{shared};
        int begin = band.first_key(first) / keys * keys, end = band.end_of_keys(min(first + queries, band.t) - 1);
        int items = end > begin ? (end - begin + keys - 1) / keys * 2 : 0;  // keys, values, keys, ...
        auto slot = [&](int item) { return Tile<W>{shared + (queries + item % slots * keys) * W}; };
        auto fetch = [&](int item) {
            if (item < items)
                slot(item).template fetch<keys, threads>(item % 2 ? k + at.to_value() : k, at.step,
                                                         begin + item / 2 * keys, band.t);
            commit_copies();
        };
        own.template fetch<queries, threads>(q, at.step, first, band.t);
        commit_copies();
        for (int item = 0; item < slots - 1; item++) fetch(item);
        wait_copies<slots - 1>();
        __syncthreads();  // the queries have arrived
        int row = warp_of_block() * 32, query = first + row;
        Left<W, R, W <= 64> left(own.rows_from(row));
        for (int item = 0; item < items; item += 2) {
            int key = begin + item / 2 * keys;
            Open<N> open(keep, key, band.t);
            bool sees = query < band.t && open.any() && band.any(query, 32, key, keys);
            float s[R][N][4];
            clear(s);
            wait_copies<slots - 2>();
            __syncthreads();  // all warps see the keys and have read the values before them
            fetch(item + slots - 1);
            if (sees) {
                uint32_t kept[R];
                kept_of_queries<N>(kept, drop, query, key);
                add_scores(s, left, slot(item));
                if (!open.all() || !band.all(query, 32, key, keys)) hide(s, open, query, key);
                soften(s);
                if (drop.threshold > 0) thin(s, kept);
            }
            wait_copies<slots - 2>();
            __syncthreads();  // all warps see the values and have read the keys
            fetch(item + slots);
            if (sees) add_weighted(out, s, slot(item + 1));
        }
        float inverse[R][2];
        lse += at.row(unit.sample, unit.head);
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float total = sum[r][half];
                total += __shfl_xor_sync(all_lanes, total, 1);
                total += __shfl_xor_sync(all_lanes, total, 2);
                inverse[r][half] = total == 0.f ? 0.f : drop.scale / total;
                int mine = query + row_of_lane(r, half);
                if (lane_of_warp() % 4 == 0 && mine < band.t)
                    lse[mine] = total == 0.f ? -INFINITY : top[r][half] * scale + logf(total);
            }
        store_rows(out, inverse, own.rows_from(row), y + at.result(unit.sample, unit.head), at.y_step, query, band.t,
                   false);
    }
};

}  // namespace

// blockIdx.x: sample, head, tile of queries, the last first
#define CLOZE_FORWARD(W)                                                                                           \
    CLOZE_KERNEL(attention_mma_forward_##W, const bf16* qkv, const int32_t* keep, bf16* y, float* lse, int64_t,    \
                 int64_t t, int64_t heads, int64_t kv_heads, int64_t, int64_t causal, int64_t window, float scale, \
                 float rate, int64_t seed, int64_t offset) {                                                       \
        CLOZE_SHARED(memory);                                                                                      \
        Layout at(t, heads, kv_heads, W);                                                                          \
        Unit unit(t, heads, kv_heads, Forward<W>::queries);                                                        \
        Forward<W> tile(Band(t, causal, window), keep ? keep + unit.sample* t : nullptr,                           \
                        Drop(rate, seed, offset, at.row(unit.sample, unit.head)), scale);                          \
        tile.run(qkv, y, lse, at, unit, reinterpret_cast<bf16*>(memory));                                          \
    }

CLOZE_FORWARD(32)
CLOZE_FORWARD(64)
CLOZE_FORWARD(128)

#endif
