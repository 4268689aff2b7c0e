package cloze.text.bpe;

import java.util.List;

/** The tables of a byte-level BPE. Thread-safe. */
public final class BpeModel {
    /** The ids of two tokens and of the token that they merge to. */
    public record Merge(int left, int right, int merged) {}

    /** @param unknown id for a byte without a token, -1 to drop such bytes */
    public record Options(boolean ignoreMerges, int unknown, boolean fuseUnknown) {
        public static final Options PLAIN = new Options(false, -1, false);
    }

    private final byte[][] tokens;
    private final int[] byteIds;
    private final PairTable pairs;
    private final WordTable words;
    private final int[] wordIds;
    private final Options options;

    /** @param tokens [V], empty for unused ids */
    public BpeModel(byte[][] tokens, List<Merge> merges, Options options) {
        this.tokens = tokens;
        this.options = options;
        byteIds = byteIds(tokens);
        pairs = new PairTable(merges.size());
        for (int rank = 0; rank < merges.size(); rank++) {
            Merge merge = merges.get(rank);
            pairs.put(merge.left(), merge.right(), rank, merge.merged());
        }
        words = new WordTable(options.ignoreMerges() ? tokens.length : 1);
        wordIds = new int[options.ignoreMerges() ? tokens.length : 0];
        if (options.ignoreMerges()) {
            fillWords();
        }
    }

    private static int[] byteIds(byte[][] tokens) {
        int[] ids = new int[256];
        java.util.Arrays.fill(ids, -1);
        for (int id = 0; id < tokens.length; id++) {
            if (tokens[id].length == 1) {
                ids[tokens[id][0] & 0xFF] = id;
            }
        }
        return ids;
    }

    private void fillWords() {
        for (int id = 0; id < tokens.length; id++) {
            byte[] token = tokens[id];
            if (token.length > 0) {
                long hash = WordTable.hash(token, 0, token.length);
                int found = words.find(token, 0, token.length, hash);
                int index = found >= 0 ? found : words.insert(found, token, 0, token.length, hash);
                wordIds[index] = id;
            }
        }
    }

    /** Number of ids of the model, including unused ones. */
    int size() {
        return tokens.length;
    }

    byte[] token(int id) {
        return tokens[id];
    }

    int byteId(byte b) {
        return byteIds[b & 0xFF];
    }

    long pair(int left, int right) {
        return pairs.find(left, right);
    }

    Options options() {
        return options;
    }

    /** Id of the token that equals the whole word; -1 if there is none, or if merges are applied first. */
    int wholeWord(byte[] utf8, int from, int to, long hash) {
        if (wordIds.length == 0) {
            return -1;
        }
        int index = words.find(utf8, from, to, hash);
        return index < 0 ? -1 : wordIds[index];
    }
}
