#include "cloze/failure.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>

#include "cloze/hidden.h"

namespace cloze {
namespace {

// The last failures of all threads. Not one a thread: a virtual thread of Java may ask from another thread than failed.
constexpr int64_t kept = 64, first = -100;

struct Record {
    Kind kind = Kind::other;
    char text[256] = "";
};

struct Records {
    std::mutex lock;
    Record all[kept];
    int64_t count = 0;
};

Records& records() {
    static Records records;
    return records;
}

int64_t keep(Kind kind, const char* text) noexcept {
    Records& to = records();
    std::lock_guard<std::mutex> lock(to.lock);
    int64_t number = to.count++ % kept;
    to.all[number].kind = kind;
    std::snprintf(to.all[number].text, sizeof(Record::text), "%s", text);
    return first - number;
}

}  // namespace

Failure::Failure(Kind kind, const char* text) noexcept : kind_(kind) {
    std::snprintf(text_, sizeof(text_), "%s", text);
}

int64_t failed() noexcept {
    try {
        throw;
    } catch (const Failure& failure) {
        return keep(failure.kind(), failure.what());
    } catch (const std::bad_alloc&) {
        return keep(Kind::memory, "the system has no memory left for scratch of the CPU kernels");
    } catch (const std::exception& e) {
        return keep(Kind::other, e.what());
    } catch (...) {
        return keep(Kind::other, "an exception without a text");
    }
}

void outside(const char* op, const char* argument, int64_t position, int64_t value, int64_t bound) {
    char text[256];
    std::snprintf(text, sizeof(text), "%s: %s must be in [0, %lld), but element %lld is %lld", op, argument,
                  static_cast<long long>(bound), static_cast<long long>(position), static_cast<long long>(value));
    throw Failure(Kind::index, text);
}

void require_hidden(const char* op, const int32_t* mask, int64_t n) {
    require_indices(op, "mask", mask, n, 2);
    if (n <= 0 || hidden_rows(mask, n) > 0) return;
    char text[256];
    std::snprintf(text, sizeof(text), "%s: mask must hide a patch (1), but it hides none of %lld", op,
                  static_cast<long long>(n));
    throw Failure(Kind::value, text);
}

}  // namespace cloze

// Writes the text of a failure, zero-terminated and truncated to capacity. Returns its kind, see failure.h.
CLOZE_EXPORT int64_t failure_describe(int64_t number, char* out, int64_t capacity) noexcept {
    int64_t at = cloze::first - number;
    if (at < 0 || at >= cloze::kept || capacity <= 0) return 0;
    cloze::Records& from = cloze::records();
    std::lock_guard<std::mutex> lock(from.lock);
    std::snprintf(out, static_cast<size_t>(capacity), "%s", from.all[at].text);
    return static_cast<int64_t>(from.all[at].kind);
}
