#include <array>

#include "check.h"
#include "cloze/choices.h"

// Built with CLOZE_ONEDNN=/path/to/libdnnl.so.3 (a CMake variable) the library itself is tested as well.

CLOZE_EXPORT int64_t onednn_open(const char* path);
CLOZE_EXPORT int64_t product_choices_export(char* out, int64_t capacity);
CLOZE_EXPORT int64_t product_choices_import(const char* text);
CLOZE_EXPORT void products_tune(int64_t on);

using namespace cloze;
using namespace cloze::test;

namespace {

std::string exported() {
    std::string text(size_t(product_choices_export(nullptr, 0)), '?');
    CHECK(product_choices_export(text.data(), int64_t(text.size())) == int64_t(text.size()));
    text.pop_back();
    return text;
}

}  // namespace

TEST(a_library_that_is_not_there_is_not_opened) {
    CHECK(onednn_open("/nowhere/libdnnl.so.3") == 0);
    CHECK(onednn_open("libc.so.6") == 0);
    CHECK(!onednn_is_open());
}

TEST(choices_survive_export_and_import) {
    CHECK(exported().empty());
    CHECK(product_choices_import("") == 0);
    CHECK(product_choices_import("0 1 20 30\n") == -1);
    CHECK(product_choices_import("0 1 20 30 40 2\n") == -1);
    CHECK(product_choices_import("0 1 20 30 40 0 9\n") == -1);
    CHECK(product_choices_import("0 1 20 30 40 1\n") == -2);
    CHECK(exported().empty());
    std::string text = "0 0 3 4 5 0\n0 1 20 30 40 0\n";
    CHECK(product_choices_import(text.c_str()) == 2);
    CHECK(exported() == text);
    char cut[6];
    CHECK(product_choices_export(cut, 6) == int64_t(text.size()) + 1);
    CHECK(std::string(cut) == "0 0 3");
}

TEST(tuning_without_a_library_chooses_nothing) {
    products_tune(1);
    std::string before = exported();
    Floats a = random(6, 1), b = random(6, 2), c = nans(4);
    gemm({2, 2, 3, a, 3, false, b, 2, false, c, 2});
    CHECK(exported() == before);
    products_tune(0);
}

#if defined(CLOZE_ONEDNN)
TEST(onednn_gives_the_same_product) {
    CHECK(onednn_open(CLOZE_ONEDNN) == 1);
    for (int mode = 0; mode < 16; mode++)
        for (auto [n, m, k] : {std::array<int64_t, 3>{150, 70, 90}, {60, 300, 20}, {1, 5, 7}, {20, 10, 0}}) {
            bool ta = mode & 1, tb = mode & 2, add = mode & 4;
            Floats a = random(size_t(n * k), 1), b = random(size_t(m * k), 2), bias = random(size_t(m), 3);
            Floats ours = add ? random(size_t(n * m), 4) : nans(size_t(n * m)), theirs = ours, sums = nans(size_t(n));
            Product p{n, m, k, a, ta ? n : k, ta, b, tb ? k : m, tb, ours, m, add, mode & 8 ? bias.data() : nullptr};
            own_gemm(p);
            p.c = theirs;
            if (ta) p.row_sums = sums;
            onednn_gemm(p);
            CHECK_NEAR(theirs, wide(ours), 1e-5, 1e-5);
            for (int64_t i = 0; ta && i < n; i++) {
                double sum = 0;
                for (int64_t t = 0; t < k; t++) sum += double(a[size_t(t * n + i)]);
                CHECK(std::abs(sum - double(sums[size_t(i)])) < 1e-5);
            }
        }
}

TEST(a_tuned_shape_keeps_its_choice_and_its_bits) {
    CHECK(onednn_open(CLOZE_ONEDNN) == 1);
    Floats a = random(300 * 64, 1), b = random(200 * 64, 2);
    auto run = [&] {
        Floats c = nans(300 * 200);
        gemm({300, 200, 64, a, 64, false, b, 64, true, c, 200});
        return c;
    };
    products_tune(1);
    Floats c = run();
    products_tune(0);
    CHECK(exported().find("0 1 300 200 64 ") != std::string::npos);
    CHECK_SAME_AT_ANY_THREAD_COUNT(run);
    CHECK(same_bits(c, run()));
    CHECK(product_choices_import("0 1 300 200 64 1\n") == 1);
    CHECK_SAME_AT_ANY_THREAD_COUNT(run);
}
#endif
