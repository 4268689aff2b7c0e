package cloze.stat;

import java.util.Arrays;
import java.util.Locale;
import java.util.PrimitiveIterator;
import java.util.stream.IntStream;

/**
 * An n-gram model with interpolated Kneser-Ney smoothing, the baseline for language models on the same tokens. Each
 * order has one discount, D = n1 / (n1 + 2 n2). Below the highest order, an n-gram is counted once for each distinct
 * token that precedes it. Unigrams are interpolated with 1 / V. Immutable and thread-safe after training; each distinct
 * n-gram takes about 60 bytes of heap.
 *
 * <p>{@code p(w | u) = max(c(u w) - D, 0) / c(u .) + D kinds(u .) / c(u .) p(w | u without its first token)}
 *
 * @see <a href="https://aclanthology.org/P96-1041/">Chen and Goodman 1996, section 2.7, and Kneser and Ney 1995</a>
 */
public final class KneserNey {
    /** Maximum order of a model. */
    public static final int MAX_ORDER = 8;

    private final int vocabulary;
    private final int order;
    private final NgramLevel[] levels; // levels[k] holds the k-grams; may be longer than order + 1
    private final double[] discounts; // [order + 1]

    private KneserNey(int vocabulary, int order, NgramLevel[] levels) {
        this.vocabulary = vocabulary;
        this.order = order;
        this.levels = levels;
        this.discounts = new double[order + 1];
        for (int k = 1; k <= order; k++) {
            discounts[k] = discount(counts(k, k).with(1), counts(k, k).with(2));
        }
    }

    /** Counts of level {@code length} for the k-gram term: occurrences at the highest order, else continuations. */
    private NgramLevel.Counts counts(int k, int length) {
        return k == order ? levels[length].occurrences : levels[length].continuations;
    }

    /**
     * The discount of an order; 1/2 if no n-gram occurs once, since a discount of 0 gives unseen tokens probability 0.
     */
    private static double discount(long n1, long n2) {
        return n1 == 0 ? 0.5 : (double) n1 / (n1 + 2 * n2);
    }

    /**
     * Counts the n-grams of a text.
     *
     * @param order length of the longest n-gram, 1 to {@value #MAX_ORDER}
     * @param vocabulary V: tokens are 0 to V - 1
     */
    public static KneserNey train(int[] tokens, int order, int vocabulary) {
        return train(IntStream.of(tokens), order, vocabulary);
    }

    /** Like {@link #train(int[], int, int)} for a stream that is read once. */
    public static KneserNey train(IntStream tokens, int order, int vocabulary) {
        if (order < 1 || order > MAX_ORDER) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "KneserNey: order must be 1 to %d, but it is %d", MAX_ORDER, order));
        }
        if (vocabulary < 1) {
            throw new IllegalArgumentException("KneserNey: vocabulary must be 1 or more, but it is " + vocabulary);
        }
        var levels = new NgramLevel[order + 1];
        Arrays.setAll(levels, k -> new NgramLevel());
        levels[0].findOrAdd(0, 0);
        count(levels, tokens.iterator(), vocabulary);
        return new KneserNey(vocabulary, order, levels);
    }

    private static void count(NgramLevel[] levels, PrimitiveIterator.OfInt tokens, int vocabulary) {
        int order = levels.length - 1;
        int[] before = emptyContext(order); // before[k]: the k-gram that ends at the last token
        int[] now = emptyContext(order);
        for (int seen = 1; tokens.hasNext(); seen++) {
            int token = checked(tokens.nextInt(), vocabulary);
            for (int k = 1; k <= Math.min(seen, order); k++) {
                int size = levels[k].size();
                now[k] = levels[k].findOrAdd(before[k - 1], token);
                levels[k].occurrences.add(now[k], levels[k - 1].occurrences, before[k - 1]);
                if (k > 1 && now[k] == size) { // a new k-gram, so one more distinct token precedes its suffix
                    levels[k - 1].continuations.add(now[k - 1], levels[k - 2].continuations, before[k - 2]);
                }
            }
            int[] spare = before;
            before = now;
            now = spare;
        }
    }

    private static int[] emptyContext(int order) {
        var suffixes = new int[order + 1];
        Arrays.fill(suffixes, NgramLevel.NONE);
        suffixes[0] = 0;
        return suffixes;
    }

    private static int checked(int token, int vocabulary) {
        if (token < 0 || token >= vocabulary) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "KneserNey: token must be 0 to %d, but it is %d", vocabulary - 1, token));
        }
        return token;
    }

    /** The model of a lower order for the same text; it shares the memory of this one. */
    public KneserNey shorter(int lower) {
        if (lower < 1 || lower > order) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "KneserNey: lower must be 1 to %d, but it is %d", order, lower));
        }
        return new KneserNey(vocabulary, lower, levels);
    }

    public int order() {
        return order;
    }

    public int vocabulary() {
        return vocabulary;
    }

    /** Number of distinct n-grams of the highest order. */
    public int size() {
        return levels[order].size();
    }

    /** ln p(next | context). Only the last {@code order - 1} tokens of the context are used; it may be shorter. */
    public double logProbability(int[] context, int next) {
        var reader = reader();
        for (int i = Math.max(0, context.length - order + 1); i < context.length; i++) {
            reader.skip(context[i]);
        }
        return reader.next(next);
    }

    /** Mean of -ln p over a text, each token given all before it; NaN if there are no tokens. */
    public double nats(int[] tokens) {
        return nats(IntStream.of(tokens));
    }

    /** Like {@link #nats(int[])} for a stream that is read once. */
    public double nats(IntStream tokens) {
        var reader = reader();
        double sum = 0;
        long n = 0;
        for (var i = tokens.iterator(); i.hasNext(); n++) {
            sum -= reader.next(i.nextInt());
        }
        return sum / n;
    }

    /** Bits per byte of a text with the given numbers of tokens and bytes. */
    public static double bitsPerByte(double natsPerToken, long tokens, long bytes) {
        return natsPerToken * tokens / (Math.log(2) * bytes);
    }

    /** Starts reading a new text. */
    public Reader reader() {
        return new Reader();
    }

    /** Reads a text from start to end. Not thread-safe. */
    public final class Reader {
        private int[] suffixes = emptyContext(order);
        private int[] longer = new int[order + 1];

        private Reader() {}

        /** Returns ln p(token | all tokens before) and appends the token to the context. */
        public double next(int token) {
            skip(token);
            double p = 1.0 / vocabulary;
            for (int k = 1; k <= order; k++) {
                int context = longer[k - 1]; // the context before skip(), which swaps the two arrays
                NgramLevel.Counts contexts = counts(k, k - 1);
                int total = contexts.followersOf(context);
                if (total == 0) {
                    break; // an unseen context has only unseen extensions
                }
                double kept = Math.max(counts(k, k).of(suffixes[k]) - discounts[k], 0);
                p = (kept + discounts[k] * contexts.followerKindsOf(context) * p) / total;
            }
            return Math.log(p);
        }

        /** Appends a token to the context without predicting it. */
        public void skip(int token) {
            checked(token, vocabulary);
            longer[0] = 0;
            for (int k = 1; k <= order; k++) {
                longer[k] = levels[k].find(suffixes[k - 1], token);
            }
            int[] old = suffixes;
            suffixes = longer;
            longer = old;
        }
    }
}
