#pragma once

#include "cloze/attention.cuh"
#include "cloze/ptx.cuh"

// Common code of attention on tensor cores: bf16 rows of W = 32, 64 or 128 columns in tiles of shared memory, their
// matrix multiplication in the registers of a warp, and the mask and dropout of the scores there. Lane l has of a piece
// [16, 8] the rows l / 4 and l / 4 + 8 at the columns 2 (l % 4) and that + 1, elements 0 and 1 of the first row and 2
// and 3 of the second; R pieces lie below, N beside one another.

namespace cloze::mma {

constexpr float log2_e = 1.44269504f;

CLOZE_DEVICE int warp_of_block() {
    return int(threadIdx.x) / 32;
}
CLOZE_DEVICE int row_of_lane(int r, int half) {
    return r * 16 + lane_of_warp() / 4 + half * 8;
}
CLOZE_DEVICE int column_of_lane(int j) {
    return j * 8 + lane_of_warp() % 4 * 2;
}

// The tile of a block of queries: the last tile of a head first, since with a causal mask it is the longest.
struct Unit {
    int sample, head, kv, tile;

    CLOZE_DEVICE Unit(int64_t t, int64_t heads, int64_t kv_heads, int queries) {
        unsigned tiles = (unsigned(t) + queries - 1) / queries, unit = blockIdx.x / tiles;
        tile = int(tiles - 1 - blockIdx.x % tiles);
        sample = int(unit / unsigned(heads)), head = int(unit % unsigned(heads));
        kv = head / int(unsigned(heads) / unsigned(kv_heads));
    }
};

// Key j of query i is seen if -back < j - i < ahead.
struct Band {
    static constexpr int far = 1 << 30;
    int t, back, ahead;

    CLOZE_DEVICE Band(int64_t t, int64_t causal, int64_t window)
        : t(int(t)), back(window && window < far ? int(window) : far), ahead(causal ? 1 : back) {}

    // The keys that any of the queries [from, to] sees, and the queries that see any of the keys.
    CLOZE_DEVICE int first_key(int from) const { return max(from - back + 1, 0); }
    CLOZE_DEVICE int end_of_keys(int to) const { return min(to + ahead, t); }
    CLOZE_DEVICE int first_query(int from) const { return max(from - ahead + 1, 0); }
    CLOZE_DEVICE int end_of_queries(int to) const { return min(to + back, t); }

    CLOZE_DEVICE bool sees(int query, int key) const { return key - query > -back && key - query < ahead; }
    // True if any of `queries` from `query` on sees a key, and if all see all keys, of `keys` from `key` on.
    CLOZE_DEVICE bool any(int query, int queries, int key, int keys) const {
        return key + keys - 1 - query > -back && key - (query + queries - 1) < ahead;
    }
    CLOZE_DEVICE bool all(int query, int queries, int key, int keys) const {
        return key - (query + queries - 1) > -back && key + keys - 1 - query < ahead;
    }
};

// The keys among 8 N that exist and are kept, a bit each: the same in all lanes.
template <int N>
struct Open {
    static constexpr int count = N / 4;
    uint32_t bits[count];

    CLOZE_DEVICE Open(const int32_t* keep, int key, int t) {
#pragma unroll
        for (int i = 0; i < count; i++) {
            int at = key + i * 32 + lane_of_warp();
            bits[i] = all_lanes;
            if (keep || key + 8 * N > t) bits[i] = __ballot_sync(all_lanes, at < t && (!keep || keep[at]));
        }
    }
    CLOZE_DEVICE bool any() const {
        uint32_t some = 0;
        for (uint32_t word : bits) some |= word;
        return some != 0;
    }
    CLOZE_DEVICE bool all() const {
        uint32_t every = all_lanes;
        for (uint32_t word : bits) every &= word;
        return every == all_lanes;
    }
    CLOZE_DEVICE bool at(int j, int e) const {
        return bits[j / 4] >> (column_of_lane(j % 4) + e) & 1;
    }
};

// Rows in chunks of 16 bytes. The order of the chunks depends on the row, so that a tensor core's read of one chunk of
// eight rows has no bank conflicts, and a warp's write of words of eight rows has none. p is a multiple of the bytes of
// a row, so that the step from chunk to chunk flips bits of an address and needs no registers.
template <int W>
struct Tile {
    static constexpr int chunks = W / 8;
    bf16* p;

    CLOZE_DEVICE Tile rows_from(int row) const { return {p + row * W}; }  // a multiple of 16

    CLOZE_DEVICE bf16* at(int row, int chunk) const { return p + row * W + (chunk ^ turn(row)) * 8; }

