#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "cloze/choices.h"
#include "cloze/export.h"
#include "cloze/threads.h"

// dnnl_sgemm on our thread pool: oneDNN's OpenMP runs one thread inside each of ours, so that no second team of threads
// spins.

namespace cloze {
namespace {

using Sgemm = int (*)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t, float,
                      float*, int64_t);
using SetThreads = void (*)(int);

std::atomic<Sgemm> sgemm{nullptr};
std::atomic<SetThreads> omp_set_num_threads{nullptr};

constexpr int64_t least = 128, parts = 8;

// Rows [row, row + rows) and columns [column, column + columns) of C.
void multiply(const Product& p, int64_t row, int64_t rows, int64_t column, int64_t columns) {
    static thread_local bool single = false;
    if (!single) {
        if (auto set = omp_set_num_threads.load()) set(1);
        single = true;
    }
    float* c = p.c + row * p.ldc + column;
    sgemm.load()(p.transpose_a ? 'T' : 'N', p.transpose_b ? 'T' : 'N', rows, columns, p.k, 1.f,
                 p.a + (p.transpose_a ? row : row * p.lda), p.lda, p.b + (p.transpose_b ? column * p.ldb : column),
                 p.ldb, p.add ? 1.f : 0.f, c, p.ldc);
    if (p.bias)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) c[i * p.ldc + j] += p.bias[column + j];
    if (p.finish) p.finish(p.context, row, column, rows, columns);
}

}  // namespace

bool onednn_is_open() {
    return sgemm.load() != nullptr;
}

void onednn_gemm(const Product& p) {
    if (p.k <= 0) return own_gemm(p);  // dnnl_sgemm would leave C unchanged
    if (p.prepare)
        parallel_blocks(p.n, 64, [&](int64_t begin, int64_t end) { p.prepare(p.context, begin, 0, end - begin, p.k); });
    bool by_rows = p.n >= p.m;
    int64_t size = by_rows ? p.n : p.m;
    int64_t block = std::max(least, ((size + parts - 1) / parts + 15) / 16 * 16);
    parallel_blocks(size, block, [&](int64_t begin, int64_t end) {
        if (by_rows)
            multiply(p, begin, end - begin, 0, p.m);
        else
            multiply(p, 0, p.n, begin, end - begin);
    });
    if (p.row_sums) column_sums(p.a, p.k, p.n, p.lda, p.row_sums, p.add_row_sums);
}

}  // namespace cloze

// Opens libdnnl and the libgomp beside it. Returns 1 if it can be used from now on, else 0. Stays open.
CLOZE_EXPORT int64_t onednn_open(const char* path) noexcept try {
    std::string beside(path);
    size_t slash = beside.rfind('/');
    beside = (slash == std::string::npos ? std::string() : beside.substr(0, slash + 1)) + "libgomp.so.1";
    dlopen(beside.c_str(), RTLD_NOW | RTLD_GLOBAL);  // if absent, the system's is used or none is needed
    void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) return 0;
    auto found = reinterpret_cast<cloze::Sgemm>(dlsym(library, "dnnl_sgemm"));
    auto set = reinterpret_cast<cloze::SetThreads>(dlsym(library, "omp_set_num_threads"));
    if (!found) return 0;
    cloze::omp_set_num_threads = set;
    cloze::sgemm = found;
    return 1;
}
CLOZE_CATCH
