#pragma once

#include <algorithm>

#include "cloze/gemm.h"
#include "cloze/vec.h"

// The parts of gemm, only for gemm.cpp.
namespace cloze::parts {

// A tile of C is tile_rows x tile_vectors vectors of sums in registers; tile_vectors more registers hold B and one
// holds A. Floats per tile: 14 x 32 with AVX-512 (32 registers), 6 x 16 with AVX2 (16), 6 x 8 with SSE (16), 8 x 12 on
// aarch64 (32).
#if CLOZE_LANES == 16
inline constexpr int tile_rows = 14, tile_vectors = 2;
#elif CLOZE_LANES == 4 && defined(__aarch64__)
inline constexpr int tile_rows = 8, tile_vectors = 3;
#else
inline constexpr int tile_rows = 6, tile_vectors = 2;
#endif
inline constexpr int tile_columns = tile_vectors * lanes;

constexpr int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
constexpr int64_t round_up(int64_t a, int64_t b) {
    return ceil_div(a, b) * b;
}

// Panels of the width of a tile, out[panel][k][width], of the elements x(across, along); x is contiguous along k, or
// across. An incomplete last panel of B is filled with zeros; one of A is not, since its tile has fewer rows.
void pack_a(const float* a, int64_t lda, bool across, int64_t rows, int64_t k, float* out);
void pack_b(const float* b, int64_t ldb, bool across, int64_t columns, int64_t k, float* out);

// The same for gathered operands: A along k, at most gathered_depth at a time, B across.
inline constexpr int64_t gathered_depth = 384;
void gather_a(const Gather& a, int64_t row, int64_t rows, int64_t k, int64_t depth, float* out);
void gather_b(const Gather& b, int64_t k, int64_t depth, int64_t column, int64_t columns, float* out);

// sums [rows] (+)= the sums along k of packed panels of A.
void panel_sums(const float* panels, int64_t rows, int64_t k, float* sums, bool add);

// Data to prefetch: rows of contiguous floats, ld apart.
struct Ahead {
    const float* from = nullptr;
    int64_t ld = 0, rows = 0, floats = 0;
    const float* beside = nullptr;  // a second array with the same layout
};

// C [rows, columns] (+)= A B over packed panels; starts from start (bias) if given; finish as in Product.
struct Block {
    int64_t rows, columns, k;
    const float* a;
    const float* b;
    const float* start;
    float* c;
    int64_t ldc;
    bool add;
    const Product* finish;  // null: not the last block of k
    int64_t row, column;    // of the first element, for finish
    Ahead next = {};        // prefetched into L2 meanwhile
};
void multiply(const Block& block);

// op(A) = A, op(B) = B transposed, both contiguous along k: sums over lanes, without packing. For few rows.
bool is_thin(const Product& product);
void thin(const Product& product, bool serial);

}  // namespace cloze::parts
