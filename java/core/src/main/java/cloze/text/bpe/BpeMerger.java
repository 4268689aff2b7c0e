package cloze.text.bpe;

import cloze.text.token.TokenBuffer;
import java.util.Arrays;

/**
 * Merges the bytes of one word, lowest rank first, leftmost first for equal ranks. Words of up to 48 bytes are scanned;
 * longer ones use a heap, so a word of n bytes takes n log n. Not thread-safe: it owns its buffers.
 */
final class BpeMerger {
    private static final int SCANNED = 48;

    private final BpeModel model;
    private int[] ids = new int[64];
    private long[] ranks = new long[64];
    private int[] next = new int[0];
    private int[] previous = new int[0];
    private long[] heap = new long[0];
    private int heapSize;

    BpeMerger(BpeModel model) {
        this.model = model;
    }

    void merge(byte[] utf8, int from, int to, TokenBuffer out) {
        int n = symbols(utf8, from, to);
        if (n == 0) {
            return;
        }
        n = n <= SCANNED ? scan(n) : drain(n);
        out.add(ids, 0, n);
    }

    private int symbols(byte[] utf8, int from, int to) {
        if (ids.length < to - from) {
            ids = new int[to - from];
            ranks = new long[to - from];
        }
        BpeModel.Options options = model.options();
        int n = 0;
        boolean unknownBefore = false;
        for (int i = from; i < to; i++) {
            int id = model.byteId(utf8[i]);
            boolean unknown = id < 0;
            if (unknown && (options.unknown() < 0 || (unknownBefore && options.fuseUnknown()))) {
                continue;
            }
            ids[n++] = unknown ? options.unknown() : id;
            unknownBefore = unknown;
        }
        return n;
    }

    private int scan(int symbols) {
        int n = symbols;
        for (int i = 0; i + 1 < n; i++) {
            ranks[i] = model.pair(ids[i], ids[i + 1]);
        }
        while (n > 1) {
            int best = 0;
            for (int i = 1; i + 1 < n; i++) {
                if (ranks[i] < ranks[best]) {
                    best = i;
                }
            }
            if (ranks[best] == PairTable.MISSING) {
                break;
            }
            ids[best] = (int) ranks[best];
            n--;
            for (int i = best + 1; i < n; i++) {
                ids[i] = ids[i + 1];
                ranks[i] = ranks[i + 1];
            }
            if (best > 0) {
                ranks[best - 1] = model.pair(ids[best - 1], ids[best]);
            }
            if (best + 1 < n) {
                ranks[best] = model.pair(ids[best], ids[best + 1]);
            }
        }
        return n;
    }

    /**
     * Merges with a linked list of symbols and a heap of (rank, position). Entries whose pair has changed are ignored.
     */
    private int drain(int n) {
        link(n);
        for (int i = 0; i + 1 < n; i++) {
            consider(i);
        }
        while (heapSize > 0) {
            long top = pop();
            int at = (int) top;
            int right = ids[at] < 0 ? -1 : next[at];
            if (right < 0 || ranks[at] >>> 32 != top >>> 32) {
                continue;
            }
            ids[at] = (int) ranks[at];
            ids[right] = -1;
            next[at] = next[right];
            if (next[at] >= 0) {
                previous[next[at]] = at;
            }
            ranks[at] = PairTable.MISSING;
            consider(at);
            if (previous[at] >= 0) {
                consider(previous[at]);
            }
        }
        int kept = 0;
        for (int at = 0; at >= 0; at = next[at]) {
            ids[kept++] = ids[at];
        }
        return kept;
    }

    private void link(int n) {
        if (next.length < n) {
            next = new int[n];
            previous = new int[n];
        }
        for (int i = 0; i < n; i++) {
            next[i] = i + 1 < n ? i + 1 : -1;
            previous[i] = i - 1;
        }
        heapSize = 0;
    }

    private void consider(int at) {
        ranks[at] = next[at] < 0 ? PairTable.MISSING : model.pair(ids[at], ids[next[at]]);
        if (ranks[at] != PairTable.MISSING) {
            push((ranks[at] & 0xFFFFFFFF00000000L) | at);
        }
    }

    private void push(long entry) {
        if (heapSize == heap.length) {
            heap = Arrays.copyOf(heap, Math.max(128, 2 * heap.length));
        }
        int i = heapSize++;
        while (i > 0 && heap[(i - 1) >> 1] > entry) {
            heap[i] = heap[(i - 1) >> 1];
            i = (i - 1) >> 1;
        }
        heap[i] = entry;
    }

    private long pop() {
        long top = heap[0];
        long last = heap[--heapSize];
        int i = 0;
        while (true) {
            int child = 2 * i + 1;
            if (child >= heapSize) {
                break;
            }
            if (child + 1 < heapSize && heap[child + 1] < heap[child]) {
                child++;
            }
            if (heap[child] >= last) {
                break;
            }
            heap[i] = heap[child];
            i = child;
        }
        heap[i] = last;
        return top;
    }
}
