#pragma once

#include "cloze/attention.cuh"
#include "cloze/ptx_hopper.cuh"

// Common code of attention by warpgroups, forward and backward. A block has three warpgroups: the first loads tiles by
// TMA copies, the other two have 64 lines each of a tile of 128, queries or keys, and loop over tiles of the other
// kind. Lane l of their warps has the lines l / 4 and l / 4 + 8 of the warp's 16, of scores and of sums (see multiply).

namespace cloze {

constexpr int hopper_threads = 384, hopper_lines = 128, hopper_stages = 2;
constexpr int bringer_registers = 24, owner_registers = 240;

constexpr float log2_e = 1.44269504088896340736f;

// The side of the boxes of both tensor maps: 64 rows of 64 columns.
constexpr int box_side = 64;

struct Maps {
    TensorMap qkv, dy;
};

// A head of a sample: its beginning in the columns of qkv, and in lse and y.
struct Place {
    int t, heads, kv_heads, sample, head, kv, width;

    CLOZE_DEVICE int query() const { return head * width; }
    CLOZE_DEVICE int key() const { return (heads + kv) * width; }
    CLOZE_DEVICE int value() const { return key() + kv_heads * width; }
    CLOZE_DEVICE int step() const { return (heads + 2 * kv_heads) * width; }
    CLOZE_DEVICE int64_t row() const { return (int64_t{sample} * heads + head) * t; }
    CLOZE_DEVICE int64_t in_qkv(int column) const { return int64_t{sample} * t * step() + column; }
    CLOZE_DEVICE int64_t in_y() const { return (int64_t{sample} * t * heads + head) * width; }
};

// [rows, width] bf16 in shared memory, in panels [rows, 64].
template <int rows, int width>
struct Tile {
    static constexpr int panel = rows * box_side * 2, bytes = panel * (width / box_side);
    unsigned char* at;

    // Called by one thread.
    CLOZE_DEVICE void copy(const TensorMap& map, int column, int row, int sample, Barrier& there) const {
#pragma unroll
        for (int i = 0; i < width / box_side; i++)
#pragma unroll
            for (int j = 0; j < rows / box_side; j++)
                copy_box(at + i * panel + j * (box_side * box_side * 2), map, column + i * box_side, row + j * box_side,
                         sample, there);
    }
    // 16 columns of the rows from `row`, a multiple of 8.
    CLOZE_DEVICE uint64_t lines(int row, int k) const {
        return matrix(at + k / 4 * panel + row * (box_side * 2) + k % 4 * 32, 16);
    }
    // All columns of 16 rows.
    CLOZE_DEVICE uint64_t columns(int k) const {
        return matrix(at + k * (16 * box_side * 2), panel);
    }
};

// The next stage of a ring, and the phase of its barriers.
struct Turn {
    int stage = 0, phase = 0;

    CLOZE_DEVICE void next() {
        if (++stage == hopper_stages) stage = 0, phase ^= 1;
    }
};

// Called by all lanes of a warp: this warp has read a stage.
CLOZE_DEVICE void release(Barrier& free) {
    __syncwarp();  // the other lanes have read it, too
    if (lane_of_warp() == 0) free.arrive();
}
constexpr int owner_warps = 8;

// 0 or 1, or -1 for the warpgroup that loads; the shuffle tells the compiler that the value is the same in a warp.
CLOZE_DEVICE int owner() {
    return __shfl_sync(all_lanes, int(threadIdx.x) / 128, 0) - 1;
}
// Called by a whole warp, which takes one branch: collective instructions follow.
CLOZE_DEVICE bool any_lane(bool here) {
    return __ballot_sync(all_lanes, here) != 0;
}
// The first of the thread's two lines among those of its block.
CLOZE_DEVICE int line_of_thread() {
    return (int(threadIdx.x) / 32 - 4) * 16 + lane_of_warp() / 4;
}
CLOZE_DEVICE int column_of_thread() {
    return lane_of_warp() % 4 * 2;
}

template <int k>
CLOZE_DEVICE void clear(float (&x)[k]) {
#pragma unroll
    for (int i = 0; i < k; i++) x[i] = 0;
}

// Scores or slopes of two lines, rounded, as a left factor; those that are not kept(i) become 0.
template <int k, class F>
CLOZE_DEVICE void pack_sums(const float (&x)[k], uint32_t (&to)[k / 8][4], F&& kept) {
#pragma unroll
    for (int i = 0; i < k; i += 2) to[i / 8][i / 2 % 4] = bf16_pair(kept(i) ? x[i] : 0.f, kept(i + 1) ? x[i + 1] : 0.f);
}
template <int k>
CLOZE_DEVICE void pack_sums(const float (&x)[k], uint32_t (&to)[k / 8][4]) {
    pack_sums(x, to, [](int) { return true; });
}

// The columns that each of the two lines sees are an interval [low, high].
struct Sight {
    int low[2], high[2];

