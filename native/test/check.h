#pragma once

// A test program: TEST(says_what_holds) { CHECK(...); } and nothing else; this header has main. No test may skip.
// Run one test by naming it on the command line.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cloze/export.h"

CLOZE_EXPORT int64_t threads_set(int64_t n);

namespace cloze::test {

inline int failures = 0;
inline const char* running = "";

struct Case {
    const char* name;
    void (*body)();
};

inline std::vector<Case>& cases() {
    static std::vector<Case> all;
    return all;
}

inline bool enrol(const char* name, void (*body)()) {
    return cases().push_back({name, body}), true;
}

inline void fail(const std::string& what, const char* file, int line) {
    if (++failures <= 20) std::printf("%s:%d: %s: %s\n", file, line, running, what.c_str());
}

#define TEST(name)                                                       \
    static void name();                                                  \
    static const bool enrolled_##name = cloze::test::enrol(#name, name); \
    static void name()

#define CHECK(condition)                                                     \
    do {                                                                     \
        if (!(condition)) cloze::test::fail(#condition, __FILE__, __LINE__); \
    } while (false)

// An array between guard bands. data() may be misaligned on purpose: offset floats past 64-byte alignment.
template <class T>
class Guarded {
  public:
    explicit Guarded(size_t n, size_t offset = 0) : n_(n), offset_(offset), all_(n + 2 * band + 16 + offset) {
        std::memset((void*)all_.data(), guard, all_.size() * sizeof(T));
        begin_ = band;
        while (reinterpret_cast<uintptr_t>(all_.data() + begin_) % 64) begin_++;
        begin_ += offset_;
    }
    Guarded(const Guarded& other) : Guarded(other.n_, other.offset_) {
        std::memcpy((void*)data(), other.data(), n_ * sizeof(T));
    }
    Guarded& operator=(const Guarded&) = delete;
    T* data() { return all_.data() + begin_; }
    const T* data() const { return all_.data() + begin_; }
    operator T*() { return data(); }
    size_t size() const { return n_; }
    template <class I>
    T& operator[](I i) {
        return data()[i];
    }
    template <class I>
    const T& operator[](I i) const {
        return data()[i];
    }
    T* begin() { return data(); }
    T* end() { return data() + n_; }
    bool intact() const {
        auto bytes = reinterpret_cast<const unsigned char*>(all_.data());
        for (size_t i = 0; i < begin_ * sizeof(T); i++)
            if (bytes[i] != guard) return false;
        for (size_t i = (begin_ + n_) * sizeof(T); i < all_.size() * sizeof(T); i++)
            if (bytes[i] != guard) return false;
        return true;
    }

  private:
    static constexpr size_t band = 64;
    static constexpr unsigned char guard = 0xa5;
    size_t n_, offset_, begin_;
    std::vector<T> all_;
};

using Floats = Guarded<float>;
using Ints = Guarded<int32_t>;
using Doubles = std::vector<double>;

inline Floats random(size_t n, uint32_t seed, float low = -1, float high = 1) {
    Floats x(n, seed % 3);
    std::mt19937 engine(seed);
    for (auto& v : x) v = low + (high - low) * float(engine() >> 8) * 0x1p-24f;
    return x;
}

// What a kernel must overwrite.
inline Floats nans(size_t n) {
    Floats x(n, 1);
    for (auto& v : x) v = std::numeric_limits<float>::quiet_NaN();
    return x;
}

inline Doubles wide(const Floats& x) {
    return Doubles(x.data(), x.data() + x.size());
}

// |actual - expected| <= absolute + relative * |expected| everywhere (NaN only where NaN is expected), guards intact.
inline void near(const Floats& actual, const Doubles& expected, double relative, double absolute, const char* file,
                 int line, const std::string& what = "") {
    if (!actual.intact()) fail(what + " guard band overwritten", file, line);
    if (actual.size() != expected.size()) return fail(what + " sizes differ", file, line);
    for (size_t i = 0; i < expected.size(); i++) {
        double a = double(actual[i]), e = expected[i];
        if (a == e || (std::isnan(a) && std::isnan(e))) continue;
        if (std::abs(a - e) <= absolute + relative * std::abs(e)) continue;
        char text[160];
        std::snprintf(text, sizeof text, "[%zu of %zu] is %.9g, expected %.9g", i, expected.size(), a, e);
        return fail(what + " " + text, file, line);
    }
}

#define CHECK_NEAR(actual, expected, relative, absolute, ...) \
    cloze::test::near(actual, expected, relative, absolute, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__)

inline bool same_bits(const Floats& a, const Floats& b) {
    return a.size() == b.size() && (a.size() == 0 || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

// make() must give the same bits at 1, 2, 3 and 7 threads and twice in a row.
inline void same_at_any_thread_count(const std::function<Floats()>& make, const char* file, int line) {
    threads_set(1);
    Floats one = make();
    for (int64_t n : {1, 2, 3, 7}) {
        threads_set(n);
        if (!same_bits(one, make())) fail("bits differ at " + std::to_string(n) + " threads", file, line);
    }
    threads_set(2);
}

#define CHECK_SAME_AT_ANY_THREAD_COUNT(...) cloze::test::same_at_any_thread_count(__VA_ARGS__, __FILE__, __LINE__)

// Central difference of f at x[i], for gradient checks in double.
inline double slope(const std::function<double()>& f, double& x, double step = 1e-5) {
    double kept = x;
    x = kept + step;
    double up = f();
    x = kept - step;
    double down = f();
    x = kept;
    return (up - down) / (2 * step);
}

}  // namespace cloze::test

int main(int argc, char** argv) {
    using namespace cloze::test;
    threads_set(2);
    int ran = 0;
    for (const auto& test : cases()) {
        if (argc > 1 && std::strcmp(argv[1], test.name) != 0) continue;
        running = test.name;
        int before = failures;
        test.body();
        std::printf("%s %s\n", failures == before ? "ok  " : "FAIL", test.name);
        ran++;
    }
    return failures || !ran ? 1 : 0;
}
