#include <utility>

#include "cloze/gemm_parts.h"

namespace cloze::parts {
namespace {

// c [M, columns] (+)= start + a b; a [k][tile_rows], b [k][tile_columns] packed. Every sum is one chain of
// multiply-adds in the order of k for any M, so the bits do not depend on the division into tiles.
template <int M, int V>
void tile(int64_t k, const float* __restrict a, const float* __restrict b, const float* start, float* c, int64_t ldc,
          int64_t columns, bool add) {
    vf sum[M][V];
#pragma GCC unroll 16
    for (int i = 0; i < M; i++) {
        __builtin_prefetch(c + i * ldc, 1);
        if constexpr (V * lanes > 16) __builtin_prefetch(c + i * ldc + 16, 1);
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) sum[i][j] = load(start + j * lanes);
    }
    auto step = [&](int64_t p) __attribute__((always_inline)) {
        vf x[V];
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) x[j] = load(b + p * tile_columns + j * lanes);
#pragma GCC unroll 16
        for (int i = 0; i < M; i++) {
            vf y = broadcast(a[p * tile_rows + i]);
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) sum[i][j] += y * x[j];
        }
    };
    // Two steps per update of the pointers: other instructions of the loop compete with the multiply-adds for ports
    // (AVX-512: 97 % of the peak, 91 % if the compiler unrolls a loop of single steps).
    for (; k >= 2; k -= 2, a += 2 * tile_rows, b += 2 * tile_columns) step(0), step(1);
    if (k > 0) step(0);
    int64_t rest = columns - (V - 1) * lanes;
#pragma GCC unroll 16
    for (int i = 0; i < M; i++, c += ldc) {
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) {
            float* p = c + j * lanes;
            if (j < V - 1 || rest == lanes)
                store(p, add ? load(p) + sum[i][j] : sum[i][j]);
            else
                store(p, add ? load(p, rest) + sum[i][j] : sum[i][j], rest);
        }
    }
}

using Tile = void (*)(int64_t, const float*, const float*, const float*, float*, int64_t, int64_t, bool);

template <int V, size_t... i>
constexpr auto tiles(std::index_sequence<i...>) {
    struct Row {
        Tile of[sizeof...(i)];
    };
    return Row{{tile<int(i) + 1, V>...}};
}

constexpr auto heights = std::make_index_sequence<size_t(tile_rows)>{};
constexpr decltype(tiles<1>(heights)) table_1 = tiles<1>(heights);
constexpr auto table_2 = tiles<2>(heights);
#if CLOZE_LANES == 4 && defined(__aarch64__)
constexpr auto table_3 = tiles<3>(heights);
#endif

Tile tile_for(int64_t rows, int64_t columns) {
    int64_t vectors = ceil_div(columns, lanes);
#if CLOZE_LANES == 4 && defined(__aarch64__)
    if (vectors == 3) return table_3.of[rows - 1];
#endif
    return (vectors == 2 ? table_2.of : table_1.of)[rows - 1];
}

// Prefetches the next data into L2, some lines at each call.
class Fetch {
    Ahead left_;
    int64_t lines_, share_, line_ = 0;

  public:
    Fetch(const Ahead& next, int64_t shares)
        : left_(next), lines_(ceil_div(next.floats, 16)), share_(ceil_div(next.rows * lines_, shares)) {}

    void some() {
        for (int64_t i = 0; i < share_ && left_.rows > 0; i++) {
            __builtin_prefetch(left_.from + line_ * 16, 0, 2);
            if (left_.beside) __builtin_prefetch(left_.beside + line_ * 16, 0, 2);
            if (++line_ < lines_) continue;
            line_ = 0, left_.rows--, left_.from += left_.ld;
            if (left_.beside) left_.beside += left_.ld;
        }
    }
};

}  // namespace

// A panel of B stays in L1 while the panels of A are read from L2. Every tile prefetches some of the data that is
// packed next, so that packing does not wait for memory.
void multiply(const Block& x) {
    int64_t tiles = ceil_div(x.rows, tile_rows) * ceil_div(x.columns, tile_columns);
    Fetch fetch(x.next, tiles);
    for (int64_t j = 0; j < x.columns; j += tile_columns) {
        int64_t columns = std::min<int64_t>(tile_columns, x.columns - j);
        float start[tile_columns] = {};
        if (x.start) std::copy_n(x.start + j, columns, start);
        for (int64_t i = 0; i < x.rows; i += tile_rows) {
            int64_t rows = std::min<int64_t>(tile_rows, x.rows - i);
            fetch.some();
            tile_for(rows, columns)(x.k, x.a + i * x.k, x.b + j * x.k, start, x.c + i * x.ldc + j, x.ldc, columns,
                                    x.add);
            if (x.finish) x.finish->finish(x.finish->context, x.row + i, x.column + j, rows, columns);
        }
    }
}

}  // namespace cloze::parts
