#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t swi_glu_forward(const float* x, float* y, int64_t n, int64_t f);
CLOZE_EXPORT int64_t swi_glu_backward(const float* x, const float* dy, float* dx, int64_t n, int64_t f,
                                      int64_t accumulate);

namespace {

Doubles swi_glu(const Doubles& x, int64_t n, int64_t f) {
    Doubles y(n * f);
    for (int64_t r = 0; r < n; r++)
        for (int64_t i = 0; i < f; i++) {
            double gate = x[r * 2 * f + i], up = x[r * 2 * f + f + i];
            y[r * f + i] = gate / (1 + std::exp(-gate)) * up;
        }
    return y;
}

}  // namespace

TEST(agrees_with_the_formula) {
    for (int64_t n : {0, 1, 2, 7, 33})
        for (int64_t f : odd_extents) {
            Floats x = random(n * 2 * f, 1, -8, 8), y = nans(n * f);
            swi_glu_forward(x, y, n, f);
            CHECK_NEAR(y, swi_glu(wide(x), n, f), 2e-6, 1e-6);
        }
}

TEST(gradient_agrees_with_differences) {
    for (int64_t n : {1, 2, 3})
        for (int64_t f : odd_extents)
            for (bool add : {false, true}) {
                Floats x = random(n * 2 * f, 1, -4, 4), dy = random(n * f, 2), dx = before(n * 2 * f, add);
                swi_glu_backward(x, dy, dx, n, f, add);
                Doubles at = wide(x);
                CHECK_NEAR(dx, after(gradient([&] { return swi_glu(at, n, f); }, at, dy), add), 2e-6, 2e-6);
            }
}

TEST(large_gates_open_or_close) {
    for (float g : {100.f, 1e20f}) {
        float x[4] = {g, -g, 2, 2}, y[2], dy[2] = {1, 1}, dx[4];
        swi_glu_forward(x, y, 1, 2);
        swi_glu_backward(x, dy, dx, 1, 2, 0);
        CHECK(y[0] == 2 * g && std::abs(y[1]) < 1e-20f);
        CHECK(dx[0] == 2 && std::abs(dx[1]) < 1e-20f && dx[2] == g && std::abs(dx[3]) < 1e-20f);
    }
}

TEST(does_not_depend_on_threads) {
    int64_t n = 301, f = 193;
    Floats x = random(n * 2 * f, 1), dy = random(n * f, 2);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats dx = nans(n * 2 * f);
        swi_glu_backward(x, dy, dx, n, f, 0);
        return dx;
    });
}
