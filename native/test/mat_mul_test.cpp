#include "check.h"
#include "cloze/gemm.h"

CLOZE_EXPORT int64_t mat_mul_forward(const float* x, const float* weight, const float* bias, float* y, float* saved,
                                     int64_t n, int64_t k, int64_t m, int64_t activation);
CLOZE_EXPORT int64_t mat_mul_backward(const float* x, const float* weight, const float* saved, float* dy, float* dx,
                                      float* dweight, float* dbias, int64_t n, int64_t k, int64_t m, int64_t activation,
                                      int64_t accumulate);

using namespace cloze::test;

namespace {

struct Shape {
    int64_t n, k, m;
};

const std::vector<Shape> shapes = {{1, 1, 1},   {1, 64, 33},   {3, 7, 5},     {8, 40, 31},   {31, 32, 33},
                                   {33, 5, 64}, {70, 130, 50}, {100, 17, 90}, {40, 400, 20}, {450, 30, 60}};

double act(double x, int64_t activation) {
    switch (activation) {
        case 1:
            return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
        case 2:
            return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
        case 3:
            return x <= 0 ? 0 : x;
        case 4:
            return std::tanh(x);
        default:
            return x;
    }
}

double slope_at(double x, int64_t activation) {
    if (activation == 3) return x <= 0 ? 0 : 1;
    return slope([&] { return act(x, activation); }, x);
}

struct Layer {
    Shape s;
    int64_t activation;
    Floats x, weight, bias, dy;

    Layer(Shape s, int64_t activation)
        : s(s),
          activation(activation),
          x(random(size_t(s.n * s.k), 1)),
          weight(random(size_t(s.m * s.k), 2, -0.5f, 0.5f)),
          bias(random(size_t(s.m), 3)),
          dy(random(size_t(s.n * s.m), 4)) {}

    size_t count(char which) const {
        return size_t(which == 'x' ? s.n * s.k : which == 'w' ? s.m * s.k : which == 'b' ? s.m : s.n * s.m);
    }

    Doubles pre(bool with_bias = true) const {
        Doubles out(count('y'));
        for (int64_t i = 0; i < s.n; i++)
            for (int64_t j = 0; j < s.m; j++) {
                double sum = with_bias ? double(bias[size_t(j)]) : 0;
                for (int64_t p = 0; p < s.k; p++)
                    sum += double(x[size_t(i * s.k + p)]) * double(weight[size_t(j * s.k + p)]);
                out[size_t(i * s.m + j)] = sum;
            }
        return out;
    }

    struct Gradients {
        Doubles dx, dweight, dbias;
    };

    Gradients gradients() const {
        Gradients g{Doubles(count('x')), Doubles(count('w')), Doubles(count('b'))};
        Doubles z = pre();
        for (int64_t i = 0; i < s.n; i++)
            for (int64_t j = 0; j < s.m; j++) {
                size_t at = size_t(i * s.m + j);
                double d = double(dy[at]) * slope_at(double(float(z[at])), activation);
                g.dbias[size_t(j)] += d;
                for (int64_t p = 0; p < s.k; p++) {
                    g.dx[size_t(i * s.k + p)] += d * double(weight[size_t(j * s.k + p)]);
                    g.dweight[size_t(j * s.k + p)] += d * double(x[size_t(i * s.k + p)]);
                }
            }
        return g;
    }

    Floats forward(Floats* saved) const {
        Floats y = nans(count('y'));
        mat_mul_forward(x.data(), weight.data(), bias.data(), y, saved ? saved->data() : nullptr, s.n, s.k, s.m,
                        activation);
        return y;
    }
};

Floats start(size_t n, bool add) {
    return add ? random(n, 9) : nans(n);
}

Doubles plus(Doubles e, const Floats& before, bool add) {
    for (size_t i = 0; add && i < e.size(); i++) e[i] += double(before[i]);
    return e;
}

std::string name(const Layer& l) {
    return std::to_string(l.s.n) + "x" + std::to_string(l.s.k) + "x" + std::to_string(l.s.m) + " activation " +
           std::to_string(l.activation);
}

}  // namespace

