#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t gather_tokens_forward(const float* x, const int32_t* ids, float* y, int64_t b, int64_t n,
                                           int64_t m, int64_t d);
CLOZE_EXPORT int64_t gather_tokens_backward(const int32_t* ids, const float* dy, float* dx, int64_t b, int64_t n,
                                            int64_t m, int64_t d, int64_t accumulate);

namespace {

void check(int64_t b, int64_t n, int64_t m, int64_t d) {
    Floats x = random(b * n * d, 1), y = nans(b * m * d), dy = random(b * m * d, 2);
    Ints ids = integers(b * m, 3, int32_t(n));
    gather_tokens_forward(x, ids, y, b, n, m, d);
    Doubles expected(b * m * d), dx_expected(b * n * d, 0.0);
    for (int64_t r = 0; r < b * m; r++)
        for (int64_t j = 0; j < d; j++) {
            int64_t from = (r / m * n + ids[r]) * d + j;
            expected[r * d + j] = double(x[from]);
            dx_expected[from] += double(dy[r * d + j]);
        }
    CHECK_NEAR(y, expected, 0, 0);
    for (bool add : {false, true}) {
        Floats dx = before(b * n * d, add);
        gather_tokens_backward(ids, dy, dx, b, n, m, d, add);
        CHECK_NEAR(dx, after(dx_expected, add), 1e-5, 1e-6);
    }
}

}  // namespace

TEST(gathers_and_scatters) {
    for (int64_t d : odd_extents) {
        check(1, 1, 1, d);
        check(2, 7, 3, d);
        check(3, 5, 11, d);  // ids repeat
    }
    check(0, 3, 2, 5);
    check(2, 3, 0, 5);
}

TEST(does_not_depend_on_threads) {
    int64_t b = 37, n = 50, m = 70, d = 65;
    Floats dy = random(b * m * d, 1);
    Ints ids = integers(b * m, 2, int32_t(n));
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats dx = nans(b * n * d);
        gather_tokens_backward(ids, dy, dx, b, n, m, d, 0);
        return dx;
    });
}
