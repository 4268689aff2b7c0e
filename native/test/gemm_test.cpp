#include "cloze/gemm.h"

#include "check.h"
#include "cloze/vec.h"

using namespace cloze;
using namespace cloze::test;

namespace {

struct Shape {
    int64_t n, m, k;
};

// Extent 1, primes, around the tiles of every level, deeper than one block of k, thin ones, real ones.
const std::vector<Shape> shapes = {{1, 1, 1},    {1, 7, 129},    {2, 3, 5},    {5, 17, 64},    {6, 16, 8},
                                   {7, 31, 33},  {13, 32, 40},   {14, 33, 32}, {15, 65, 31},   {29, 47, 385},
                                   {31, 8, 769}, {32, 100, 257}, {33, 12, 70}, {64, 48, 800},  {197, 50, 41},
                                   {200, 7, 19}, {97, 401, 101}, {3, 1, 0},    {260, 520, 30}, {500, 130, 13}};

struct Problem {
    Shape s;
    bool ta, tb, add, bias;
    int64_t lda, ldb, ldc;
    Floats a, b, v, c;

    Problem(Shape s, int mode, int64_t pad)
        : s(s),
          ta(mode & 1),
          tb(mode & 2),
          add(mode & 4),
          bias(mode & 8),
          lda((ta ? s.n : s.k) + pad),
          ldb((tb ? s.k : s.m) + pad),
          ldc(s.m + pad),
          a(random(extent(ta ? s.k : s.n, ta ? s.n : s.k, lda), 1)),
          b(random(extent(tb ? s.m : s.k, tb ? s.k : s.m, ldb), 2)),
          v(random(size_t(s.m), 3)),
          c(random(extent(s.n, s.m, ldc), 4)) {
        if (add) return;
        for (int64_t i = 0; i < s.n; i++)
            for (int64_t j = 0; j < s.m; j++) c[size_t(i * ldc + j)] = std::numeric_limits<float>::quiet_NaN();
    }

    // The last row ends with its last element: nothing may be touched behind it.
    static size_t extent(int64_t rows, int64_t columns, int64_t ld) {
        return rows == 0 || columns == 0 ? 0 : size_t((rows - 1) * ld + columns);
    }

    Product product(Floats& out) const {
        return {s.n, s.m, s.k, a.data(), lda, ta, b.data(), ldb, tb, out, ldc, add, bias ? v.data() : nullptr};
    }

    Doubles expected() const {
        Doubles e = wide(c);
        for (int64_t i = 0; i < s.n; i++)
            for (int64_t j = 0; j < s.m; j++) {
                double sum = (add ? double(c[size_t(i * ldc + j)]) : 0) + (bias ? double(v[size_t(j)]) : 0);
                for (int64_t p = 0; p < s.k; p++)
                    sum += double(a[size_t(ta ? p * lda + i : i * lda + p)]) *
                           double(b[size_t(tb ? j * ldb + p : p * ldb + j)]);
                e[size_t(i * ldc + j)] = sum;
            }
        return e;
    }
};

std::string name(const Problem& p) {
    return std::to_string(p.s.n) + "x" + std::to_string(p.s.m) + "x" + std::to_string(p.s.k) + (p.ta ? " at" : "") +
           (p.tb ? " bt" : "") + (p.add ? " add" : "") + (p.bias ? " bias" : "");
}

}  // namespace

TEST(matches_three_loops_for_every_transposition_and_shape) {
    for (auto shape : shapes)
        for (int mode = 0; mode < 16; mode++) {
            Problem p(shape, mode, mode % 3);
            for (bool serial : {false, true}) {
                Floats c = p.c;
                (serial ? gemm_serial : gemm)(p.product(c));
                CHECK_NEAR(c, p.expected(), 1e-5, 2e-6 * std::sqrt(double(shape.k) + 1), name(p));
            }
        }
}

TEST(nothing_is_done_without_rows_or_columns) {
    Floats a = random(12, 1), c = nans(1);
    gemm({0, 3, 4, a, 4, false, a, 4, true, c, 3});
    gemm({3, 0, 4, a, 4, false, a, 4, true, c, 0});
    CHECK(c.intact() && std::isnan(c[0]));
}

TEST(bits_do_not_depend_on_the_threads) {
    for (Shape shape : {Shape{150, 210, 900}, Shape{500, 90, 70}, Shape{9, 300, 500}, Shape{40, 700, 333}})
        for (int mode = 0; mode < 4; mode++) {
            Problem p(shape, mode, 0);
            CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
                Floats c = p.c;
                gemm(p.product(c));
                return c;
            });
            Floats parallel = p.c, serial = p.c;
            gemm(p.product(parallel));
            gemm_serial(p.product(serial));
            CHECK(same_bits(parallel, serial));
        }
}

TEST(finish_sees_every_element_once_when_it_is_complete) {
    for (Shape shape : {Shape{50, 90, 800}, Shape{200, 33, 10}, Shape{20, 70, 100}, Shape{8, 5, 0}})
        for (int mode = 0; mode < 4; mode++) {
            Problem p(shape, mode, 1);
            Floats c = p.c;
            Product product = p.product(c);
            product.context = &product;
            product.finish = [](const void* context, int64_t row, int64_t column, int64_t rows, int64_t columns) {
                auto& q = *static_cast<const Product*>(context);
                for (int64_t i = row; i < row + rows; i++)
                    for (int64_t j = column; j < column + columns; j++) q.c[i * q.ldc + j] = 2 * q.c[i * q.ldc + j] + 1;
            };
            gemm(product);
            Doubles e = p.expected();
            for (int64_t i = 0; i < shape.n; i++)
                for (int64_t j = 0; j < shape.m; j++) {
                    double& x = e[size_t(i * p.ldc + j)];
                    x = 2 * x + 1;
                }
            CHECK_NEAR(c, e, 1e-5, 1e-4, name(p));
        }
}

TEST(infinity_and_nan_reach_their_elements_only) {
    Problem p({40, 50, 60}, 2, 0);
    p.a[size_t(3 * p.lda + 7)] = std::numeric_limits<float>::quiet_NaN();
    p.b[size_t(9 * p.ldb + 5)] = infinity;
    Floats c = p.c;
    gemm(p.product(c));
    for (size_t i = 0; i < 40; i++)
        for (size_t j = 0; j < 50; j++) CHECK(std::isfinite(c[i * 50 + j]) == (i != 3 && j != 9));
}
