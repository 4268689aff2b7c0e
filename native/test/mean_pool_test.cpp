#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t mean_pool_forward(const float* x, const int32_t* keep, float* y, int64_t b, int64_t t, int64_t d);
CLOZE_EXPORT int64_t mean_pool_backward(const int32_t* keep, const float* dy, float* dx, int64_t b, int64_t t,
                                        int64_t d, int64_t accumulate);

namespace {

Doubles mean_pool(const Doubles& x, const int32_t* keep, int64_t b, int64_t t, int64_t d) {
    Doubles y(b * d, 0.0);
    for (int64_t r = 0; r < b; r++) {
        double count = 0;
        for (int64_t i = 0; i < t; i++) count += !keep || keep[r * t + i];
        for (int64_t i = 0; i < t; i++)
            for (int64_t j = 0; j < d; j++)
                if (!keep || keep[r * t + i]) y[r * d + j] += x[(r * t + i) * d + j] / count;
    }
    return y;
}

void check(int64_t b, int64_t t, int64_t d, bool masked) {
    Floats x = random(b * t * d, 1), y = nans(b * d), dy = random(b * d, 2);
    Ints keep = integers(b * t, 3, 2);
    for (int64_t i = 0; i < t; i++) keep[i] = 0;  // the first row keeps nothing
    const int32_t* mask = masked ? keep.data() : nullptr;
    Doubles at = wide(x);
    auto run = [&] { return mean_pool(at, mask, b, t, d); };
    mean_pool_forward(x, mask, y, b, t, d);
    CHECK_NEAR(y, run(), 1e-5, 1e-6);
    for (bool add : {false, true}) {
        Floats dx = before(b * t * d, add);
        mean_pool_backward(mask, dy, dx, b, t, d, add);
        CHECK_NEAR(dx, after(gradient(run, at, dy), add), 1e-5, 1e-6);
    }
}

}  // namespace

TEST(agrees_with_the_formula_and_differences) {
    for (int64_t t : {1, 2, 7})
        for (int64_t d : odd_extents)
            for (bool masked : {false, true}) check(2, t, d, masked);
}

TEST(wide_rows_are_whole) {
    int64_t d = 1999;
    Floats x = filled(3 * d, 2), y = nans(d);
    mean_pool_forward(x, nullptr, y, 1, 3, d);
    CHECK_NEAR(y, Doubles(d, 2.0), 1e-6, 0);
}

TEST(padding_is_not_read) {
    Floats x = nans(4 * 33), y = nans(33);
    Ints keep = integers(4, 1, 1);
    keep[2] = 1;
    for (int i = 66; i < 99; i++) x[i] = 5;
    mean_pool_forward(x, keep, y, 1, 4, 33);
    CHECK_NEAR(y, Doubles(33, 5.0), 0, 0);
}

TEST(empty_is_nothing) {
    Floats y = nans(0);
    mean_pool_forward(y, nullptr, y, 0, 5, 7);
    mean_pool_backward(nullptr, y, y, 0, 5, 7, 0);
    Floats none = nans(7);
    mean_pool_forward(y, nullptr, none, 1, 0, 7);
    CHECK_NEAR(none, Doubles(7, 0.0), 0, 0);
}

TEST(does_not_depend_on_threads) {
    Floats x = random(13 * 29 * 700, 1);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats y = nans(13 * 700);
        mean_pool_forward(x, nullptr, y, 13, 29, 700);
        return y;
    });
}
