package cloze.stat;

import java.util.Arrays;

/**
 * The n-grams of one length with their counts and the counts of their followers. The key of an n-gram is a long: the
 * number of its prefix in the level below, and its last token. Numbers are dense, in order of first occurrence.
 */
final class NgramLevel {
    static final int NONE = -1;

    // power-of-two open addressing, at most half full: key and number in one slot pair
    private long[] keys = new long[1 << 10];
    private int[] numbers = new int[1 << 10];
    private int size;

    /** Counts of n-grams, in total and as contexts of a following token. */
    static final class Counts {
        private int[] counts = new int[1 << 9];
        private int[] followers = new int[1 << 9];
        private int[] followerKinds = new int[1 << 9];

        private void grow(int capacity) {
            counts = Arrays.copyOf(counts, capacity);
            followers = Arrays.copyOf(followers, capacity);
            followerKinds = Arrays.copyOf(followerKinds, capacity);
        }

        /** Increments the count of an n-gram; {@code below} counts its prefix. */
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

        /** Number of n-grams with this count, which is greater than 0. */
        long with(int count) {
            return Arrays.stream(counts).filter(c -> c == count).count();
        }
    }

    /** Numbers of occurrences, for the highest order. */
    final Counts occurrences = new Counts();

    /** Numbers of distinct preceding tokens, for lower orders. */
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

    /** The number of an n-gram; a new one gets the value of {@link #size()} before the call. */
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
