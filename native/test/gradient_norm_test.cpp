#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t gradient_norm_squared(const float* x, float* out, int64_t n);

namespace {

Floats squared(Floats& x, int64_t n) {
    Floats out = nans(1);
    gradient_norm_squared(x, out, n);
    return out;
}

}  // namespace

TEST(agrees_with_a_sum_in_double) {
    for (int64_t n : {0, 1, 2, 7, 31, 32, 33, 65535, 65536, 65537, 200003}) {
        Floats x = random(n, 1);
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += double(x[i]) * double(x[i]);
        CHECK_NEAR(squared(x, n), Doubles(1, sum), 1e-7, 0);
    }
}

TEST(keeps_the_tail_of_many_terms) {
    int64_t n = 40000000;  // more than one group of blocks; a float sum would stop at 2^24
    Floats x = filled(n, 1);
    CHECK_NEAR(squared(x, n), Doubles(1, double(n)), 0, 0);
}

TEST(nan_and_overflow_show) {
    Floats x = random(1000, 1);
    x[999] = NAN;
    CHECK(std::isnan(squared(x, 1000)[0]));
    x[999] = 1e30f;
    CHECK(std::isinf(squared(x, 1000)[0]));
}

TEST(does_not_depend_on_threads) {
    Floats x = random(1000003, 1);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] { return squared(x, 1000003); });
}
