#pragma once

#include <cstdint>

namespace cloze {

// An operand that is not stored as a matrix: writes floats [at, at + count) of its rows [row, row + rows) to `to`, ld
// apart.
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
    bool add = false;             // C += instead of C =; the latter does not read C
    const float* bias = nullptr;  // [m]
    float* row_sums =
        nullptr;  // [n] (+)= the sums of the rows of op(A): dbias beside dweight; needs transpose_a, m > 0
    bool add_row_sums = false;
    // Called from any thread: finish once for every complete tile of C, while it is in L1; prepare once for every
    // rectangle of op(A) right before it is read (not with transpose_b).
    void (*finish)(const void* context, int64_t row, int64_t column, int64_t rows, int64_t columns) = nullptr;
    void (*prepare)(const void* context, int64_t row, int64_t k, int64_t rows, int64_t depth) = nullptr;
    const void* context = nullptr;
    const float* prepared = nullptr;   // input of prepare, with the layout of A: prefetched
    const Gather* gather_a = nullptr;  // replaces a, not transposed; called from any thread
    const Gather* gather_b = nullptr;  // replaces b, not transposed
};

void gemm(const Product& product);         // on the thread pool
void gemm_serial(const Product& product);  // on this thread, for calls inside a task of the pool

// sums [m] (+)= the sums of the columns of x [n, m].
void column_sums(const float* x, int64_t n, int64_t m, int64_t ld, float* sums, bool add);

}  // namespace cloze
