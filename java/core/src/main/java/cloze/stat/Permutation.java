package cloze.stat;

/**
 * A random permutation of 0 .. size - 1 that is computed, not stored: six Feistel rounds over the next even power of
 * two, repeated until the value is in range. Any element is computed directly.
 *
 * @see "Black and Rogaway 2002, Ciphers with Arbitrary Finite Domains, method 2 (cycle walking)"
 */
public record Permutation(long size, long key) {
    private static final int ROUNDS = 6;

    public Permutation {
        if (size < 1) {
            throw new IllegalArgumentException("Permutation: size must be at least 1, but is " + size);
        }
    }

    public long at(long index) {
        int half = (64 - Long.numberOfLeadingZeros(Math.max(1, size - 1)) + 1) / 2;
        long value = index;
        do {
            value = feistel(value, half);
        } while (value >= size);
        return value;
    }

    private long feistel(long value, int half) {
        long mask = (1L << half) - 1;
        long left = value >>> half;
        long right = value & mask;
        for (int round = 0; round < ROUNDS; round++) {
            long mixed = mix(right + mix(key + round)) & mask;
            long swapped = left ^ mixed;
            left = right;
            right = swapped;
        }
        return (left << half) | right;
    }

    /** SplitMix64's output function: a bijection of 64 bits. */
    public static long mix(long value) {
        long z = value + 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
