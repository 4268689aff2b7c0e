package cloze.op;

import java.util.Arrays;
import java.util.stream.Stream;

/** Extents at which kernels go wrong: 1, primes, around a vector and two, no rows, and a real size. */
final class Shapes {
    private Shapes() {}

    static Stream<int[]> rows() {
        return Stream.of(
                new int[] {1, 1},
                new int[] {1, 4},
                new int[] {7, 1},
                new int[] {3, 5},
                new int[] {7, 31},
                new int[] {5, 32},
                new int[] {2, 3, 33},
                new int[] {0, 5},
                new int[] {13, 97},
                new int[] {67, 768});
    }

    /** More than a step of a warp, around what it holds of a row, and more rows than there are chunks of them. */
    static Stream<int[]> longRows() {
        return Stream.of(
                new int[] {1, 264}, new int[] {3, 1024}, new int[] {3, 1025}, new int[] {2, 1536}, new int[] {4300, 8});
    }

    static String label(int... extents) {
        return Arrays.toString(extents);
    }
}
