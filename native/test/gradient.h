#pragma once

#include "check.h"

// What the tests of the row kernels share: the odd extents, and the gradient of a naive forward by central differences.

namespace cloze::test {

inline const std::vector<int64_t> odd_extents = {1, 2, 7, 16, 31, 32, 33, 61};

// d sum(forward() * dy) / d x, one element after the other
inline Doubles gradient(const std::function<Doubles()>& forward, Doubles& x, const Floats& dy) {
    auto loss = [&] {
        Doubles y = forward();
        double sum = 0;
        for (size_t i = 0; i < y.size(); i++) sum += y[i] * double(dy[i]);
        return sum;
    };
    Doubles dx(x.size());
    for (size_t i = 0; i < x.size(); i++) dx[i] = slope(loss, x[i]);
    return dx;
}

// What a gradient output holds before the call: NaN where it is overwritten, numbers where it is added into.
inline Floats before(size_t n, bool add) {
    return add ? random(n, 99) : nans(n);
}

// and what it must hold afterwards
inline Doubles after(Doubles dx, bool add) {
    Doubles old = wide(random(dx.size(), 99));
    if (add)
        for (size_t i = 0; i < dx.size(); i++) dx[i] += old[i];
    return dx;
}

inline Ints integers(size_t n, uint32_t seed, int32_t end) {
    Ints x(n);
    std::mt19937 engine(seed);
    for (auto& v : x) v = int32_t(engine() % uint32_t(end));
    return x;
}

inline Floats filled(size_t n, float value) {
    Floats x(n, 2);
    for (auto& v : x) v = value;
    return x;
}

}  // namespace cloze::test
