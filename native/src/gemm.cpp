#include "cloze/gemm.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "cloze/choices.h"
#include "cloze/gemm_parts.h"
#include "cloze/threads.h"

// Matrix multiplication by Goto's algorithm: panels of B in L1, a block of A in L2. The smaller operand is packed once
// for all threads; each task packs its part of the other right before use. k is divided at fixed places that do not
// depend on the threads.
namespace cloze {
namespace {

using namespace parts;

// B takes 24 KB and A 9 KB per tile in L1. With 16 lanes they take 48 and 21 KB, which exceeds it, but a k of 384 then
// needs one pass over C, and shorter blocks were not faster (128 to 384 within 2 %).
constexpr int64_t k_block = 384;
static_assert(k_block <= gathered_depth);
constexpr int64_t row_block = 192;          // 288 KB of A in L2
constexpr int64_t column_block = 512;       // 768 KB of B in L2 if tasks pack B
constexpr int64_t shared_floats = 4 << 20;  // at most 16 MiB are packed for all threads, then the next part of k

struct Plan {
    const Product& p;
    bool serial;
    bool share_b;     // true: tasks own rows of C and pack A; false: they own columns of C and pack B
    int64_t k_step;   // one block of k
    int64_t stretch;  // k between two packings of the shared operand: a multiple of k_step
    int64_t chunk;    // rows or columns of a task
    int64_t span;     // of the shared operand: columns or rows, padded to panels
    float* shared = nullptr;

    explicit Plan(const Product& product, bool serial) : p(product), serial(serial), share_b(product.m <= product.n) {
        k_step = round_up(ceil_div(std::max<int64_t>(p.k, 1), ceil_div(std::max<int64_t>(p.k, 1), k_block)), 8);
        span = share_b ? round_up(p.m, tile_columns) : round_up(p.n, tile_rows);
        stretch = std::max<int64_t>(shared_floats / span / k_step, 1) * k_step;
        chunk = share_b ? chunk_of(p.n, row_block, 8 * tile_rows, tile_rows)
                        : chunk_of(p.m, column_block, 4 * tile_columns, tile_columns);
    }

    // Close to most, but smaller if that gives every thread the same number of tasks.
    int64_t chunk_of(int64_t size, int64_t most, int64_t least, int64_t unit) const {
        int64_t team = serial ? 1 : threads();
        int64_t tasks = std::max(ceil_div(size, most), std::min(team * (team > 1 ? 3 : 1), ceil_div(size, least)));
        return round_up(ceil_div(size, round_up(tasks, size >= least * team ? team : 1)), unit);
    }

    template <class F>
    void each(int64_t tasks, F&& f) const {
        if (serial)
            for (int64_t i = 0; i < tasks; i++) f(i);
        else
            parallel(tasks, f);
    }

    const float* a_at(int64_t row, int64_t k) const {
        return p.a + (p.transpose_a ? k * p.lda + row : row * p.lda + k);
    }
    const float* b_at(int64_t k, int64_t column) const {
        return p.b + (p.transpose_b ? column * p.ldb + k : k * p.ldb + column);
    }

    // Packs op(A)[row.., k..] and does the work on A that must be done exactly once.
    void pack_rows(int64_t row, int64_t rows, int64_t k, int64_t depth, float* out) const {
        if (p.prepare) p.prepare(p.context, row, k, rows, depth);
        if (p.gather_a)
            gather_a(*p.gather_a, row, rows, k, depth, out);
        else
            pack_a(a_at(row, k), p.lda, p.transpose_a, rows, depth, out);
        if (p.row_sums) panel_sums(out, rows, depth, p.row_sums + row, p.add_row_sums || k > 0);
    }

    void pack_columns(int64_t column, int64_t columns, int64_t k, int64_t depth, float* out) const {
        if (p.gather_b)
            gather_b(*p.gather_b, k, depth, column, columns, out);
        else
            pack_b(b_at(k, column), p.ldb, !p.transpose_b, columns, depth, out);
    }

