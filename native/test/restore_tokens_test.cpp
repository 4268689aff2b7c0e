#include <algorithm>
#include <numeric>

#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t restore_tokens_forward(const float* x, const float* mask_token, const int32_t* ids_restore,
                                            float* y, int64_t b, int64_t m, int64_t n, int64_t d);
CLOZE_EXPORT int64_t restore_tokens_backward(const int32_t* ids_restore, const float* dy, float* dx, float* dmask_token,
                                             int64_t b, int64_t m, int64_t n, int64_t d, int64_t accumulate);

namespace {

Ints permutations(int64_t b, int64_t n) {
    Ints ids(b * n);
    std::mt19937 engine(5);
    for (int64_t r = 0; r < b; r++) {
        std::iota(ids.data() + r * n, ids.data() + (r + 1) * n, 0);
        std::shuffle(ids.data() + r * n, ids.data() + (r + 1) * n, engine);
    }
    return ids;
}

void check(int64_t b, int64_t m, int64_t n, int64_t d) {
    Floats x = random(b * m * d, 1), mask = random(d, 2), y = nans(b * n * d), dy = random(b * n * d, 3);
    Ints ids = permutations(b, n);
    restore_tokens_forward(x, mask, ids, y, b, m, n, d);
    Doubles expected(b * n * d), dx_expected(b * m * d, 0.0), dmask_expected(d, 0.0);
    for (int64_t r = 0; r < b * n; r++)
        for (int64_t j = 0; j < d; j++) {
            bool kept = ids[r] < m;
            int64_t from = (r / n * m + ids[r]) * d + j;
            expected[r * d + j] = double(kept ? x[from] : mask[j]);
            (kept ? dx_expected[from] : dmask_expected[j]) += double(dy[r * d + j]);
        }
    CHECK_NEAR(y, expected, 0, 0);
    for (int64_t accumulate = 0; accumulate < 4; accumulate++) {
        Floats dx = before(b * m * d, accumulate & 1), dmask = before(d, accumulate & 2);
        restore_tokens_backward(ids, dy, dx, dmask, b, m, n, d, accumulate);
        CHECK_NEAR(dx, after(dx_expected, accumulate & 1), 1e-6, 1e-6);
        CHECK_NEAR(dmask, after(dmask_expected, accumulate & 2), 1e-5, 1e-5);
    }
    Floats dx = nans(b * m * d), dmask = nans(d);
    restore_tokens_backward(ids, dy, dx, nullptr, b, m, n, d, 0);
    restore_tokens_backward(ids, dy, nullptr, dmask, b, m, n, d, 0);
    CHECK_NEAR(dx, dx_expected, 1e-6, 1e-6);
    CHECK_NEAR(dmask, dmask_expected, 1e-5, 1e-5);
}

}  // namespace

TEST(restores_and_gives_back) {
    for (int64_t d : odd_extents) {
        check(1, 1, 1, d);
        check(2, 3, 7, d);
        check(130, 4, 16, d);
    }
    check(2, 0, 5, 7);
    check(2, 5, 5, 7);
    check(0, 2, 3, 7);
}

TEST(does_not_depend_on_threads) {
    int64_t b = 137, m = 5, n = 17, d = 193;
    Floats dy = random(b * n * d, 1);
    Ints ids = permutations(b, n);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats dmask = nans(d);
        restore_tokens_backward(ids, dy, nullptr, dmask, b, m, n, d, 0);
        return dmask;
    });
}
