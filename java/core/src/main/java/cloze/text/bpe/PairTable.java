package cloze.text.bpe;

/** A hash table from a pair of token ids to the rank and id of the merged token, packed as rank {@code << 32} | id. */
final class PairTable {
    static final long MISSING = Long.MAX_VALUE;
    private static final long FREE = -1;

    private final long[] keys;
    private final long[] values;

    PairTable(int capacity) {
        int slots = Integer.highestOneBit(Math.max(8, capacity)) << 2;
        keys = new long[slots];
        values = new long[slots];
        java.util.Arrays.fill(keys, FREE);
    }

    /** Adds a pair; a later one replaces an equal one, as in the Hugging Face library. */
    void put(int left, int right, int rank, int merged) {
        long key = key(left, right);
        int slot = slot(key);
        keys[slot] = key;
        values[slot] = ((long) rank << 32) | merged;
    }

    long find(int left, int right) {
        int slot = slot(key(left, right));
        return keys[slot] == FREE ? MISSING : values[slot];
    }

    private static long key(int left, int right) {
        return ((long) left << 32) | right;
    }

    private int slot(long key) {
        int mask = keys.length - 1;
        int slot = (int) ((key * 0x9E3779B97F4A7C15L) >>> 32) & mask;
        while (keys[slot] != key && keys[slot] != FREE) {
            slot = (slot + 1) & mask;
        }
        return slot;
    }
}
