#include <algorithm>
#include <cmath>
#include <vector>

#include "cloze/export.h"
#include "cloze/gemm.h"
#include "cloze/threads.h"
#include "cloze/vec.h"

// gradient, weight, momentum [n, m]; scratch [3 n m + 2 r r], r = min(n, m). Newton-Schulz drives the singular values
// of the step towards 1: with S = X X^T, X becomes a X + (b S + c S S) X. S and S S are symmetric: only the blocks on
// and below the diagonal are multiplied, 0.6 of the work at r = 768. Tall matrices use S = X^T X from the right instead
// of being transposed.

using namespace cloze;

namespace {

constexpr float a = 3.4445f, b = -4.7750f, c = 2.0315f;
constexpr int64_t block = 65536, side = 128;

template <class F>
void each(int64_t n, F f) {
    parallel_blocks(n, block, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++) f(i);
    });
}

double squared_norm(const float* x, int64_t n) {
    std::vector<double> sums(size_t((n + block - 1) / block));
    parallel_blocks(n, block, [&](int64_t begin, int64_t end) {
        double sum = 0;
        for (int64_t i = begin; i < end; i++) sum += double(x[i]) * double(x[i]);
        sums[size_t(begin / block)] = sum;
    });
    double total = 0;
    for (double sum : sums) total += sum;
    return total;
}

// The part above the diagonal from the part below.
void mirror(float* s, int64_t r) {
    parallel_blocks(r, 32, [&](int64_t begin, int64_t end) {
        for (int64_t column = 0; column < end; column += 32)
            for (int64_t i = begin; i < end; i++)
                for (int64_t j = column; j < std::min(i, column + 32); j++) s[j * r + i] = s[i * r + j];
    });
}

// s [r, r] = x x^T of x [r, k], or x^T x of x [k, r].
void square(const float* x, int64_t r, int64_t k, bool transposed, float* s) {
    int64_t ld = transposed ? r : k;
    for (int64_t i = 0; i < r; i += side) {
        int64_t rows = std::min(side, r - i);
        gemm({rows, i + rows, k, x + (transposed ? i : i * ld), ld, transposed, x, ld, !transposed, s + i * r, r});
    }
    mirror(s, r);
}

// x [n, m] is the input, the result is where the function says: x or y.
float* newton_schulz(float* x, float* y, float* s, float* t, int64_t n, int64_t m) {
    bool tall = n > m;
    int64_t r = std::min(n, m), k = std::max(n, m);
    for (int step = 0; step < 5; step++) {
        square(x, r, k, tall, s);
        square(s, r, r, false, t);
        each(r * r, [=](int64_t i) { t[i] = b * s[i] + c * t[i]; });
        for (int64_t i = 0; i < r; i++) t[i * r + i] += a;
        if (tall)
            gemm({n, m, m, x, m, false, t, m, false, y, m});
        else
            gemm({n, m, n, t, n, false, x, m, false, y, m});
        std::swap(x, y);
    }
    return x;
}

}  // namespace

CLOZE_EXPORT int64_t muon_step(const float* gradient, float* weight, float* momentum, float* scratch, int64_t n,
                               int64_t m, float lr, float beta, float decay, float gradient_scale) noexcept try {
    if (n <= 0 || m <= 0) return ok;
    int64_t size = n * m, r = std::min(n, m);
    float *u = scratch, *v = u + size, *s = v + size, *t = s + r * r;
    each(size, [=](int64_t i) {
        float g = gradient[i] * gradient_scale;
        momentum[i] = beta * momentum[i] + g;
        u[i] = g + beta * momentum[i];
    });
    float unit = float(1 / (std::sqrt(squared_norm(u, size)) + 1e-7));
    each(size, [=](int64_t i) { u[i] *= unit; });
    const float* step = newton_schulz(u, v, s, t, n, m);
    float keep = 1 - lr * decay, rate = lr * float(std::sqrt(std::max(1.0, double(n) / double(m))));
    each(size, [=](int64_t i) { weight[i] = weight[i] * keep - rate * step[i]; });
    return ok;
}
CLOZE_CATCH
