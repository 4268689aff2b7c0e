package cloze.generate;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** Samples tokens from logits with the options of {@link Sampling}. One instance per sequence; not thread-safe. */
final class Sampler {
    private final Sampling sampling;
    private final RandomGenerator random;
    private double[] weights = new double[0];
    private long[] order = new long[0];

    /** @param row number of the sequence; sequences with the same seed draw different random numbers */
    Sampler(Sampling sampling, int row) {
        this.sampling = sampling;
        random = RandomGeneratorFactory.of("L64X128MixRandom").create(sampling.seed() * 0x9E3779B97F4A7C15L + row);
    }

    /** Samples a token id from the {@code count} logits that start at {@code from}. */
    int draw(float[] logits, int from, int count) {
        if (sampling.temperature() == 0) {
            return likeliest(logits, from, count);
        }
        if (weights.length != count) {
            weights = new double[count];
            order = new long[count];
        }
        boolean limited = (sampling.topK() > 0 && sampling.topK() < count) || sampling.topP() < 1;
        for (int i = 0; i < count; i++) {
            order[i] = limited ? key(logits[from + i], i) : i;
        }
        if (limited) {
            Arrays.sort(order); // the most likely token first
        }
        return pick(weigh(logits, from, sampling.topK() == 0 ? count : Math.min(count, sampling.topK())));
    }

    private static int likeliest(float[] logits, int from, int count) {
        int best = 0;
        for (int i = 1; i < count; i++) {
            if (logits[from + i] > logits[from + best]) {
                best = i;
            }
        }
        return best;
    }

    /** A sort key: ascending keys give descending logits, and ascending ids for equal logits. */
    private static long key(float logit, int id) {
        int bits = Float.floatToIntBits(logit + 0f); // + 0 turns -0 into 0
        int ascending = bits ^ (bits >> 31 & Integer.MAX_VALUE);
        return (long) ~ascending << 32 | id;
    }

    /**
     * The number of candidates in {@link #order}: of the first {@code most}, those that reach {@code topP} together.
     */
    private int weigh(float[] logits, int from, int most) {
        double max = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < most; i++) {
            max = Math.max(max, logits[from + (int) order[i]]);
        }
        double total = 0;
        for (int i = 0; i < most; i++) {
            weights[i] = Math.exp((logits[from + (int) order[i]] - max) / sampling.temperature());
            total += weights[i];
        }
        if (sampling.topP() == 1) {
            return most;
        }
        int kept = 0;
        for (double sum = 0; kept < most && (kept == 0 || sum < sampling.topP() * total); kept++) {
            sum += weights[kept];
        }
        return kept;
    }

    private int pick(int kept) {
        double total = 0;
        for (int i = 0; i < kept; i++) {
            total += weights[i];
        }
        double target = random.nextDouble() * total;
        int last = 0;
        for (int i = 0; i < kept; i++) {
            if (weights[i] > 0) {
                last = i;
                target -= weights[i];
                if (target < 0) {
                    break;
                }
            }
        }
        return (int) order[last]; // the last candidate if rounding leaves a remainder
    }
}
