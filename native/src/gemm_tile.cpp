#include <utility>

#include "cloze/gemm_parts.h"

namespace cloze::parts {
namespace {

// c [M, columns] (+)= start + a b; a [k][tile_rows], b [k][tile_columns] packed. Every sum is one chain of
// multiply-adds in the order of k, whatever M: so the bits do not depend on how rows fall into tiles.
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
#pragma GCC unroll 4
    for (int64_t p = 0; p < k; p++, a += tile_rows, b += tile_columns) {
        vf x[V];
#pragma GCC unroll 4
        for (int j = 0; j < V; j++) x[j] = load(b + j * lanes);
#pragma GCC unroll 16
        for (int i = 0; i < M; i++) {
            vf y = broadcast(a[i]);
#pragma GCC unroll 4
            for (int j = 0; j < V; j++) sum[i][j] += y * x[j];
        }
    }
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

}  // namespace

// A panel of B stays in the first cache while the panels of A pass by from the second.
void multiply(const Block& x) {
    for (int64_t j = 0; j < x.columns; j += tile_columns) {
        int64_t columns = std::min<int64_t>(tile_columns, x.columns - j);
        float start[tile_columns] = {};
        if (x.start) std::copy_n(x.start + j, columns, start);
        for (int64_t i = 0; i < x.rows; i += tile_rows) {
            int64_t rows = std::min<int64_t>(tile_rows, x.rows - i);
            tile_for(rows, columns)(x.k, x.a + i * x.k, x.b + j * x.k, start, x.c + i * x.ldc + j, x.ldc, columns,
                                    x.add);
            if (x.finish) x.finish->finish(x.finish->context, x.row + i, x.column + j, rows, columns);
        }
    }
}

}  // namespace cloze::parts
