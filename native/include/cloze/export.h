#pragma once

#include <cstdint>

// Exports a function that Java binds by name. No exception leaves it, since the JVM would abort: a kernel is
//     CLOZE_EXPORT int64_t name(...) noexcept try {
//         ...
//         return ok;
//     }
//     CLOZE_CATCH
#define CLOZE_EXPORT extern "C" __attribute__((visibility("default")))
#define CLOZE_CATCH               \
    catch (...) {                 \
        return ::cloze::failed(); \
    }

namespace cloze {

constexpr int64_t ok = 0;

// Keeps the text of the current exception for failure_describe(), and returns its number, at most -100.
int64_t failed() noexcept;

}  // namespace cloze
