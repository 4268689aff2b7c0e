#include "cloze/device.cuh"

// ids int32 [b, t], table [v, d], positions [p, d] | null, starts int32 [b] | null, y [b, t, d]
// y[b, i] = table[ids[b, i]] + positions[starts[b] + i]
//
// Backward sorts the n = b t tokens by row with integer atomics only: the tokens of each row are counted in at most 32
// chunks, each row gets its places, and the place of a token is that of its row and chunk plus its rank among the
// chunk's tokens of the row. Then a warp sums up to 64 tokens of a row in order, and the rest of a row is added piece
// by piece: the same bits each time, and a frequent row is not the work of a single warp. Memory traffic: n d of dy and
// v d of the table once each. In addition three passes over the counts, at most 32 v words in the L2 cache (16 v for
// 16,384 tokens: 3.2 MB a pass for a vocabulary of 50,257), and n chunk / 32 comparisons by warps, half a million for
// 16,384 tokens in chunks of 1024. Positions need no sort: a row has at most one token in a sample.

using namespace cloze;

CLOZE_KERNEL(embedding_forward, const int32_t* ids, const real* table, const real* positions, const int32_t* starts,
             real* y, int64_t b, int64_t t, int64_t v, int64_t d, int64_t p, Fault* fault) {
    each(b * t * d, aligned(table, positions, y) && d % pack == 0, [&](int64_t i, auto step) {
        int64_t token = i / d, column = i % d;
        int64_t row = index_at(ids, token, v, fault, Argument::embedding_ids);
        auto value = step.load(table + row * d + column);
        if (positions) {
            int64_t start = starts ? index_at(starts, token / t, p - t + 1, fault, Argument::embedding_starts) : 0;
            value = value + step.load(positions + (start + token % t) * d + column);
        }
        step.store(y + i, value);
    });
}

namespace {

// As in EmbeddingLaunches of java/cuda.
constexpr int tile = 256, piece = 64, warp_columns = 256;

// Of a token; row 0 where the index is out of bounds, which the forward pass has noted.
CLOZE_DEVICE int row_at(const int32_t* ids, int64_t token, int64_t v) {
    int row = ids[token];
    return row >= 0 && row < v ? row : 0;
}

// The layout of the scratch.
struct Sorted {
    int64_t n, v, d, chunk, chunks;
    float* partials;  // [ceil(n / piece), d]: sums of pieces that are not the first of their row, see partial()
    int* order;       // [n]: the tokens, sorted by row, those of a row in their order
    int* first;       // [chunks + 1, v]: the beginning of a row's tokens of a chunk in `order`; the last: their end
    int* taken;       // [1]: places of `order` that rows have got

    CLOZE_DEVICE Sorted(float* scratch, int64_t n, int64_t v, int64_t d)
        : n(n),
          v(v),
          d(d),
          chunk(chunk_of(n)),
          chunks((n + chunk - 1) / chunk),
          partials(scratch),
          order(reinterpret_cast<int*>(partials + (n + piece - 1) / piece * d)),
          first(order + n),
          taken(first + (chunks + 1) * v) {}

    CLOZE_DEVICE static int64_t chunk_of(int64_t n) {
        int64_t least = (n + 32 * tile - 1) / (32 * tile) * tile;
        return least < 1024 ? 1024 : least;
    }

    CLOZE_DEVICE int begin(int64_t row) const { return first[row]; }
    CLOZE_DEVICE int end(int64_t row) const { return first[chunks * v + row]; }
    // Later pieces of rows begin at least `piece` places apart, so that each has an index of its own.
    CLOZE_DEVICE float* partial(int64_t place) const { return partials + place / piece * d; }
};

}  // namespace

CLOZE_KERNEL(embedding_backward, const int32_t*, const int32_t*, const real*, float* dtable, float*, int64_t b,
             int64_t t, int64_t v, int64_t d, int64_t, int64_t, float* scratch) {
    if (!dtable) return;
    Sorted at(scratch, b * t, v, d);
    each((at.chunks + 1) * v + 1, false, [&](int64_t i, auto) { at.first[i] = 0; });
}

CLOZE_KERNEL(embedding_backward_count, const int32_t* ids, const int32_t*, const real*, float* dtable, float*,
             int64_t b, int64_t t, int64_t v, int64_t d, int64_t, int64_t, float* scratch) {
    Sorted at(scratch, b * t, v, d);
    int64_t token = thread_of_grid();
    if (dtable && token < at.n) atomicAdd(at.first + token / at.chunk * v + row_at(ids, token, v), 1);
}

// A thread a row. The places of a row depend on the order of threads; the order of sums does not.
CLOZE_KERNEL(embedding_backward_places, const int32_t*, const int32_t*, const real*, float* dtable, float*, int64_t b,
             int64_t t, int64_t v, int64_t d, int64_t, int64_t, float* scratch) {
    __shared__ int taken, before;
    if (!dtable) return;
    Sorted at(scratch, b * t, v, d);
    int64_t row = thread_of_grid();
    int count = 0;
    if (row < v)
        for (int64_t chunk = 0; chunk < at.chunks; chunk++) count += at.first[chunk * v + row];
    if (threadIdx.x == 0) taken = 0;
    __syncthreads();
    int place = count > 0 ? atomicAdd(&taken, count) : 0;
    __syncthreads();
    if (threadIdx.x == 0) before = atomicAdd(at.taken, taken);
    __syncthreads();
    if (row >= v) return;
    place += before;
    for (int64_t chunk = 0; chunk < at.chunks; chunk++) {
        int* first = at.first + chunk * v + row;
        int more = *first;
        *first = place;
        place += more;
    }
    at.first[at.chunks * v + row] = place;
}

