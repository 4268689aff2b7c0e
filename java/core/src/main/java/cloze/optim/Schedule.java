package cloze.optim;

import java.util.Locale;

/**
 * The learning rate over a run, as a factor of its peak. It rises linearly over the first {@code warmup} steps and
 * reaches 1 at step {@code warmup - 1}. The decay starts at step {@code warmup} with exactly 1 and ends at step
 * {@code steps}, one after the last, with exactly {@code finalFraction}; later steps keep that value.
 *
 * @see <a href="https://github.com/karpathy/llm.c/blob/master/llmc/schedulers.h">the same four schedules in llm.c</a>
 */
public sealed interface Schedule {
    /** Steps of linear warm-up. */
    long warmup();

    /**
     * The curve after the warm-up.
     *
     * @param step at least {@link #warmup}
     */
    double decayed(long step);

    /** The factor of step 0, 1, ... */
    default double factor(long step) {
        return step < warmup() ? (step + 1.0) / warmup() : decayed(step);
    }

    /** Constant at the peak. */
    record Constant(long warmup) implements Schedule {
        public Constant {
            requireWarmup(warmup, Long.MAX_VALUE);
        }

        @Override
        public double decayed(long step) {
            return 1;
        }
    }

    /** Linear decay. */
    record Linear(long warmup, long steps, double finalFraction) implements Schedule {
        public Linear {
            requireWarmup(warmup, steps);
            requireFraction("finalFraction", finalFraction);
        }

        @Override
        public double decayed(long step) {
            return between(1 - progress(step, warmup, steps), finalFraction);
        }
    }

    /** Cosine decay. */
    record Cosine(long warmup, long steps, double finalFraction) implements Schedule {
        public Cosine {
            requireWarmup(warmup, steps);
            requireFraction("finalFraction", finalFraction);
        }

        @Override
        public double decayed(long step) {
            return between((1 + Math.cos(Math.PI * progress(step, warmup, steps))) / 2, finalFraction);
        }
    }

    /** Warm-up, stable, decay: constant until the last {@code decayFraction} of the steps, then a decay of 1 - sqrt. */
    record WarmupStableDecay(long warmup, long steps, double decayFraction, double finalFraction) implements Schedule {
        public WarmupStableDecay {
            requireWarmup(warmup, steps);
            requireFraction("decayFraction", decayFraction);
            requireFraction("finalFraction", finalFraction);
        }

        /** Decays over the last fifth of the steps. */
        public WarmupStableDecay(long warmup, long steps, double finalFraction) {
            this(warmup, steps, 0.2, finalFraction);
        }

        @Override
        public double decayed(long step) {
            long turn = Math.max(warmup, steps - Math.round(decayFraction * steps));
            return step < turn ? 1 : between(1 - Math.sqrt(progress(step, turn, steps)), finalFraction);
        }
    }

    private static double progress(long step, long from, long to) {
        return step >= to ? 1 : (double) (step - from) / (to - from);
    }

    /** Interpolates from {@code end} at share 0 to 1 at share 1, exact at both. */
    private static double between(double share, double end) {
        return share * 1 + (1 - share) * end;
    }

    private static void requireWarmup(long warmup, long steps) {
        if (warmup < 0 || warmup > steps) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "Schedule: warmup must be between 0 and the %d steps, but is %d", steps, warmup));
        }
    }

    private static void requireFraction(String name, double fraction) {
        if (!(fraction >= 0 && fraction <= 1)) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "Schedule: %s must be in [0, 1], but is %s", name, fraction));
        }
    }
}