    // Shared layout: [block of k][panel][k][width]. A task owns some panels for all k, so that their sums have one
    // order. It owns many, since a single panel may use only one cache line of each row.
    void pack_shared(int64_t k_begin, int64_t k_end) const {
        int64_t width = share_b ? tile_columns : tile_rows, size = share_b ? p.m : p.n;
        int64_t team = serial ? 1 : threads();
        int64_t group = width * std::clamp<int64_t>(ceil_div(size, width * (team > 1 ? 2 * team : 1)), 1, 16);
        each(ceil_div(size, group), [&](int64_t task) {
            int64_t at = task * group, count = std::min(group, size - at), k = k_begin;
            do {
                int64_t depth = std::min(k_step, k_end - k);
                float* out = shared + (k - k_begin) * span + at * depth;
                if (share_b)
                    pack_columns(at, count, k, depth, out);
                else
                    pack_rows(at, count, k, depth, out);
                k += depth;
            } while (k < k_end);
        });
    }

    void block(int64_t row, int64_t rows, int64_t column, int64_t columns, int64_t k, int64_t depth, const float* a,
               const float* b, const Ahead& next) const {
        bool last = k + depth >= p.k;
        multiply({rows, columns, depth, a, b, k == 0 && p.bias ? p.bias + column : nullptr, p.c + row * p.ldc + column,
                  p.ldc, p.add || k > 0, last && p.finish ? &p : nullptr, row, column, next});
    }

    // The data that this thread packs after the block at k: the same rows or columns further along k, or those of its
    // next task (a guess with several threads).
    Ahead ahead(int64_t at, int64_t k, int64_t k_begin, int64_t k_end) const {
        if (k >= k_end) at += chunk * (serial ? 1 : threads()), k = k_begin;
        int64_t count = std::min(chunk, (share_b ? p.n : p.m) - at), depth = std::min(k_step, k_end - k);
        if (count <= 0 || (share_b ? p.gather_a : p.gather_b)) return {};
        bool across = share_b ? p.transpose_a : !p.transpose_b;
        const float* from = share_b ? a_at(at, k) : b_at(k, at);
        return {from, share_b ? p.lda : p.ldb, across ? depth : count, across ? count : depth,
                share_b && p.prepared ? p.prepared + (from - p.a) : nullptr};
    }

    void own_rows(int64_t row, int64_t k_begin, int64_t k_end, float* mine) const {
        int64_t rows = std::min(chunk, p.n - row);
        int64_t k = k_begin;
        do {
            int64_t depth = std::min(k_step, k_end - k);
            pack_rows(row, rows, k, depth, mine);
            block(row, rows, 0, p.m, k, depth, mine, shared + (k - k_begin) * span,
                  ahead(row, k + depth, k_begin, k_end));
            k += depth;
        } while (k < k_end);
    }

    void own_columns(int64_t column, int64_t k_begin, int64_t k_end, float* mine) const {
        constexpr int64_t high = row_block / tile_rows * tile_rows;
        int64_t columns = std::min(chunk, p.m - column);
        int64_t k = k_begin;
        do {
            int64_t depth = std::min(k_step, k_end - k);
            pack_columns(column, columns, k, depth, mine);
            const float* a = shared + (k - k_begin) * span;
            for (int64_t row = 0; row < p.n; row += high)
                block(row, std::min(high, p.n - row), column, columns, k, depth, a + row * depth, mine,
                      row == 0 ? ahead(column, k + depth, k_begin, k_end) : Ahead{});
            k += depth;
        } while (k < k_end);
    }

    bool run() {
        shared = scratch(Slot::shared_b, size_t(std::min(round_up(p.k, k_step), stretch) * span + lanes));
        if (!shared) return false;
        std::atomic<bool> fine{true};
        int64_t k = 0;
        do {
            int64_t end = std::min(k + stretch, p.k);
            pack_shared(k, end);
            each(ceil_div(share_b ? p.n : p.m, chunk), [&](int64_t task) {
                float* mine = scratch(Slot::gemm_a, size_t(chunk * k_step + lanes));
                if (!mine)
                    fine = false;
                else if (share_b)
                    own_rows(task * chunk, k, end, mine);
                else
                    own_columns(task * chunk, k, end, mine);
            });
            k = end;
        } while (k < p.k);
        return fine;
    }
};

void multiply_any(const Product& p, bool serial) {
    if (p.n <= 0 || p.m <= 0) return;
    if (is_thin(p)) return thin(p, serial);
    if (Plan(p, serial).run()) return;
    std::fputs("cloze: no memory left to pack a matrix product\n", stderr);
    std::abort();
}

}  // namespace

void own_gemm(const Product& product) {
    multiply_any(product, false);
}

void gemm(const Product& product) {
    if (product.gather_a || product.gather_b || !by_choice(product)) own_gemm(product);
}

void gemm_serial(const Product& product) {
    multiply_any(product, true);
}

}  // namespace cloze