// A thread a token, a tile a block.
CLOZE_KERNEL(embedding_backward_order, const int32_t* ids, const int32_t*, const real*, float* dtable, float*,
             int64_t b, int64_t t, int64_t v, int64_t d, int64_t, int64_t, float* scratch) {
    __shared__ int rows[tile];
    if (!dtable) return;
    Sorted at(scratch, b * t, v, d);
    int64_t token = thread_of_grid(), own = token - threadIdx.x, chunk = own / at.chunk;
    int row = token < at.n ? row_at(ids, token, v) : -1, rank = 0;
    for (int64_t from = chunk * at.chunk; from <= own; from += tile) {
        __syncthreads();  // all have compared
        rows[threadIdx.x] = from < own ? row_at(ids, from + threadIdx.x, v) : row;
        __syncthreads();
        int count = from < own ? tile : int(threadIdx.x);
#pragma unroll 8
        for (int i = 0; i < count; i++) rank += rows[i] == row;
    }
    if (token < at.n) at.order[at.first[chunk * v + row] + rank] = int(token);
}

// A warp for each place of `order`; it has work if a piece begins there. Then a warp a row, for rows without tokens.
CLOZE_KERNEL(embedding_backward_sum, const int32_t* ids, const int32_t*, const real* dy, float* dtable, float*,
             int64_t b, int64_t t, int64_t v, int64_t d, int64_t, int64_t accumulate, float* scratch) {
    if (!dtable) return;
    Sorted at(scratch, b * t, v, d);
    bool whole = aligned(dy, dtable, scratch) && d % pack == 0, adds = accumulate & 1;
    int64_t place = row_of_warp(), row = place - at.n;
    if (row >= 0) {
        if (row >= v || adds || at.begin(row) < at.end(row)) return;
        each_lane(d, whole, [&](int64_t i, auto step) { step.store(dtable + row * d + i, Floats<step.width>{}); });
        return;
    }
    row = row_at(ids, at.order[place], v);
    int64_t behind = place - at.begin(row), end = at.end(row);
    if (behind % piece) return;
    end = end < place + piece ? end : place + piece;
    float* to = behind ? at.partial(place) : dtable + row * d;
    each_lane(d, whole, [&](int64_t i, auto step) {
        Floats<step.width> sum{};
        if (adds && !behind) sum = step.load(to + i);
#pragma unroll 4
        for (int64_t j = place; j < end; j++) sum = sum + step.load(dy + at.order[j] * d + i);
        step.store(to + i, sum);
    });
}

// A warp for as many places as a piece has, among which at most one row of several pieces begins, and for 256 columns.
CLOZE_KERNEL(embedding_backward_join, const int32_t* ids, const int32_t*, const real*, float* dtable, float*, int64_t b,
             int64_t t, int64_t v, int64_t d, int64_t, int64_t, float* scratch) {
    if (!dtable) return;
    Sorted at(scratch, b * t, v, d);
    int64_t shares = (d + warp_columns - 1) / warp_columns, own = row_of_warp() / shares * piece;
    if (own >= at.n) return;
    int64_t place = -1;
#pragma unroll
    for (int half = 0; half < piece; half += 32) {
        int64_t mine = own + half + lane_of_warp(), row = mine < at.n ? row_at(ids, at.order[mine], v) : 0;
        uint32_t found = __ballot_sync(all_lanes, mine < at.n && at.begin(row) == mine && at.end(row) - mine > piece);
        if (found) place = own + half + __ffs(int(found)) - 1;
    }
    if (place < 0) return;
    int64_t row = row_at(ids, at.order[place], v), end = at.end(row), column = row_of_warp() % shares * warp_columns;
    int64_t columns = d - column < warp_columns ? d - column : warp_columns;
    each_lane(columns, aligned(dtable, scratch) && d % pack == 0, [&](int64_t i, auto step) {
        float* to = dtable + row * d + column + i;
        auto sum = step.load(to);
#pragma unroll 8
        for (int64_t j = place + piece; j < end; j += piece) sum = sum + step.load(at.partial(j) + column + i);
        step.store(to, sum);
    });
}

// A warp a row and 256 columns.
CLOZE_KERNEL(embedding_backward_positions, const int32_t*, const int32_t* starts, const real* dy, float*,
             float* dpositions, int64_t b, int64_t t, int64_t, int64_t d, int64_t p, int64_t accumulate, float*) {
    int64_t shares = (d + warp_columns - 1) / warp_columns, row = row_of_warp() / shares;
    if (!dpositions || row >= p) return;
    int64_t column = row_of_warp() % shares * warp_columns;
    int64_t columns = d - column < warp_columns ? d - column : warp_columns;
    each_lane(columns, aligned(dy, dpositions) && d % pack == 0, [&](int64_t i, auto step) {
        float* to = dpositions + row * d + column + i;
        Floats<step.width> sum{};
        if (accumulate & 2) sum = step.load(to);
#pragma unroll 4
        for (int64_t sample = 0; sample < b; sample++) {
            int64_t token = row - (starts ? starts[sample] : 0);
            if (token >= 0 && token < t) sum = sum + step.load(dy + (sample * t + token) * d + column + i);
        }
        step.store(to, sum);
    });
}
