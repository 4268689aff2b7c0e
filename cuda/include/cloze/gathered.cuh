#pragma once

#include "cloze/panel.cuh"

// A factor of a matrix multiplication that is not stored as a matrix. It describes a line (row(i), once a line), a
// place along it (place(j)), and the address of the element of both (at(row, place), null for a zero). If `whole` is
// set, each 16 bytes of places are neighbours at an address that is a multiple of 16, and the number of places is a
// multiple of theirs.

namespace cloze {

template <class Operand>
class GatheredPanel {
    using T = typename Operand::Element;
    static constexpr bool along_k = Operand::along_k;
    using Lines = Panel<T, along_k>;

    const Operand x_;
    const int64_t first_, end_, k_;  // rows of the result, and the depth
    int64_t next_ = 0;               // along k
    typename Operand::Row rows_[2];
    typename Operand::Place place_;

    CLOZE_DEVICE void copy(T* to, const typename Operand::Row& row, bool there, int64_t place, int64_t end) {
        if (x_.whole) {
            const T* from = there && place < end ? x_.at(row, along_k ? x_.place(place) : place_) : nullptr;
            return copy_async(to, from ? from : x_.start(), from ? 16 : 0);
        }
        union {
            uint4 raw;
            T elements[Lines::elements];
        } block;
        block.raw = {0, 0, 0, 0};
#pragma unroll 1
        for (int i = 0; i < Lines::elements && there && place + i < end; i++) {
            const T* from = x_.at(row, x_.place(place + i));
            if (from) block.elements[i] = *from;
        }
        *reinterpret_cast<uint4*>(to) = block.raw;
    }

  public:
    static constexpr int depth = Lines::depth;

    CLOZE_DEVICE GatheredPanel(const Operand& x, int64_t first, int64_t end, int64_t k)
        : x_(x), first_(first), end_(end), k_(k) {
        int64_t chunk = Lines::chunk() * Lines::elements;
        if constexpr (along_k) {
#pragma unroll
            for (int i = 0; i < 2; i++) rows_[i] = x.row(first + Lines::line() + i * Lines::lines / 2);
        } else if (x.whole && first + chunk < end) {
            place_ = x.place(first + chunk);
        }
    }

    // Starts a copy of the next panel, with zeros after the end of the factor.
    CLOZE_DEVICE void fetch(T* panel) {
        int64_t chunk = Lines::chunk() * Lines::elements;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int line = Lines::line() + i * Lines::lines / 2;
            T* to = Lines::at(panel, line, Lines::chunk());
            if constexpr (along_k)
                copy(to, rows_[i], first_ + line < end_, next_ + chunk, k_);
            else
                copy(to, x_.row(next_ + line), next_ + line < k_, first_ + chunk, end_);
        }
        next_ += depth;
    }
};

}  // namespace cloze
