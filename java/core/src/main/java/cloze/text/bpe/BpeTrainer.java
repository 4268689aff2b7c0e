package cloze.text.bpe;

import cloze.io.Progress;
import cloze.text.token.AddedTokens;
import cloze.text.token.ByteLevel;
import cloze.text.token.Gpt2Pattern;
import cloze.text.token.TokenBuffer;
import cloze.text.token.Tokenizer;
import cloze.text.token.TokenizerJson;
import cloze.text.token.TokenizerJsonWriter;
import cloze.text.token.Utf8;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/**
 * Learns the merges of a byte-level BPE: repeatedly merges the most frequent pair of adjacent tokens. The order of ids,
 * ties (the pair with the lower ids first) and counting are the same as in the {@code BpeTrainer} of the Hugging Face
 * library, so the same texts give the same tokenizer.json.
 *
 * @see "Sennrich et al. 2016, Neural Machine Translation of Rare Words with Subword Units, algorithm 1"
 */
public final class BpeTrainer {
    /**
     * Options of the training.
     *
     * @param vocabularySize number of tokens, including the special tokens and the 256 bytes
     * @param minFrequency minimum frequency of a pair to be merged
     * @param specialTokens tokens with the first ids
     */
    public record Config(int vocabularySize, int minFrequency, List<String> specialTokens) {
        public Config {
            specialTokens = List.copyOf(specialTokens);
            int least = 256 + specialTokens.size();
            if (vocabularySize < least) {
                throw new IllegalArgumentException("BpeTrainer: vocabularySize must be at least " + least
                        + ", the bytes and the special tokens, but is " + vocabularySize);
            }
        }

        /** GPT-2's options: pairs that occur at least twice, {@value Tokenizer#END_OF_TEXT}. */
        public static Config gpt2(int vocabularySize) {
            return new Config(vocabularySize, 2, List.of(Tokenizer.END_OF_TEXT));
        }
    }

    private record Candidate(int left, int right, long count) implements Comparable<Candidate> {
        @Override
        public int compareTo(Candidate other) {
            int byCount = Long.compare(other.count, count);
            int byLeft = byCount != 0 ? byCount : Integer.compare(left, other.left);
            return byLeft != 0 ? byLeft : Integer.compare(right, other.right);
        }

        long pair() {
            return BpeTrainer.pair(left, right);
        }
    }

    /** The frequency of a pair, and the words that may contain it. */
    private static final class Occurrences {
        long count;
        final TokenBuffer words = new TokenBuffer(4);

        void in(int word) {
            if (words.size() == 0 || words.at(words.size() - 1) != word) {
                words.add(word);
            }
        }
    }

    private final Config config;
    private final WordCounts counts = new WordCounts();

    public BpeTrainer(Config config) {
        this.config = config;
    }

    /** Counts the words of a text; called once per document, or with parts cut by {@link Tokenizer#cut}. */
    public void add(byte[] utf8, int from, int to) {
        counts.add(utf8, from, to);
    }

    public void add(String text) {
        byte[] utf8 = Utf8.bytes(text);
        add(utf8, 0, utf8.length);
    }

    /** Learns the merges from the added texts. */
    public BpeTokenizer train(Progress progress) {
        return new Run(counts).train(progress);
    }

    private static long pair(int left, int right) {
        return ((long) left << 32) | right;
    }

    private final class Run {
        private final Map<String, Integer> ids = new LinkedHashMap<>();
        private final List<String> tokens = new ArrayList<>();
        private final List<TokenizerJson.MergeText> merges = new ArrayList<>();
        private final Map<Long, Occurrences> pairs = new HashMap<>();
        private final PriorityQueue<Candidate> queue = new PriorityQueue<>();
        private final int[][] words;
        private final int[] lengths;
        private final long[] frequencies;

        Run(WordCounts counts) {
            config.specialTokens().forEach(this::id);
            alphabet();
            words = new int[counts.size()][];
            lengths = new int[words.length];
            frequencies = new long[words.length];
            for (int w = 0; w < words.length; w++) {
                words[w] = symbols(counts.word(w));
                lengths[w] = words[w].length;
                frequencies[w] = counts.count(w);
            }
        }

        private int id(String token) {
            Integer known = ids.putIfAbsent(token, tokens.size());
            if (known == null) {
                tokens.add(token);
            }
            return known == null ? tokens.size() - 1 : known;
        }

