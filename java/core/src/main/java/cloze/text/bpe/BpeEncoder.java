package cloze.text.bpe;

import cloze.text.token.AddedTokens;
import cloze.text.token.NormalForm;
import cloze.text.token.PreTokenizer;
import cloze.text.token.TokenBuffer;
import cloze.text.token.Utf8;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Encodes with a cache of words, since a few tens of thousands of words make up nearly all text. Not thread-safe;
 * {@link BpeTokenizer} gives an encoder to one thread at a time.
 */
public final class BpeEncoder implements PreTokenizer.Pieces {
    private static final int CACHED_WORDS = 1 << 17;
    private static final int CACHED_BYTES = 64;

    /** The normalisation and pre-tokenization before the merges. */
    public record Steps(@Nullable NormalForm form, List<PreTokenizer> cuts) {
        public Steps {
            cuts = List.copyOf(cuts);
        }
    }

    private final BpeModel model;
    private final AddedTokens raw;
    private final AddedTokens normalized;
    private final Steps steps;
    private final BpeMerger merger;
    private final WordTable words = new WordTable(1 << 12);
    private final TokenBuffer found = new TokenBuffer(1 << 14);
    private int[] ends = new int[1 << 12]; // ends[i]: end of the ids of word i in found
    private TokenBuffer out = new TokenBuffer(16);

    BpeEncoder(BpeModel model, AddedTokens raw, AddedTokens normalized, Steps steps) {
        this.model = model;
        this.raw = raw;
        this.normalized = normalized;
        this.steps = steps;
        merger = new BpeMerger(model);
    }

    /** @param utf8 valid in [from, to) */
    void encode(byte[] utf8, int from, int to, TokenBuffer into) {
        out = into;
        raw.split(utf8, from, to, out, this::normalize);
    }

    private void normalize(byte[] utf8, int from, int to) {
        byte[] text = utf8;
        int start = from;
        int end = to;
        if (steps.form() != null) {
            String plain = Utf8.string(utf8, from, to);
            String normal = steps.form().of(plain);
            if (!normal.equals(plain)) {
                text = Utf8.bytes(normal);
                start = 0;
                end = text.length;
            }
        }
        normalized.split(text, start, end, out, (b, f, t) -> cut(0, b, f, t));
    }

    private void cut(int step, byte[] utf8, int from, int to) {
        if (step == steps.cuts().size()) {
            piece(utf8, from, to);
        } else if (step + 1 == steps.cuts().size()) {
            steps.cuts().get(step).split(utf8, from, to, this);
        } else {
            steps.cuts().get(step).split(utf8, from, to, (b, f, t) -> cut(step + 1, b, f, t));
        }
    }

    /** Encodes one word. */
    @Override
    public void piece(byte[] utf8, int from, int to) {
        if (to - from > CACHED_BYTES) {
            merge(utf8, from, to, out);
            return;
        }
        long hash = WordTable.hash(utf8, from, to);
        int index = words.find(utf8, from, to, hash);
        if (index < 0) {
            index = add(index, utf8, from, to, hash);
        }
        int start = index == 0 ? 0 : ends[index - 1];
        int count = ends[index] - start;
        if (count == 1) {
            out.add(found.array()[start]);
        } else {
            out.add(found.array(), start, count);
        }
    }

    private int add(int missed, byte[] utf8, int from, int to, long hash) {
        int slot = missed;
        if (words.size() == CACHED_WORDS) {
            words.clear();
            found.clear();
            slot = words.find(utf8, from, to, hash);
        }
        int index = words.insert(slot, utf8, from, to, hash);
        if (index == ends.length) {
            ends = java.util.Arrays.copyOf(ends, 2 * ends.length);
        }
        merge(utf8, from, to, found);
        ends[index] = found.size();
        return index;
    }

    private void merge(byte[] utf8, int from, int to, TokenBuffer into) {
        if (model.options().ignoreMerges()) {
            int whole = model.wholeWord(utf8, from, to, WordTable.hash(utf8, from, to));
            if (whole >= 0) {
                into.add(whole);
                return;
            }
        }
        merger.merge(utf8, from, to, into);
    }
}
