#pragma once

#include <utility>

#include "cloze/vec.h"

// Register tiles for multiplications of small matrices in L1 or L2: c [rows, vectors * lanes] += a b, where a is read
// element by element with any strides (so also transposed) and b vector by vector.

namespace cloze {

// 12 of 16 or 24 of 32 registers accumulate; the rest hold a row of b and an element of a.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int tile_rows = 12;
#else
inline constexpr int tile_rows = 6;
#endif
inline constexpr int tile_vectors = 2;  // pack_columns is written for two
inline constexpr int panel = tile_vectors * lanes;

inline int64_t round_up(int64_t n, int64_t step) {
    return (n + step - 1) / step * step;
}

// A matrix operand read element by element: element (r, i) is at p[r * row + i * step].
struct Left {
    const float* p;
    int64_t row, step;
};

template <int R, int V>
struct Tile {
    vf c[R][V];

    // Unrolled like all loops over a tile: otherwise the compiler does not keep it in registers.
    template <class F>
    CLOZE_INLINE void each(F&& f) {
#pragma GCC unroll 16
        for (int r = 0; r < R; r++)
#pragma GCC unroll 4
            for (int v = 0; v < V; v++) f(r, v, c[r][v]);
    }

    CLOZE_INLINE void zero() {
        each([](int, int, vf& x) { x = vf{}; });
    }

    // c += a b over k terms; b [k, V * lanes] with rows ldb apart
    CLOZE_INLINE void multiply(Left left, const float* b, int64_t ldb, int64_t k) {
        const float* a = left.p;
        for (int64_t i = 0; i < k; i++, a += left.step, b += ldb) {
            vf x[V];
            for (int v = 0; v < V; v++) x[v] = load(b + v * lanes);
#pragma GCC unroll 16
            for (int r = 0; r < R; r++) {
                vf s = broadcast(a[r * left.row]);
                for (int v = 0; v < V; v++) c[r][v] += s * x[v];
            }
        }
    }

    CLOZE_INLINE void read(const float* from, int64_t ld) {
        each([=](int r, int v, vf& x) { x = load(from + r * ld + v * lanes); });
    }

    CLOZE_INLINE void write(float* to, int64_t ld) {
        each([=](int r, int v, vf& x) { store(to + r * ld + v * lanes, x); });
    }
};

// Divides n rows into tiles of sizes that differ by at most one: tile t holds the rows [begin(t), begin(t + 1)).
struct Rows {
    int64_t count, each, more;

