package cloze.stat;

import java.util.Arrays;

/**
 * The n-grams of one length: their counts, and, as contexts, what follows them. An n-gram is its prefix (a number in the
 * level below) and its last token, so a long is its key whatever the length. Numbers are dense, in order of arrival.
 */
final class NgramLevel {
    static final int NONE = -1;

    // power-of-two open addressing, at most half full: key and number in one slot pair
    private long[] keys = new long[1 << 10];
    private int[] numbers = new int[1 << 10];
    private int size;

    /** How often n-grams were counted, in all and followed by a token; one of these for each way of counting. */
    static final class Counts {
        private int[] counts = new int[1 << 9];
        private int[] followers = new int[1 << 9];
        private int[] followerKinds = new int[1 << 9];

        private void grow(int capacity) {
            counts = Arrays.copyOf(counts, capacity);
            followers = Arrays.copyOf(followers, capacity);
            followerKinds = Arrays.copyOf(followerKinds, capacity);
        }

        /** Counts one more of an n-gram that is {@code prefix}, counted in {@code below}, and a token. */
        void add(int ngram, Counts below, int prefix) {
            counts[ngram]++;
            below.followers[prefix]++;
            below.followerKinds[prefix] += counts[ngram] == 1 ? 1 : 0;
        }

        int of(int ngram) {
            return ngram == NONE ? 0 : counts[ngram];
        }

        int followersOf(int ngram) {
            return ngram == NONE ? 0 : followers[ngram];
        }

        int followerKindsOf(int ngram) {
            return followerKinds[ngram];
        }

        /** How many n-grams have this count, which is more than 0. */
        long with(int count) {
            return Arrays.stream(counts).filter(c -> c == count).count();
        }
    }

    /** How often n-grams occur: what counts in those of the highest order. */
    final Counts occurrences = new Counts();

    /** How many kinds of token come before n-grams: what counts in those of lower order. */
    final Counts continuations = new Counts();

    NgramLevel() {
        Arrays.fill(numbers, NONE);
    }

    private static long key(int prefix, int token) {
        return (long) prefix << 32 | token;
    }

    private int slot(long key) {
        long mixed = key * 0x9E3779B97F4A7C15L;
        int mask = keys.length - 1;
        int slot = (int) (mixed >>> 32 ^ mixed >>> 47) & mask;
        while (numbers[slot] != NONE && keys[slot] != key) {
            slot = slot + 1 & mask;
        }
        return slot;
    }

    /** The number of an n-gram, or {@link #NONE}. */
    int find(int prefix, int token) {
        return prefix == NONE ? NONE : numbers[slot(key(prefix, token))];
    }

    /** The number of an n-gram, which is {@link #size()} before the call if it is new. */
    int findOrAdd(int prefix, int token) {
        long key = key(prefix, token);
        int slot = slot(key);
        if (numbers[slot] != NONE) {
            return numbers[slot];
        }
        keys[slot] = key;
        numbers[slot] = size;
        if (size == keys.length / 2) {
            grow();
        }
        return size++;
    }

    private void grow() {
        long[] oldKeys = keys;
        int[] oldNumbers = numbers;
        int capacity = Math.multiplyExact(oldKeys.length, 2);
        keys = new long[capacity];
        numbers = new int[capacity];
        Arrays.fill(numbers, NONE);
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldNumbers[i] != NONE) {
                int slot = slot(oldKeys[i]);
                keys[slot] = oldKeys[i];
                numbers[slot] = oldNumbers[i];
            }
        }
        occurrences.grow(capacity / 2);
        continuations.grow(capacity / 2);
    }

    int size() {
        return size;
    }
}