TEST(forward_is_the_activation_of_the_product_and_bias) {
    for (auto shape : shapes)
        for (int64_t activation = 0; activation < 5; activation++) {
            Layer layer(shape, activation);
            Doubles z = layer.pre(), e = z;
            for (auto& v : e) v = act(v, activation);
            Floats saved = nans(layer.count('y'));
            CHECK_NEAR(layer.forward(&saved), e, 2e-6, 1e-5, name(layer));
            for (auto& v : z) v = activation ? slope_at(double(float(v)), activation) : v;
            CHECK_NEAR(saved, z, 2e-6, 1e-5, name(layer));
            CHECK(same_bits(layer.forward(nullptr), layer.forward(&saved)));
        }
}

TEST(forward_without_bias) {
    Layer layer({37, 20, 41}, 0);
    Floats y = nans(layer.count('y'));
    mat_mul_forward(layer.x.data(), layer.weight.data(), nullptr, y, nullptr, 37, 20, 41, 0);
    CHECK_NEAR(y, layer.pre(false), 2e-6, 1e-5);
}

TEST(backward_is_the_derivative_overwriting_or_adding) {
    for (auto shape : shapes)
        for (int64_t activation = 0; activation < 5; activation++)
            for (int64_t accumulate : {0, 7, 2, 5}) {
                Layer layer(shape, activation);
                Floats saved = nans(layer.count('y'));
                layer.forward(&saved);
                Floats dy = layer.dy;
                Floats dx = start(layer.count('x'), accumulate & 1), dweight = start(layer.count('w'), accumulate & 2),
                       dbias = start(layer.count('b'), accumulate & 4);
                Floats dx0 = dx, dweight0 = dweight, dbias0 = dbias;
                mat_mul_backward(layer.x.data(), layer.weight.data(), activation ? saved.data() : nullptr, dy, dx,
                                 dweight, dbias, shape.n, shape.k, shape.m, activation, accumulate);
                auto e = layer.gradients();
                CHECK_NEAR(dx, plus(e.dx, dx0, accumulate & 1), 1e-5, 3e-5, name(layer) + " dx");
                CHECK_NEAR(dweight, plus(e.dweight, dweight0, accumulate & 2), 1e-5, 3e-5, name(layer) + " dweight");
                CHECK_NEAR(dbias, plus(e.dbias, dbias0, accumulate & 4), 1e-5, 3e-5, name(layer) + " dbias");
                CHECK(dy.intact());
                if (!activation) CHECK(same_bits(dy, layer.dy));
            }
}

TEST(backward_gives_only_what_is_wanted) {
    for (int64_t activation : {0, 2})
        for (int wanted = 1; wanted < 8; wanted++) {
            Layer layer({45, 30, 70}, activation);
            Floats saved = nans(layer.count('y'));
            layer.forward(&saved);
            Floats dy = layer.dy, dx = nans(layer.count('x')), dweight = nans(layer.count('w')),
                   dbias = nans(layer.count('b'));
            mat_mul_backward(layer.x.data(), layer.weight.data(), activation ? saved.data() : nullptr, dy,
                             wanted & 1 ? dx.data() : nullptr, wanted & 2 ? dweight.data() : nullptr,
                             wanted & 4 ? dbias.data() : nullptr, 45, 30, 70, activation, 0);
            auto e = layer.gradients();
            if (wanted & 1) CHECK_NEAR(dx, e.dx, 1e-5, 3e-5);
            if (wanted & 2) CHECK_NEAR(dweight, e.dweight, 1e-5, 3e-5);
            if (wanted & 4) CHECK_NEAR(dbias, e.dbias, 1e-5, 3e-5);
        }
}

