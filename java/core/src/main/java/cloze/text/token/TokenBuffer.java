package cloze.text.token;

import java.util.Arrays;

/** A growing list of token ids for encoders; {@link #clear} allows reuse. */
public final class TokenBuffer {
    private int[] ids;
    private int size;

    public TokenBuffer(int capacity) {
        ids = new int[Math.max(16, capacity)];
    }

    public void add(int id) {
        if (size == ids.length) {
            grow(1);
        }
        ids[size++] = id;
    }

    public void add(int[] source, int from, int count) {
        if (ids.length - size < count) {
            grow(count);
        }
        for (int i = 0; i < count; i++) {
            ids[size + i] = source[from + i];
        }
        size += count;
    }

    private void grow(int more) {
        long wanted = Math.max(2L * ids.length, (long) size + more);
        ids = Arrays.copyOf(ids, (int) Math.min(wanted, Integer.MAX_VALUE - 8));
    }

    public int size() {
        return size;
    }

    public int at(int index) {
        if (index >= size) {
            throw new IndexOutOfBoundsException(index);
        }
        return ids[index];
    }

    public void clear() {
        size = 0;
    }

    public int[] toArray() {
        return Arrays.copyOf(ids, size);
    }

    /** The array, of which the first {@link #size} elements are used; not copied. */
    public int[] array() {
        return ids;
    }
}
