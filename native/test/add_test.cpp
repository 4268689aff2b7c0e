#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t add_forward(const float* x, const float* y, float* z, int64_t n, int64_t d);
CLOZE_EXPORT int64_t add_backward(const float* dz, float* dx, float* dy, int64_t n, int64_t d, int64_t accumulate);

namespace {

void check(int64_t n, int64_t d) {
    Floats x = random(n * d, 1), y = random(d, 2), z = nans(n * d);
    add_forward(x, y, z, n, d);
    Doubles expected = wide(x);
    for (int64_t i = 0; i < n * d; i++) expected[i] += double(y[i % d]);
    CHECK_NEAR(z, expected, 1e-6, 1e-7);
    for (int64_t accumulate = 0; accumulate < 4; accumulate++) {
        Floats dx = before(n * d, accumulate & 1), dy = before(d, accumulate & 2);
        add_backward(x, dx, dy, n, d, accumulate);
        Doubles sums(d, 0.0);
        for (int64_t i = 0; i < n * d; i++) sums[i % d] += double(x[i]);
        CHECK_NEAR(dx, after(wide(x), accumulate & 1), 1e-6, 1e-7);
        CHECK_NEAR(dy, after(sums, accumulate & 2), 1e-5, 1e-5);
    }
}

}  // namespace

TEST(agrees_with_sums_at_odd_extents) {
    for (int64_t n : {0, 1, 2, 7, 33})
        for (int64_t d : odd_extents) check(n, d);
}

TEST(agrees_with_sums_where_rows_or_columns_are_split) {
    check(700, 67);
    check(5, 9001);
}

TEST(one_gradient_may_be_unwanted) {
    Floats dz = random(21, 1), dx = nans(21), dy = nans(7);
    add_backward(dz, dx, nullptr, 3, 7, 0);
    add_backward(dz, nullptr, dy, 3, 7, 0);
    CHECK(same_bits(dx, dz));
    CHECK(std::abs(dy[0] - (dz[0] + dz[7] + dz[14])) < 1e-6f);
}

TEST(does_not_depend_on_threads) {
    for (int64_t n : {7, 3001}) {
        int64_t d = n == 7 ? 12345 : 65;
        Floats dz = random(n * d, 1);
        CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
            Floats dy = nans(d);
            add_backward(dz, nullptr, dy, n, d, 0);
            return dy;
        });
    }
}