    // Starts a copy of `rows` rows of x, `step` apart, with zeros from row `end` on.
    template <int rows, int threads>
    CLOZE_DEVICE void fetch(const bf16* x, int64_t step, int row, int end) const {
        constexpr int pass = threads / chunks;
        static_assert(pass % 8 == 0 && rows % pass == 0);
        int thread = int(threadIdx.x), mine = thread / chunks, chunk = thread % chunks;
        const bf16* from = x + (row + mine) * step + chunk * 8;
        bf16* to = at(mine, chunk);
#pragma unroll
        for (int i = 0; i < rows / pass; i++, from += pass * step)
            copy_async(to + i * pass * W, from, row + mine + i * pass < end ? 16 : 0);
    }

    // 16 rows at 16 k, as a left factor of rows along W.
    CLOZE_DEVICE void left(uint32_t (&to)[4], int base, int k) const {
        load_matrices<false>(to, at(lane_of_warp() % 16, lane_of_warp() / 16), 32 * k, base * W * 2);
    }
    // The same as a right factor: words 0 and 1 are of the first eight rows
    CLOZE_DEVICE void right(uint32_t (&to)[4], int base, int k) const {
        int lane = lane_of_warp();
        load_matrices<false>(to, at(lane % 8 + lane / 16 * 8, lane / 8 % 2), 32 * k, base * W * 2);
    }
    // 16 rows at 16 columns, as a right factor along the rows: words 0 and 1 are of the first columns
    CLOZE_DEVICE void down(uint32_t (&to)[4], int base, int column) const {
        load_matrices<true>(to, at(lane_of_warp() % 16, lane_of_warp() / 16), 32 * column, base * W * 2);
    }

  private:
    CLOZE_DEVICE static int turn(int row) {
        return W == 32 ? row / 2 % 4 : row % 8;
    }
};

// 16 R rows of a tile as left factors, in registers or read again each time.
template <int W, int R, bool held>
class Left {
    Tile<W> tile_;
    uint32_t words_[held ? W / 16 : 1][R][4];

  public:
    CLOZE_DEVICE explicit Left(Tile<W> tile) : tile_(tile) {
        if constexpr (held)
#pragma unroll
            for (int k = 0; k < W / 16; k++)
#pragma unroll
                for (int r = 0; r < R; r++) tile_.left(words_[k][r], r * 16, k);
    }
    CLOZE_DEVICE void get(uint32_t (&to)[4], int r, int k) const {
        if constexpr (held)
#pragma unroll
            for (int i = 0; i < 4; i++) to[i] = words_[k][r][i];
        else
            tile_.left(to, r * 16, k);
    }
};

template <int N>
CLOZE_DEVICE void clear(float (&x)[N][4]) {
#pragma unroll
    for (int j = 0; j < N; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) x[j][e] = 0;
}
template <int R, int N>
CLOZE_DEVICE void clear(float (&x)[R][N][4]) {
#pragma unroll
    for (int r = 0; r < R; r++) clear(x[r]);
}

CLOZE_DEVICE void multiply_add_two(float (&first)[4], float (&second)[4], const uint32_t (&a)[4],
                                   const uint32_t (&b)[4]) {
    const uint32_t left[2] = {b[0], b[1]}, right[2] = {b[2], b[3]};
    multiply_add(first, a, left);
    multiply_add(second, a, right);
}

// s [16 R, 8 N] += left right^T, of the rows of `right`
template <int W, int R, int N, bool held>
CLOZE_DEVICE void add_scores(float (&s)[R][N][4], const Left<W, R, held>& left, Tile<W> right) {
#pragma unroll(held ? W / 16 : 4)  // eight steps at once would read ahead more than the registers hold
    for (int k = 0; k < W / 16; k++) {
        uint32_t a[R][4];
#pragma unroll
        for (int r = 0; r < R; r++) left.get(a[r], r, k);
#pragma unroll
        for (int j = 0; j < N; j += 2) {
            uint32_t b[4];
            right.right(b, j * 8, k);
#pragma unroll
            for (int r = 0; r < R; r++) multiply_add_two(s[r][j], s[r][j + 1], a[r], b);
        }
    }
}

// out [16 R, W] += p [16 R, 8 N], rounded, times the rows of `right`: two pieces of scores are one of a left factor.
template <int W, int R, int N>
CLOZE_DEVICE void add_weighted(float (&out)[R][W / 8][4], const float (&p)[R][N][4], Tile<W> right) {
#pragma unroll
    for (int j = 0; j < N; j += 2) {
        uint32_t a[R][4];
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int i = 0; i < 4; i++) a[r][i] = bf16_pair(p[r][j + i / 2][i % 2 * 2], p[r][j + i / 2][i % 2 * 2 + 1]);
#pragma unroll
        for (int column = 0; column < W / 16; column++) {
            uint32_t b[4];
            right.down(b, j * 8, column);
#pragma unroll
            for (int r = 0; r < R; r++) multiply_add_two(out[r][column * 2], out[r][column * 2 + 1], a[r], b);
        }
    }
}