    explicit Rows(int64_t n)
        : count((n + tile_rows - 1) / tile_rows), each(count ? n / count : 0), more(n - each * count) {}
    int64_t begin(int64_t t) const { return t * each + (t < more ? t : more); }
};

// f.template operator()<R>() with R = rows, for 1 <= rows <= tile_rows
template <int R = tile_rows, class F>
CLOZE_INLINE void with_rows(int64_t rows, F&& f) {
    if constexpr (R > 1) {
        if (rows < R) return with_rows<R - 1>(rows, std::forward<F>(f));
    }
    f.template operator()<R>();
}

// f.template operator()<V>(column) for each group of V vectors of `width` columns (whole vectors)
template <class F>
CLOZE_INLINE void column_groups(int64_t width, F&& f) {
    int64_t c = 0;
    for (; c + panel <= width; c += panel) f.template operator()<tile_vectors>(c);
    if (c < width) f.template operator()<1>(c);
}

// transposes lanes x lanes in registers: first 4 x 4 within 128 bits, then the 128-bit parts among the vectors
CLOZE_INLINE void transpose(vf (&x)[lanes]) {
#if CLOZE_LANES == 16
#define CLOZE_PICK(a, b, w, x, y, z)                                                                                  \
    __builtin_shufflevector(a, b, w, x, y, z, w + 4, x + 4, y + 4, z + 4, w + 8, x + 8, y + 8, z + 8, w + 12, x + 12, \
                            y + 12, z + 12)
#elif CLOZE_LANES == 8
#define CLOZE_PICK(a, b, w, x, y, z) __builtin_shufflevector(a, b, w, x, y, z, w + 4, x + 4, y + 4, z + 4)
#else
#define CLOZE_PICK(a, b, w, x, y, z) __builtin_shufflevector(a, b, w, x, y, z)
#endif
    constexpr int L = lanes;
    for (int g = 0; g < L; g += 4) {
        vf a = CLOZE_PICK(x[g], x[g + 1], 0, L, 1, L + 1), b = CLOZE_PICK(x[g + 2], x[g + 3], 0, L, 1, L + 1);
        vf c = CLOZE_PICK(x[g], x[g + 1], 2, L + 2, 3, L + 3), d = CLOZE_PICK(x[g + 2], x[g + 3], 2, L + 2, 3, L + 3);
        x[g] = CLOZE_PICK(a, b, 0, 1, L, L + 1);
        x[g + 1] = CLOZE_PICK(a, b, 2, 3, L + 2, L + 3);
        x[g + 2] = CLOZE_PICK(c, d, 0, 1, L, L + 1);
        x[g + 3] = CLOZE_PICK(c, d, 2, 3, L + 2, L + 3);
    }
#undef CLOZE_PICK
#if CLOZE_LANES == 8
    for (int i = 0; i < 4; i++) {
        vf a = x[i], b = x[i + 4];
        x[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
        x[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    }
#elif CLOZE_LANES == 16
    for (int i = 0; i < 4; i++) {
        vf a = x[i], b = x[i + 4], c = x[i + 8], d = x[i + 12];
        vf e = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        vf f = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
        vf g = __builtin_shufflevector(c, d, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        vf h = __builtin_shufflevector(c, d, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
        x[i] = __builtin_shufflevector(e, g, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        x[i + 4] = __builtin_shufflevector(f, h, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27);
        x[i + 8] = __builtin_shufflevector(e, g, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
        x[i + 12] = __builtin_shufflevector(f, h, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
    }
#endif
}

// rows [n, width] of x times scale, padded with zeros to whole vectors
inline void copy_rows(const float* x, int64_t stride, int64_t n, int64_t width, float scale, float* rows) {
    int64_t whole = width / lanes * lanes, padded = round_up(width, lanes);
    for (int64_t i = 0; i < n; i++, x += stride, rows += padded) {
        for (int64_t d = 0; d < whole; d += lanes) store(rows + d, load(x + d) * scale);
        if (whole < width) store(rows + whole, load(x + whole, width - whole) * scale);
    }
}

// the transpose of lanes x lanes (or fewer rows or columns) at `from` times scale, to rows of `to`
CLOZE_INLINE void transpose_block(const float* from, int64_t stride, float scale, float* to, int64_t ld) {
    vf block[lanes];
#pragma GCC unroll 16
    for (int r = 0; r < lanes; r++) block[r] = load(from + r * stride) * scale;
    transpose(block);
#pragma GCC unroll 16
    for (int c = 0; c < lanes; c++) store(to + c * ld, block[c]);
}
inline void transpose_block(const float* from, int64_t stride, int64_t rows, int64_t columns, float scale, float* to,
                            int64_t ld) {
    vf block[lanes];
    for (int r = 0; r < lanes; r++)
        block[r] =
            r >= rows ? vf{} : (columns >= lanes ? load(from + r * stride) : load(from + r * stride, columns)) * scale;
    transpose(block);
    for (int c = 0; c < lanes && c < columns; c++) store(to + c * ld, block[c]);
}

// The transpose of n rows [n, width] times scale, in panels [width, panel]; the last vector of rows is padded with
// zeros.
inline void pack_transposed(const float* x, int64_t stride, int64_t n, int64_t width, float scale, float* panels) {
    for (int64_t i = 0; i < n; i += lanes) {
        float* to = panels + i / panel * panel * width + i % panel;
        const float* from = x + i * stride;
        int64_t d = 0;
        if (i + lanes <= n)
            for (; d + lanes <= width; d += lanes) transpose_block(from + d, stride, scale, to + d * panel, panel);
        for (; d < width; d += lanes) transpose_block(from + d, stride, n - i, width - d, scale, to + d * panel, panel);
    }
}

// x [n, width] as panels of at most panel columns, each [n, columns of the panel], padded with zeros to whole vectors
inline void pack_columns(const float* x, int64_t stride, int64_t n, int64_t width, float* groups) {
    int64_t c = 0;
    for (; c + panel <= width; c += panel)
        for (int64_t i = 0; i < n; i++, groups += panel)
            for (int v = 0; v < tile_vectors; v++) store(groups + v * lanes, load(x + i * stride + c + v * lanes));
    if (c + lanes < width) {
        for (int64_t i = 0; i < n; i++, groups += panel) {
            store(groups, load(x + i * stride + c));
            store(groups + lanes, load(x + i * stride + c + lanes, width - c - lanes));
        }
    } else if (c + lanes == width) {
        for (int64_t i = 0; i < n; i++, groups += lanes) store(groups, load(x + i * stride + c));
    } else if (c < width) {
        for (int64_t i = 0; i < n; i++, groups += lanes) store(groups, load(x + i * stride + c, width - c));
    }
}

}  // namespace cloze