    // The keys that a query sees.
    CLOZE_DEVICE static Sight of_queries(const Mask& mask, int query) {
        Sight sight;
        for (int h = 0; h < 2; h++) {
            sight.low[h] = int(mask.low(query + 8 * h));
            sight.high[h] = int(mask.high(query + 8 * h + 1)) - 1;
        }
        return sight;
    }
    // The queries that see a key.
    CLOZE_DEVICE static Sight of_keys(const Mask& mask, int key) {
        Sight sight;
        for (int h = 0; h < 2; h++) {
            int64_t at = key + 8 * h, last = mask.window ? at + mask.window - 1 : mask.keys - 1;
            bool kept = at < mask.keys && (!mask.keep || mask.keep[at]);
            sight.low[h] = int(mask.causal ? at : mask.low(at));
            sight.high[h] = !kept ? -1 : int(last < mask.keys ? last : mask.keys - 1);
        }
        return sight;
    }
    // True if both lines see all of the columns [from, from + count).
    CLOZE_DEVICE bool whole(int from, int count) const {
        return low[0] <= from && low[1] <= from && high[0] >= from + count - 1 && high[1] >= from + count - 1;
    }
    // Masked scores become -inf. kept: a bit for each column.
    template <int k>
    CLOZE_DEVICE void hide(float (&s)[k], int from, const uint32_t (&kept)[k / 16]) const {
        int column = column_of_thread();
#pragma unroll
        for (int i = 0; i < k; i++) {
            int h = i / 2 % 2, at = i / 4 * 8 + i % 2;
            bool seen = at >= low[h] - from - column && at <= high[h] - from - column &&
                        (kept[i / 16] >> column >> at % 32 & 1);
            s[i] = seen ? s[i] : -INFINITY;
        }
    }
};

// Bits of the keys of a tile that are not padding.
template <int words>
CLOZE_DEVICE void kept_keys(const Mask& mask, int from, uint32_t (&kept)[words]) {
#pragma unroll
    for (int i = 0; i < words; i++) {
        int key = from + i * 32 + lane_of_warp();
        kept[i] = mask.keep ? __ballot_sync(all_lanes, key < mask.keys && mask.keep[key]) : all_lanes;
    }
}

// Bits of four numbers of one counter.
CLOZE_DEVICE uint32_t kept_four(const Drop& drop, int key, int query) {
    uint32_t numbers[4], bits = 0;
    drop.random.at(uint32_t(key / 4), uint32_t(drop.row) + uint32_t(query), numbers);
#pragma unroll
    for (int i = 0; i < 4; i++) bits |= uint32_t(kept(numbers[i], drop.threshold)) << i;
    return bits;
}

// The scores that dropout keeps, for the thread's two queries and 8 groups of keys: bits 2 j and 2 j + 1 are its
// columns of group j. Two neighbouring threads share counters; each draws for one query and sends the bits to the
// other.
template <int groups>
CLOZE_DEVICE void kept_of_queries(const Drop& drop, int query, int key, uint32_t (&kept)[2]) {
    int odd = lane_of_warp() & 1;
    uint32_t own = 0, other = 0;
#pragma unroll 2
    for (int j = 0; j < groups; j++) {
        uint32_t bits = kept_four(drop, key + 8 * j + lane_of_warp() % 4 / 2 * 4, query + 8 * odd);
        own |= (bits >> 2 * odd & 3) << 2 * j;
        other |= (bits >> 2 * (1 - odd) & 3) << 2 * j;
    }
    other = __shfl_xor_sync(all_lanes, other, 1);
    kept[0] = odd ? other : own;
    kept[1] = odd ? own : other;
}

// ... of its two keys and 64 queries: kept[e + 2 h] has the bit 4 j for key h and column e of group j. Four threads
// share counters; each draws for one query and four keys and sends the bits to the others.
CLOZE_DEVICE void kept_of_keys(const Drop& drop, int key, int query, uint32_t (&kept)[4]) {
    int lane = lane_of_warp(), mine = lane / 4 % 4;
    uint32_t own = 0;
#pragma unroll 2
    for (int j = 0; j < 8; j++)
        own |= kept_four(drop, key - mine + mine / 2 * 8, query + 8 * j + column_of_thread() + mine % 2) << 4 * j;
#pragma unroll
    for (int i = 0; i < 4; i++) kept[i] = __shfl_sync(all_lanes, own, (lane & ~12) | i << 2) >> mine;
}

// A transpose over four threads: thread i sends x[j] to thread j.
CLOZE_DEVICE void transpose(uint32_t (&x)[4]) {
#pragma unroll
    for (int step = 1; step < 4; step *= 2) {
        bool high = lane_of_warp() & step;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int below = step == 1 ? 2 * i : i, above = below + step;
            uint32_t got = __shfl_xor_sync(all_lanes, high ? x[below] : x[above], step);
            if (high)
                x[below] = got;
            else
                x[above] = got;
        }
    }
}

// Stores the two lines of a thread, each times a factor, at `to` and eight lines after it, or adds them to the old
// values: 16 bytes a thread at a time. A line after the end is not stored.
template <int k>
CLOZE_DEVICE void store_lines(const float (&x)[k], const float (&factor)[2], real* to, int64_t step, int line,
                              int lines, bool add) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
        bool there = line + 8 * h < lines;
        auto row = reinterpret_cast<uint4*>(to + (line + 8 * h) * step);
#pragma unroll
        for (int i = 0; i < k / 16; i++) {
            uint32_t words[4] = {};
            if (add) {
                if (there) {
                    uint4 before = row[i * 4 + lane_of_warp() % 4];
                    words[0] = before.x, words[1] = before.y, words[2] = before.z, words[3] = before.w;
                }
                transpose(words);
            }
#pragma unroll
            for (int j = 0; j < 4; j++) {
                const float* pair = x + i * 16 + j * 4 + h * 2;
                words[j] = bf16_pair(pair[0] * factor[h] + float_of(words[j] << 16),
                                     pair[1] * factor[h] + float_of(words[j] & 0xffff0000));
            }
            transpose(words);
            if (there) row[i * 4 + lane_of_warp() % 4] = uint4{words[0], words[1], words[2], words[3]};
        }
    }
}

}  // namespace cloze
