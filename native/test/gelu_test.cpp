#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t gelu_forward(const float* x, float* y, int64_t n, int64_t form);
CLOZE_EXPORT int64_t gelu_backward(const float* x, const float* dy, float* dx, int64_t n, int64_t form,
                                   int64_t accumulate);

namespace {

double gelu(double x, int64_t form) {
    if (form == 1) return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

double gelu_slope(double x, int64_t form) {
    return slope([&] { return gelu(x, form); }, x);
}

template <class F>
Doubles map(const Floats& x, F f) {
    Doubles y;
    for (float v : wide(x)) y.push_back(f(double(v)));
    return y;
}

}  // namespace

TEST(agrees_with_the_formula) {
    for (int64_t form : {1, 2})
        for (int64_t n : {0, 1, 2, 7, 15, 16, 17, 31, 33, 1009, 40001}) {
            Floats x = random(n, 1, -6, 6), y = nans(n);
            gelu_forward(x, y, n, form);
            CHECK_NEAR(y, map(x, [&](double v) { return gelu(v, form); }), 1e-6, 3e-7);
        }
}

TEST(gradient_agrees_with_differences) {
    for (int64_t form : {1, 2})
        for (bool add : {false, true})
            for (int64_t n : {0, 1, 2, 7, 15, 16, 17, 31, 33, 40001}) {
                Floats x = random(n, 1, -6, 6), dy = random(n, 2), dx = before(n, add);
                gelu_backward(x, dy, dx, n, form, add);
                Doubles expected = map(x, [&](double v) { return gelu_slope(v, form); });
                for (int64_t i = 0; i < n; i++) expected[i] *= double(dy[i]);
                CHECK_NEAR(dx, after(expected, add), 2e-6, 1e-6);
            }
}

TEST(is_flat_far_to_the_left_and_straight_far_to_the_right) {
    for (int64_t form : {1, 2})
        for (float x : {15.f, 100.f, 1e4f, 1e15f, 1e30f}) {
            float in[2] = {x, -x}, y[2], dx[2], dy[2] = {1, 1};
            gelu_forward(in, y, 2, form);
            gelu_backward(in, dy, dx, 2, form, 0);
            CHECK(y[0] == x && std::abs(y[1]) < 1e-20f);
            CHECK(std::abs(dx[0] - 1) < 1e-6f && std::abs(dx[1]) < 1e-20f);
        }
}

TEST(nan_stays_nan) {
    float x = NAN, y = 0, dx = 0, dy = 1;
    for (int64_t form : {1, 2}) {
        gelu_forward(&x, &y, 1, form);
        gelu_backward(&x, &dy, &dx, 1, form, 0);
        CHECK(std::isnan(y) && std::isnan(dx));
    }
}

TEST(does_not_depend_on_threads) {
    int64_t n = 100003;
    Floats x = random(n, 1, -6, 6), dy = random(n, 2);
    for (int64_t form : {1, 2}) {
        CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
            Floats y = nans(n);
            gelu_forward(x, y, n, form);
            return y;
        });
        CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
            Floats dx = before(n, true);
            gelu_backward(x, dy, dx, n, form, 1);
            return dx;
        });
    }
}
