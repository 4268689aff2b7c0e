#include "cloze/gemm_parts.h"
#include "cloze/threads.h"

// y [n, m] = x [n, k] w [m, k]^T for few rows: decoding and short sentences. w is read once, directly from memory.
namespace cloze::parts {
namespace {

constexpr int rows_at_once = 4;
constexpr int64_t thin_rows = 32, thin_depth = 4 * lanes;

// N rows of x times M rows of w: N * M sums over lanes, at most 12.
template <int N, int M>
CLOZE_INLINE void dots(const Product& p, int64_t i, int64_t j) {
    vf sum[N][M] = {};
    const float* x = p.a + i * p.lda;
    const float* w = p.b + j * p.ldb;
    int64_t t = 0;
    auto step = [&](auto fetch) {
        vf v[N];
#pragma GCC unroll 4
        for (int r = 0; r < N; r++) v[r] = fetch(x + r * p.lda + t);
#pragma GCC unroll 4
        for (int c = 0; c < M; c++) {
            vf u = fetch(w + c * p.ldb + t);
#pragma GCC unroll 4
            for (int r = 0; r < N; r++) sum[r][c] += v[r] * u;
        }
    };
    for (; t + lanes <= p.k; t += lanes) step([](const float* f) { return load(f); });
    if (t < p.k) step([&](const float* f) { return load(f, p.k - t); });
    for (int r = 0; r < N; r++)
        for (int c = 0; c < M; c++) {
            float* out = p.c + (i + r) * p.ldc + j + c;
            float y = hsum(sum[r][c]) + (p.bias ? p.bias[j + c] : 0.f);
            *out = p.add ? *out + y : y;
        }
}

template <int M>
void columns(const Product& p, int64_t j) {
    int64_t i = 0;
    for (; i + rows_at_once <= p.n; i += rows_at_once) dots<rows_at_once, M>(p, i, j);
    if (p.n - i == 1) dots<1, M>(p, i, j);
    if (p.n - i == 2) dots<2, M>(p, i, j);
    if (p.n - i == 3) dots<3, M>(p, i, j);
}

}  // namespace

bool is_thin(const Product& p) {
    return !p.gather_a && !p.transpose_a && p.transpose_b && p.n <= thin_rows && p.k >= thin_depth;
}

void thin(const Product& p, bool serial) {
    constexpr int64_t wide = 3;
    int64_t block = round_up(std::clamp<int64_t>((int64_t{1} << 18) / (p.k * p.n), 16, 192), wide * 16);
    auto task = [&](int64_t begin, int64_t end) {
        int64_t j = begin;
        for (; j + wide <= end; j += wide) columns<wide>(p, j);
        for (; j < end; j++) columns<1>(p, j);
        if (p.finish) p.finish(p.context, 0, begin, p.n, end - begin);
    };
    if (serial)
        task(0, p.m);
    else
        parallel_blocks(p.m, block, task);
}

}  // namespace cloze::parts