// The elements of 16 R queries by 8 N keys that dropout keeps: bit 4 j + e for element e of piece j, a word for every
// 16 queries. Drawn before the scores, while registers are free. A counter is for four keys, which two neighbouring
// lanes share: each draws for one of its two rows.
template <int N, int R>
CLOZE_DEVICE void kept_of_queries(uint32_t (&bits)[R], const Drop& drop, int query, int key) {
    int lane = lane_of_warp(), odd = lane & 1;
#pragma unroll
    for (int r = 0; r < R; r++) {
        bits[r] = all_lanes;
        if (drop.threshold <= 0) continue;
        uint32_t mine = 0;
#pragma unroll
        for (int j = 0; j < N; j++) {
            uint32_t number[4], row = uint32_t(drop.row + query + row_of_lane(r, odd));
            drop.random.at(uint32_t(key / 4 + 2 * j + lane % 4 / 2), row, number);
#pragma unroll
            for (int i = 0; i < 4; i++) mine |= uint32_t(kept(number[i], drop.threshold)) << (4 * j + i);
        }
        uint32_t other = __shfl_xor_sync(all_lanes, mine, 1);
        uint32_t first = (odd ? other : mine) >> 2 * odd, second = (odd ? mine : other) >> 2 * odd;
        bits[r] = (first & 0x33333333) | (second & 0x33333333) << 2;
    }
}

// The same for 16 R keys by 8 N queries. Four lanes share the counters of their keys: each draws for one of the four.
template <int N, int R>
CLOZE_DEVICE void kept_of_keys(uint32_t (&bits)[R], const Drop& drop, int key, int query) {
    int lane = lane_of_warp(), who = lane / 4 % 4;
#pragma unroll
    for (int r = 0; r < R; r++) {
        bits[r] = all_lanes;
        if (drop.threshold <= 0) continue;
        uint32_t mine = 0;
#pragma unroll
        for (int j = 0; j < N; j++) {
            uint32_t number[4], row = uint32_t(drop.row + query + column_of_lane(j) + who % 2);
            drop.random.at(uint32_t(key / 4 + r * 4 + lane / 16 + who / 2 * 2), row, number);
#pragma unroll
            for (int i = 0; i < 4; i++) mine |= uint32_t(kept(number[i], drop.threshold)) << (4 * j + i);
        }
        bits[r] = 0;
#pragma unroll
        for (int e = 0; e < 4; e++)
            bits[r] |= (__shfl_sync(all_lanes, mine, (lane & ~12) | e * 4) >> who & 0x11111111) << e;
    }
}

// Stores x [16 R, W] times scale[r][half] in the rows of `to` from `row` on that are before `end`, through a tile that
// no other warp uses.
template <int W, int R>
CLOZE_DEVICE void store_rows(const float (&x)[R][W / 8][4], const float (&scale)[R][2], Tile<W> tile, bf16* to,
                             int64_t step, int row, int end, bool add) {
#pragma unroll
    for (int r = 0; r < R; r++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            int mine = row_of_lane(r, half);
            const bf16* before = to + (row + mine) * step;
            add = add && row + mine < end;
#pragma unroll
            for (int j = 0; j < W / 8; j++) {
                float low = x[r][j][half * 2] * scale[r][half], high = x[r][j][half * 2 + 1] * scale[r][half];
                if (add) low += widen(before[column_of_lane(j)]), high += widen(before[column_of_lane(j) + 1]);
                bf16* place = tile.at(mine, j) + lane_of_warp() % 4 * 2;
                *reinterpret_cast<uint32_t*>(place) = bf16_pair(low, high);
            }
        }
    __syncwarp();
    for (int i = lane_of_warp(); i < 16 * R * W / 8; i += 32) {
        int mine = i / (W / 8), chunk = i % (W / 8);
        if (row + mine < end)
            *reinterpret_cast<uint4*>(to + (row + mine) * step + chunk * 8) =
                *reinterpret_cast<const uint4*>(tile.at(mine, chunk));
    }
}

}  // namespace cloze::mma
