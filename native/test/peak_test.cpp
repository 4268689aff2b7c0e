#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t peak_multiply_add(float* sums, int64_t n, int64_t links);

TEST(agrees_with_the_formula) {
    for (int64_t n : {0, 1, 47, 48, 383, 385, 5000}) {
        Floats sums = random(n, 1);
        Doubles expected = wide(sums);
        for (double& x : expected) x = (x / 2 + 1) / 2 + 1;
        peak_multiply_add(sums, n, 2);
        CHECK_NEAR(sums, expected, 1e-6, 1e-7);
    }
}

TEST(does_not_depend_on_threads) {
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats sums = random(100003, 2);
        peak_multiply_add(sums, 100003, 5);
        return sums;
    });
}
