package cloze.op;

/** Philox4x32-10, from the paper: the numbers that kernels must draw. */
public final class Philox {
    private static final long WORD = 0xffffffffL;

    private Philox() {}

    /** The four numbers of one counter. */
    public static int[] at(int key0, int key1, int word0, int word1, int word2, int word3) {
        long a = word0 & WORD;
        long b = word1 & WORD;
        long c = word2 & WORD;
        long d = word3 & WORD;
        int k0 = key0;
        int k1 = key1;
        for (int round = 0; round < 10; round++) {
            long p = 0xD2511F53L * a;
            long q = 0xCD9E8D57L * c;
            a = ((q >>> 32) ^ b ^ k0) & WORD;
            b = q & WORD;
            c = ((p >>> 32) ^ d ^ k1) & WORD;
            d = p & WORD;
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        return new int[] {(int) a, (int) b, (int) c, (int) d};
    }

    /** The number in [0, 1) at one counter and lane. */
    public static float uniform(long seed, long offset, int word0, int word1, int lane) {
        int number = at((int) seed, (int) (seed >>> 32), word0, word1, (int) offset, (int) (offset >>> 32))[lane];
        return (number >>> 8) * 0x1p-24f;
    }

    /** The number in [0, 1) of element i of an array. */
    public static float uniform(long seed, long offset, long i) {
        return uniform(seed, offset, (int) (i / 4), (int) ((i / 4) >>> 32), (int) (i % 4));
    }

    /** 1 / (1 - rate) if element i of an array is kept, else 0. */
    static double keep(DropoutKey key, long i) {
        return uniform(key.seed(), key.offset(), i) >= key.rate() ? 1 / (1.0 - key.rate()) : 0;
    }
}
