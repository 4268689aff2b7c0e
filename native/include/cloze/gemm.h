#pragma once

#include <cstdint>

namespace cloze {

// An operand that lies in no matrix: writes floats [at, at + count) of its rows [row, row + rows) to `to`, ld apart.
struct Gather {
    void (*rows)(const void* context, int64_t row, int64_t rows, int64_t at, int64_t count, float* to, int64_t ld);
    const void* context;
};

// C [n, m] (+)= op(A) [n, k] op(B) [k, m] + bias, all row major with leading dimensions; op(X) is X, or X transposed.
// C overlaps neither A nor B. The bits depend on the shape alone, not on the number of threads.
struct Product {
    int64_t n, m, k;
    const float* a;
    int64_t lda;
    bool transpose_a;
    const float* b;
    int64_t ldb;
    bool transpose_b;
    float* c;
    int64_t ldc;
    bool add = false;             // C += instead of C =, which does not read C
    const float* bias = nullptr;  // [m]
    float* row_sums =
        nullptr;  // [n] (+)= the sums of the rows of op(A): dbias beside dweight; needs transpose_a, m > 0
    bool add_row_sums = false;
    // Called from any thread, once for every tile of C as it is finished, while it is in the first cache; and once for
    // every rectangle of op(A) right before it is read (not with transpose_b).
    void (*finish)(const void* context, int64_t row, int64_t column, int64_t rows, int64_t columns) = nullptr;
    void (*prepare)(const void* context, int64_t row, int64_t k, int64_t rows, int64_t depth) = nullptr;
    const void* context = nullptr;
    const float* prepared = nullptr;   // what prepare reads, laid out as A: fetched in time
    const Gather* gather_a = nullptr;  // in place of a, not transposed; called from any thread
    const Gather* gather_b = nullptr;  // in place of b, not transposed
};

void gemm(const Product& product);         // on the pool
void gemm_serial(const Product& product);  // on this thread: for a task of the pool

// sums [m] (+)= the sums of the columns of x [n, m].
void column_sums(const float* x, int64_t n, int64_t m, int64_t ld, float* sums, bool add);

}  // namespace cloze
