package cloze.generate;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** Draws tokens from logits, as {@link Sampling} says. One for each sequence; not thread-safe. */
final class Sampler {
    private final Sampling sampling;
    private final RandomGenerator random;
    private double[] weights = new double[0];
    private long[] order = new long[0];

    /** @param row tells apart the sequences that share a seed */
    Sampler(Sampling sampling, int row) {
        this.sampling = sampling;
        random = RandomGeneratorFactory.of("L64X128MixRandom").create(sampling.seed() * 0x9E3779B97F4A7C15L + row);
    }

    /** A token id; {@code logits} from {@code from}, one for each of {@code count} tokens. */
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
            Arrays.sort(order); // the likeliest first
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

    /** Ascending keys are descending logits, and among equals ascending ids. */
    private static long key(float logit, int id) {
        int bits = Float.floatToIntBits(logit + 0f); // + 0 makes one zero of two
        int ascending = bits ^ (bits >> 31 & Integer.MAX_VALUE);
        return (long) ~ascending << 32 | id;
    }

    /** The places of {@link #order} that can be drawn: of the first {@code most}, those that make up {@code topP}. */
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
        return (int) order[last]; // the last one if rounding leaves a rest
    }
}
