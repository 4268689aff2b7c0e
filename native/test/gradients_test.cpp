#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t gradients_add(const float* x, float* y, int64_t n);

TEST(adds) {
    for (int64_t n : {0, 1, 7, 31, 32, 33, 40001}) {
        Floats x = random(n, 1), y = random(n, 2);
        Doubles expected(n);
        for (int64_t i = 0; i < n; i++) expected[i] = double(x[i] + y[i]);
        gradients_add(x, y, n);
        CHECK_NEAR(y, expected, 0, 0);
    }
}
