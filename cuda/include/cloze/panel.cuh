#pragma once

#include "cloze/ptx.cuh"

// The factors of a matrix multiplication and their panels in shared memory.

namespace cloze {

template <class T, bool along_k>
class Panel;

// Rows of k elements: elements of a row are neighbours (Rows), or elements of a column are (Columns); `step` is the
// distance along the other axis.
template <class T, bool k_is_inner>
struct Operand {
    static constexpr bool along_k = k_is_inner;
    using Source = Panel<T, k_is_inner>;
    const T* p;
    int64_t step;
};
template <class T>
using Rows = Operand<T, true>;
template <class T>
using Columns = Operand<T, false>;

constexpr int gemm_side = 128, panel_bytes = gemm_side * 64;

// 128 rows and 64 bytes along k of a factor, in lines as in memory, of chunks of 16 bytes. Two chunks a thread. The
// order of the chunks depends on the line, so that a tensor core's read of one chunk of eight neighbouring lines has no
// bank conflicts.
template <class T, bool along_k>
class Panel {
  public:
    static constexpr int depth = 64 / int(sizeof(T));
    static constexpr int elements = 16 / int(sizeof(T));  // of a chunk
    static constexpr int chunks = (along_k ? depth : gemm_side) / elements;
    static constexpr int lines = along_k ? gemm_side : depth;

    // The first chunk of this thread; the other is in line() + lines / 2.
    CLOZE_DEVICE static int line() { return int(threadIdx.x) / chunks; }
    CLOZE_DEVICE static int chunk() { return int(threadIdx.x) % chunks; }

    CLOZE_DEVICE static T* at(T* panel, int line, int chunk) {
        int turn = along_k ? line / 2 % 4 : sizeof(T) == 2 ? line % 8 : line % 4 * 2;
        return panel + (line * chunks + (chunk ^ turn)) * elements;
    }

  private:
    const T* next_;        // the first chunk of this thread in the panel to come
    int64_t step_, left_;  // along k: distance, and elements to come
    int room_[2];          // elements of the two chunks as far as rows go
    bool aligned_;

    CLOZE_DEVICE static int clamp(int64_t count, int most) { return count < 0 ? 0 : count < most ? int(count) : most; }

    CLOZE_DEVICE void copy(T* to, const T* from, int count) const {
        if (aligned_) return copy_async(to, from, count * int(sizeof(T)));
        union {
            uint4 raw;
            T elements[Panel::elements];
        } block;
        block.raw = {0, 0, 0, 0};
#pragma unroll
        for (int i = 0; i < elements; i++)
            if (i < count) block.elements[i] = from[i];
        *reinterpret_cast<uint4*>(to) = block.raw;
    }

  public:
    CLOZE_DEVICE Panel(const Operand<T, along_k>& x, int64_t row, int64_t rows, int64_t k)
        : step_(x.step), left_(k), aligned_(aligned(x.p) && x.step * int64_t{sizeof(T)} % 16 == 0) {
        if constexpr (along_k) {
            next_ = x.p + (row + line()) * step_ + chunk() * elements;
#pragma unroll
            for (int i = 0; i < 2; i++) room_[i] = row + line() + i * lines / 2 < rows ? elements : 0;
        } else {
            next_ = x.p + line() * step_ + row + chunk() * elements;
            room_[0] = room_[1] = clamp(rows - row - chunk() * elements, elements);
        }
    }

    // Starts a copy of the next panel, with zeros after the end of the factor.
    CLOZE_DEVICE void fetch(T* panel) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int at_line = line() + i * lines / 2, count = room_[i];
            if constexpr (along_k)
                count = min(count, clamp(left_ - chunk() * elements, elements));
            else
                count = at_line < left_ ? count : 0;
            copy(at(panel, at_line, chunk()), next_ + i * (lines / 2) * step_, count);
        }
        next_ += along_k ? depth : depth * step_;
        left_ -= depth;
    }

    // The elements of a lane for 16 rows and half of the depth: rows l / 4 and that + 8 in the first 16 bytes, then in
    // the second.
    CLOZE_DEVICE static void load(uint32_t (&to)[4], T* panel, int row, int half) {
        int lane = lane_of_warp();
        if constexpr (along_k) {
            load_matrices<false>(to, at(panel, row + lane % 16, half * 2 + lane / 16));
        } else if constexpr (sizeof(T) == 2) {
            load_matrices<true>(to, at(panel, half * 16 + lane % 8 + lane / 16 * 8, row / 8 + lane / 8 % 2));
        } else {
#pragma unroll
            for (int i = 0; i < 4; i++) {
                int r = row + lane / 4 + i % 2 * 8, k = half * 8 + lane % 4 + i / 2 * 4;
                to[i] = bits_of(at(panel, k, r / elements)[r % elements]);
            }
        }
        if constexpr (sizeof(T) == 4)
#pragma unroll
            for (uint32_t& word : to) word = tf32_of(float_of(word));
    }

    // Row i < 8 of the rows of member `who` of a team; four are neighbours if rows are.
    template <int team>
    CLOZE_DEVICE static int row_of_block(int first, int who, int i) {
        return first + (along_k ? who + i * team : who * 4 + i % 4 + i / 4 * 4 * team);
    }

    // Four of its rows, the first or the second, at four k.
    template <int team>
    CLOZE_DEVICE static void block(float (&to)[4][4], T* panel, int first, int who, int half, int k) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int row = row_of_block<team>(first, who, half * 4 + (along_k ? i : 0));
            Floats<4> x = Step<4>{}.load(along_k ? at(panel, row, k / 4) : at(panel, k + i, row / 4));
#pragma unroll
            for (int j = 0; j < 4; j++) (along_k ? to[i][j] : to[j][i]) = x.at[j];
        }
    }
};

}  // namespace cloze
