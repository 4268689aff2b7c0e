#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t ema_update(const float* weight, float* average, int64_t n, float decay);

TEST(agrees_with_the_formula) {
    for (int64_t n : {0, 1, 7, 31, 32, 33, 40001}) {
        Floats weight = random(n, 1), average = random(n, 2);
        Doubles expected = wide(average);
        for (int64_t i = 0; i < n; i++) expected[i] = 0.99 * expected[i] + 0.01 * double(weight[i]);
        ema_update(weight, average, n, 0.99f);
        CHECK_NEAR(average, expected, 1e-6, 1e-7);
    }
}

TEST(does_not_depend_on_threads) {
    Floats weight = random(100003, 1);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats average = random(100003, 2);
        ema_update(weight, average, 100003, 0.9f);
        return average;
    });
}
