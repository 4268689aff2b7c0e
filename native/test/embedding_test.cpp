#include "gradient.h"

using namespace cloze::test;

CLOZE_EXPORT int64_t embedding_forward(const int32_t* ids, const float* table, const float* positions,
                                       const int32_t* starts, float* y, int64_t b, int64_t t, int64_t v, int64_t d,
                                       int64_t p);
CLOZE_EXPORT int64_t embedding_backward(const int32_t* ids, const int32_t* starts, const float* dy, float* dtable,
                                        float* dpositions, int64_t b, int64_t t, int64_t v, int64_t d, int64_t p,
                                        int64_t accumulate);

namespace {

void check(int64_t b, int64_t t, int64_t v, int64_t d, bool with_positions, bool with_starts) {
    int64_t p = t + 4, n = b * t;
    Floats table = random(v * d, 1), positions = random(p * d, 2), y = nans(n * d), dy = random(n * d, 3);
    Ints ids = integers(n, 4, int32_t(v)), offsets = integers(b, 5, 5);
    const int32_t* starts = with_starts ? offsets.data() : nullptr;
    embedding_forward(ids, table, with_positions ? positions.data() : nullptr, starts, y, b, t, v, d, p);
    Doubles expected(n * d), dt(v * d, 0.0), dp(p * d, 0.0);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < d; j++) {
            int64_t word = ids[i] * d + j, place = ((starts ? starts[i / t] : 0) + i % t) * d + j;
            expected[i * d + j] = double(table[word]) + (with_positions ? double(positions[place]) : 0);
            dt[word] += double(dy[i * d + j]);
            dp[place] += double(dy[i * d + j]);
        }
    CHECK_NEAR(y, expected, 1e-6, 1e-7);
    for (int64_t accumulate = 0; accumulate < 4; accumulate++) {
        Floats dtable = before(v * d, accumulate & 1), dpositions = before(p * d, accumulate & 2);
        embedding_backward(ids, starts, dy, dtable, with_positions ? dpositions.data() : nullptr, b, t, v, d, p,
                           accumulate);
        CHECK_NEAR(dtable, after(dt, accumulate & 1), 1e-5, 1e-5);
        if (with_positions) CHECK_NEAR(dpositions, after(dp, accumulate & 2), 1e-5, 1e-5);
    }
}

}  // namespace

TEST(looks_up_and_scatters) {
    for (int64_t d : odd_extents)
        for (bool positions : {false, true})
            for (bool starts : {false, true}) {
                check(1, 1, 1, d, positions, starts);
                check(3, 7, 5, d, positions, starts);
            }
    check(0, 4, 3, 5, true, true);
    check(2, 33, 1000, 384, true, false);
}

TEST(the_table_alone_may_be_unwanted) {
    Ints ids = integers(6, 1, 3);
    Floats dy = random(6 * 7, 2), dpositions = nans(3 * 7);
    embedding_backward(ids, nullptr, dy, nullptr, dpositions, 2, 3, 3, 7, 3, 0);
    CHECK(std::abs(dpositions[0] - (dy[0] + dy[21])) < 1e-6f && dpositions.intact());
}

TEST(does_not_depend_on_threads) {
    int64_t b = 5, t = 200, v = 37, d = 385;
    Ints ids = integers(b * t, 1, int32_t(v));
    Floats dy = random(b * t * d, 2);
    CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
        Floats all = nans((v + t) * d);
        embedding_backward(ids, nullptr, dy, all.data(), all.data() + v * d, b, t, v, d, t, 0);
        return all;
    });
}