        /** Adds the 256 bytes, in the order of their characters in {@link ByteLevel}. */
        private void alphabet() {
            java.util.stream.IntStream.range(0, 256)
                    .map(ByteLevel::character)
                    .sorted()
                    .forEach(c -> id(Character.toString(c)));
        }

        private int[] symbols(byte[] word) {
            int[] symbols = new int[word.length];
            for (int i = 0; i < word.length; i++) {
                symbols[i] = id(String.valueOf(ByteLevel.character(word[i] & 0xFF)));
            }
            return symbols;
        }

        BpeTokenizer train(Progress progress) {
            countPairs();
            int first = tokens.size();
            int total = config.vocabularySize() - first;
            while (tokens.size() < config.vocabularySize()) {
                Candidate best = next();
                if (best == null) {
                    break;
                }
                merge(best);
                if ((tokens.size() & 0xFF) == 0) {
                    progress.at(tokens.size() - first, total, "merges");
                }
            }
            progress.at(tokens.size() - first, tokens.size() - first, "merges");
            return tokenizer();
        }

        private void countPairs() {
            for (int w = 0; w < words.length; w++) {
                for (int i = 0; i + 1 < lengths[w]; i++) {
                    change(words[w][i], words[w][i + 1], frequencies[w], w);
                }
            }
            pairs.forEach((pair, at) -> queue.add(new Candidate((int) (pair >>> 32), pair.intValue(), at.count)));
        }

        private Occurrences change(int left, int right, long by, int word) {
            Occurrences at = pairs.computeIfAbsent(pair(left, right), p -> new Occurrences());
            at.count += by;
            if (by > 0) {
                at.in(word);
            }
            return at;
        }

        /** Removes the most frequent pair. Entries whose count has decreased are put back with the current count. */
        private @org.jspecify.annotations.Nullable Candidate next() {
            while (true) {
                Candidate best = queue.poll();
                if (best == null) {
                    return null;
                }
                Occurrences at = pairs.get(best.pair());
                long count = at == null ? 0 : at.count;
                if (count == best.count()) {
                    return count < Math.max(1, config.minFrequency()) ? null : best;
                }
                queue.add(new Candidate(best.left(), best.right(), count));
            }
        }

        private void merge(Candidate best) {
            String left = tokens.get(best.left());
            String right = tokens.get(best.right());
            int merged = id(left + right);
            merges.add(new TokenizerJson.MergeText(left, right, ""));
            Occurrences at = pairs.get(best.pair());
            java.util.Set<Long> risen = new java.util.LinkedHashSet<>();
            for (int i = 0; at != null && i < at.words.size(); i++) {
                mergeIn(at.words.at(i), best, merged, risen);
            }
            for (long pair : risen) {
                Occurrences now = pairs.get(pair);
                if (now != null && now.count > 0) {
                    queue.add(new Candidate((int) (pair >>> 32), (int) pair, now.count));
                }
            }
        }

        private void mergeIn(int w, Candidate best, int merged, java.util.Set<Long> risen) {
            int[] word = words[w];
            long by = frequencies[w];
            int n = lengths[w];
            int kept = 0;
            int i = 0;
            while (i < n) {
                if (i + 1 == n || word[i] != best.left() || word[i + 1] != best.right()) {
                    word[kept++] = word[i++];
                    continue;
                }
                if (kept > 0) {
                    change(word[kept - 1], best.left(), -by, w);
                    change(word[kept - 1], merged, by, w);
                    risen.add(pair(word[kept - 1], merged));
                }
                i += 2;
                if (i < n) {
                    change(best.right(), word[i], -by, w);
                    change(merged, word[i], by, w);
                    risen.add(pair(merged, word[i]));
                }
                word[kept++] = merged;
            }
            lengths[w] = kept;
        }

        private BpeTokenizer tokenizer() {
            List<AddedTokens.Token> added = config.specialTokens().stream()
                    .map(token -> AddedTokens.Token.special(id(token), token))
                    .toList();
            byte[][] bytes = tokens.stream().map(ByteLevel::bytes).toArray(byte[][]::new);
            List<BpeModel.Merge> tables = merges.stream()
                    .map(m -> new BpeModel.Merge(id(m.left()), id(m.right()), id(m.left() + m.right())))
                    .toList();
            BpeModel model = new BpeModel(bytes, tables, BpeModel.Options.PLAIN);
            BpeEncoder.Steps steps = new BpeEncoder.Steps(null, List.of(new Gpt2Pattern()));
            return new BpeTokenizer(model, added, steps, true, TokenizerJsonWriter.bpe(ids, merges, added));
        }
    }
}
