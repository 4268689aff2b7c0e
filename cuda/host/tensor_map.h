#pragma once

#include <cstdint>

namespace cloze::host {

// What the stand-in for the driver encodes and copies of boxes read: a tensor [planes, rows, columns] of bf16, and
// boxes of it that are written in swizzles of 128 bytes.
struct TensorMap {
    static constexpr uint64_t encoded = 0x70616d5f657a6f6c;

    uint64_t mark, address;
    uint64_t step[2];    // bytes from a row to the next, from a plane to the next
    uint64_t extent[3];  // columns, rows, planes
    uint32_t box[3];
    uint32_t unused[15];
};
static_assert(sizeof(TensorMap) == 128);

}  // namespace cloze::host
