package cloze.text.bpe;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** A hash table that numbers byte strings 0, 1, 2, ... in the order of insertion; all bytes are in one array. */
final class WordTable {
    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long MIX = 0x9E3779B97F4A7C15L;

    private int[] slots; // index + 1, 0 is free
    private long[] hashes;
    private int[] starts; // word i is arena[starts[i] .. starts[i + 1])
    private byte[] arena;
    private int size;

    WordTable(int capacity) {
        int slotCount = Integer.highestOneBit(Math.max(8, capacity)) << 2;
        slots = new int[slotCount];
        hashes = new long[slotCount >> 2];
        starts = new int[(slotCount >> 2) + 1];
        arena = new byte[8 * (slotCount >> 2)];
    }

    int size() {
        return size;
    }

    int bytes() {
        return starts[size];
    }

    void clear() {
        Arrays.fill(slots, 0);
        size = 0;
    }

    byte[] word(int index) {
        return Arrays.copyOfRange(arena, starts[index], starts[index + 1]);
    }

    /** Number of the word, or -1 - slot for {@link #insert} if it is missing. */
    int find(byte[] bytes, int from, int to, long hash) {
        int mask = slots.length - 1;
        int slot = (int) (hash >>> 32) & mask;
        while (true) {
            int index = slots[slot] - 1;
            if (index < 0) {
                return -1 - slot;
            }
            if (hashes[index] == hash && same(index, bytes, from, to)) {
                return index;
            }
            slot = (slot + 1) & mask;
        }
    }

    private boolean same(int index, byte[] bytes, int from, int to) {
        int start = starts[index];
        int length = to - from;
        if (starts[index + 1] - start != length) {
            return false;
        }
        // The hash of up to eight bytes is a bijection of them for one length.
        return length <= 8 || Arrays.equals(arena, start, start + length, bytes, from, to);
    }

    /** Adds a word that is missing; {@code missed} is the result of {@link #find}. */
    int insert(int missed, byte[] bytes, int from, int to, long hash) {
        int index = size;
        if (index == hashes.length) {
            grow();
            insertSlot(index, hash);
        } else {
            slots[-1 - missed] = index + 1;
        }
        int start = starts[index];
        int end = Math.addExact(start, to - from);
        if (end > arena.length) {
            arena = Arrays.copyOf(arena, (int) Math.min(Integer.MAX_VALUE - 8, Math.max(2L * arena.length, end)));
        }
        System.arraycopy(bytes, from, arena, start, to - from);
        hashes[index] = hash;
        starts[index + 1] = end;
        size++;
        return index;
    }

    private void grow() {
        hashes = Arrays.copyOf(hashes, 2 * hashes.length);
        starts = Arrays.copyOf(starts, hashes.length + 1);
        slots = new int[4 * hashes.length];
        for (int i = 0; i < size; i++) {
            insertSlot(i, hashes[i]);
        }
    }

    private void insertSlot(int index, long hash) {
        int mask = slots.length - 1;
        int slot = (int) (hash >>> 32) & mask;
        while (slots[slot] != 0) {
            slot = (slot + 1) & mask;
        }
        slots[slot] = index + 1;
    }

    static long hash(byte[] bytes, int from, int to) {
        int i = from;
        long hash = (long) to - from;
        while (to - i > 8) {
            hash = mix(hash, (long) LONG.get(bytes, i));
            i += 8;
        }
        return mix(hash, tail(bytes, i, to));
    }

    /** The last one to eight bytes as a number. */
    private static long tail(byte[] bytes, int from, int to) {
        if (from + 8 <= bytes.length) {
            return (long) LONG.get(bytes, from) & (-1L >>> (64 - 8 * (to - from)));
        }
        long tail = 0;
        for (int i = to - 1; i >= from; i--) {
            tail = (tail << 8) | (bytes[i] & 0xFF);
        }
        return tail;
    }

    private static long mix(long hash, long block) {
        long h = (hash ^ block) * MIX;
        return h ^ (h >>> 32);
    }
}