TEST(bits_do_not_depend_on_the_threads) {
    for (Shape shape : {Shape{300, 50, 120}, Shape{90, 120, 50}, Shape{1000, 20, 30}})
        for (int64_t activation : {0, 2}) {
            Layer layer(shape, activation);
            CHECK_SAME_AT_ANY_THREAD_COUNT([&] {
                Floats saved = nans(layer.count('y')), y = layer.forward(&saved), dy = layer.dy;
                size_t nx = layer.count('x'), nw = layer.count('w'), nb = layer.count('b'), ny = layer.count('y');
                Floats all = nans(nx + nw + nb + ny);
                mat_mul_backward(layer.x.data(), layer.weight.data(), activation ? saved.data() : nullptr, dy, all,
                                 all + nx, all + nx + nw, shape.n, shape.k, shape.m, activation, 0);
                std::copy(y.begin(), y.end(), all + nx + nw + nb);
                return all;
            });
        }
}

TEST(empty_extents_are_legal) {
    Layer layer({6, 5, 4}, 2);
    Floats dweight = nans(20), dbias = nans(4), dx = nans(30), y = nans(24);
    mat_mul_forward(layer.x.data(), layer.weight.data(), layer.bias.data(), y, nullptr, 0, 5, 4, 2);
    CHECK(std::isnan(y[0]));
    mat_mul_backward(layer.x.data(), layer.weight.data(), layer.x.data(), layer.dy, dx, dweight, dbias, 0, 5, 4, 2, 0);
    CHECK_NEAR(dweight, Doubles(20, 0.0), 0, 0);
    CHECK_NEAR(dbias, Doubles(4, 0.0), 0, 0);
    mat_mul_forward(layer.x.data(), layer.weight.data(), layer.bias.data(), y, nullptr, 6, 0, 4, 0);
    Doubles e;
    for (int i = 0; i < 24; i++) e.push_back(double(layer.bias[size_t(i % 4)]));
    CHECK_NEAR(y, e, 0, 0);
    Floats dy = layer.dy;
    mat_mul_backward(layer.x.data(), layer.weight.data(), nullptr, dy, dx, dweight, dbias, 6, 0, 4, 0, 0);
    Doubles sums(4, 0.0);
    for (size_t i = 0; i < 24; i++) sums[i % 4] += double(dy[i]);
    CHECK_NEAR(dbias, sums, 1e-6, 1e-6);
    mat_mul_backward(layer.x.data(), layer.weight.data(), nullptr, dy, dx, dweight, dbias, 6, 5, 0, 0, 0);
    CHECK_NEAR(dx, Doubles(30, 0.0), 0, 0);
}

TEST(activations_hold_at_large_magnitudes_and_keep_nan) {
    for (int64_t activation = 0; activation < 5; activation++) {
        Floats weight(1), dy(1), dx(1);
        weight[0] = 1;
        for (float value : {-1e30f, -100.f, -20.f, 20.f, 100.f, 1e30f}) {
            Floats x(1), y = nans(1), saved = nans(1);
            x[0] = value, dy[0] = 1;
            mat_mul_forward(x.data(), weight.data(), nullptr, y, saved, 1, 1, 1, activation);
            double e = activation == 0 ? value : activation == 4 ? (value > 0 ? 1 : -1) : value > 0 ? value : 0;
            CHECK_NEAR(y, Doubles{e}, 1e-6, 1e-6);
            mat_mul_backward(x.data(), weight.data(), activation ? saved.data() : nullptr, dy, dx, nullptr, nullptr, 1,
                             1, 1, activation, 0);
            double slope = activation == 0 ? 1 : activation == 4 ? 0 : value > 0 ? 1 : 0;
            CHECK_NEAR(dx, Doubles{slope}, 1e-6, 1e-6);
        }
        Floats x = nans(1), y(1), saved(1);
        mat_mul_forward(x.data(), weight.data(), nullptr, y, saved, 1, 1, 1, activation);
        CHECK(std::isnan(y[0]) && std::isnan(saved[0]));
    }
}
