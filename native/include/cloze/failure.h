#pragma once

#include <cstdint>
#include <exception>

#include "cloze/export.h"

namespace cloze {

// As in NativeFailure of java/cpu.
enum class Kind : int64_t { index = 1, value = 2, memory = 3, other = 4 };

class Failure : public std::exception {
  public:
    Failure(Kind kind, const char* text) noexcept;
    Kind kind() const { return kind_; }
    const char* what() const noexcept override { return text_; }

  private:
    Kind kind_;
    char text_[256];
};

// The op is the name of its Java record, the argument that of its component, the position counts elements.
[[noreturn]] void outside(const char* op, const char* argument, int64_t position, int64_t value, int64_t bound);

// Throws if one of the n indices is not in [0, bound).
inline void require_indices(const char* op, const char* argument, const int32_t* indices, int64_t n, int64_t bound) {
    uint32_t most = 0;  // a negative index is a large one
    for (int64_t i = 0; i < n; i++) most = uint32_t(indices[i]) > most ? uint32_t(indices[i]) : most;
    if (n <= 0 || int64_t{most} < bound) return;
    for (int64_t i = 0; i < n; i++)
        if (indices[i] < 0 || indices[i] >= bound) outside(op, argument, i, indices[i], bound);
}

// Throws if no row of a mask int32 [n] is hidden: such a batch has no loss, and a step on it learns nothing.
void require_hidden(const char* op, const int32_t* mask, int64_t n);

}  // namespace cloze
