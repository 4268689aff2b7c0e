#include <utility>

#include "cloze/gemm_parts.h"

namespace cloze::parts {
namespace {

// Lanes of x and y by blocks of d: low takes the even blocks of both, high the odd ones.
template <int d, size_t... i>
CLOZE_INLINE void swap_blocks(vf& x, vf& y, std::index_sequence<i...>) {
    vf low = __builtin_shufflevector(x, y, (int(i) & d ? int(i) - d + lanes : int(i))...);
    vf high = __builtin_shufflevector(x, y, (int(i) & d ? int(i) + lanes : int(i) + d)...);
    x = low, y = high;
}

template <int d>
CLOZE_INLINE void transpose_step(vf (&x)[lanes]) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes; i++)
        if (!(i & d)) swap_blocks<d>(x[i], x[i + d], std::make_index_sequence<size_t(lanes)>{});
}

// x[i][j] becomes x[j][i].
CLOZE_INLINE void transpose(vf (&x)[lanes]) {
    if constexpr (lanes >= 16) transpose_step<8>(x);
    if constexpr (lanes >= 8) transpose_step<4>(x);
    transpose_step<2>(x);
    transpose_step<1>(x);
}

void pack_ragged(const float* x, int64_t ld, bool across, int64_t count, int width, int64_t k, float* out) {
    int64_t step = across ? ld : 1, next = across ? 1 : ld;
    for (int64_t p = 0; p < k; p++)
        for (int64_t i = 0; i < width; i++) out[p * width + i] = i < count ? x[p * step + i * next] : 0.f;
}

// Packs several panels together, row by row of x, so that memory is read in order. If width is not a multiple of the
// lanes, whole vectors are stored and the next step overwrites the surplus. The last step of a panel is stored exactly,
// since another thread may own the next panel.
template <int width>
void pack_copy(const float* x, int64_t ld, int64_t panels, int64_t k, float* out) {
    constexpr bool whole = width % lanes == 0;
    int64_t p = 0;
    for (; p < k - !whole; p++)
        for (int64_t panel = 0; panel < panels; panel++)
#pragma GCC unroll 4
            for (int i = 0; i < width; i += lanes)
                store(out + (panel * k + p) * width + i, load(x + p * ld + panel * width + i));
    for (; p < k; p++)
        for (int64_t panel = 0; panel < panels; panel++)
            std::copy_n(x + p * ld + panel * width, width, out + (panel * k + p) * width);
}

template <int width>
void pack_transposed(const float* x, int64_t ld, int64_t k, float* out) {
    constexpr int last = (width - 1) / lanes * lanes;
    int64_t p = 0;
    for (; p + lanes < k + (width % lanes == 0); p += lanes) {
        // From the last group to the first: an incomplete group spills into the next row, which is written later.
#pragma GCC unroll 4
        for (int group = last; group >= 0; group -= lanes) {
            vf v[lanes];
#pragma GCC unroll 16
            for (int i = 0; i < lanes; i++) v[i] = group + i < width ? load(x + (group + i) * ld + p) : vf{};
            transpose(v);
#pragma GCC unroll 16
            for (int i = 0; i < lanes; i++) store(out + (p + i) * width + group, v[i]);
        }
    }
    pack_ragged(x + p, ld, false, width, width, k - p, out + p * width);
}

template <int width>
void pack(const float* x, int64_t ld, bool across, int64_t count, int64_t k, float* out) {
    constexpr int64_t streams = 16;  // panels written at a time
    int64_t whole = count / width;
    for (int64_t i = 0, panels; i < whole; i += panels) {
        panels = across ? std::min(streams, whole - i) : 1;
        if (across)
            pack_copy<width>(x + i * width, ld, panels, k, out + i * width * k);
        else
            pack_transposed<width>(x + i * width * ld, ld, k, out + i * width * k);
    }
    if (int64_t at = whole * width; at < count)
        pack_ragged(x + at * (across ? 1 : ld), ld, across, count - at, width, k, out + at * k);
}

}  // namespace

void pack_a(const float* a, int64_t lda, bool across, int64_t rows, int64_t k, float* out) {
    pack<tile_rows>(a, lda, across, rows, k, out);
}

void pack_b(const float* b, int64_t ldb, bool across, int64_t columns, int64_t k, float* out) {
    pack<tile_columns>(b, ldb, across, columns, k, out);
}

// One panel of rows at a time, in L1.
void gather_a(const Gather& a, int64_t row, int64_t rows, int64_t k, int64_t depth, float* out) {
    alignas(64) float lines[tile_rows * gathered_depth];
    for (int64_t i = 0; i < rows; i += tile_rows) {
        int64_t count = std::min<int64_t>(tile_rows, rows - i);
        a.rows(a.context, row + i, count, k, depth, lines, depth);
        pack_a(lines, depth, false, count, depth, out + i * depth);
    }
}

// A few rows of all panels at a time.
void gather_b(const Gather& b, int64_t k, int64_t depth, int64_t column, int64_t columns, float* out) {
    constexpr int64_t few = 8, wide = 16 * tile_columns;
    alignas(64) float lines[few * wide];
    for (int64_t j = 0; j < columns; j += wide) {
        int64_t width = std::min(wide, columns - j), ld = round_up(width, tile_columns);
        for (int64_t p = 0; p < depth; p += few) {
            int64_t count = std::min(few, depth - p);
            b.rows(b.context, k + p, count, column + j, width, lines, ld);
            for (int64_t i = 0; i < count; i++) {
                std::fill(lines + i * ld + width, lines + (i + 1) * ld, 0.f);
                for (int64_t panel = 0; panel < ld; panel += tile_columns)
                    std::copy_n(lines + i * ld + panel, tile_columns,
                                out + (j + panel) * depth + (p + i) * tile_columns);
            }
        }
    }
}

void panel_sums(const float* panels, int64_t rows, int64_t k, float* sums, bool add) {
    constexpr int vectors = (tile_rows + lanes - 1) / lanes, rest = tile_rows - (vectors - 1) * lanes;
    constexpr int chains = 4;  // hide the latency of the additions
    for (int64_t row = 0; row < rows; row += tile_rows, panels += k * tile_rows) {
        vf sum[chains][vectors] = {};
        int64_t p = 0;
        for (; p + chains < k; p += chains)
#pragma GCC unroll 4
            for (int chain = 0; chain < chains; chain++)
#pragma GCC unroll 4
                for (int i = 0; i < vectors; i++) sum[chain][i] += load(panels + (p + chain) * tile_rows + i * lanes);
        for (; p < k - 1; p++)
            for (int i = 0; i < vectors; i++) sum[0][i] += load(panels + p * tile_rows + i * lanes);
        if (k > 0)  // no float after the panel: it may belong to another thread
            for (int i = 0; i < vectors; i++)
                sum[1][i] += load(panels + p * tile_rows + i * lanes, i < vectors - 1 ? lanes : rest);
        for (int64_t i = 0; i < std::min<int64_t>(tile_rows, rows - row); i++) {
            auto at = [&](int chain) { return sum[chain][i / lanes][i % lanes]; };
            sums[row + i] = (add ? sums[row + i] : 0.f) + ((at(0) + at(1)) + (at(2) + at(3)));
        }
    }
}

}  // namespace cloze::parts
