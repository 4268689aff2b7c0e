package cloze.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplerTest {
    private static final int DRAWS = 100_000;

    private static final float[] LOGITS = logits();

    private static float[] logits() {
        var random = new SplittableRandom(4);
        float[] logits = new float[20];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) (3 * random.nextDouble());
        }
        return logits;
    }

    private static int[] counts(Sampling sampling, float[] logits) {
        var sampler = new Sampler(sampling, 0);
        int[] counts = new int[logits.length];
        for (int i = 0; i < DRAWS; i++) {
            counts[sampler.draw(logits, 0, logits.length)]++;
        }
        return counts;
    }

    /** Probabilities of the kept tokens, naively. */
    private static double[] expected(float[] logits, double temperature, int topK, double topP) {
        int[] order = IntStream.range(0, logits.length)
                .boxed()
                .sorted((a, b) -> logits[a] != logits[b] ? Float.compare(logits[b], logits[a]) : a - b)
                .mapToInt(Integer::intValue)
                .toArray();
        double[] p = new double[logits.length];
        int most = topK == 0 ? logits.length : topK;
        double total = 0;
        for (int i = 0; i < most; i++) {
            p[order[i]] = Math.exp(logits[order[i]] / temperature);
            total += p[order[i]];
        }
        double sum = 0;
        double kept = 0;
        for (int i = 0; i < most; i++) {
            boolean in = sum < topP * total;
            sum += p[order[i]];
            if (in) {
                kept = sum;
            } else {
                p[order[i]] = 0;
            }
        }
        for (int i = 0; i < p.length; i++) {
            p[i] /= kept;
        }
        return p;
    }

    @ParameterizedTest
    @CsvSource({"1, 0, 1", "0.7, 0, 1", "1.5, 5, 1", "1, 0, 0.6", "0.9, 8, 0.8", "1, 1, 1", "1, 0, 0.0001"})
    void frequencies_pass_a_chi_square_test(double temperature, int topK, double topP) {
        int[] counts = counts(new Sampling(1, temperature, topK, topP, 11, List.of()), LOGITS);
        double[] p = expected(LOGITS, temperature, topK, topP);
        double chiSquare = 0;
        int freedom = -1;
        for (int i = 0; i < p.length; i++) {
            if (p[i] == 0) {
                assertThat(counts[i]).as("token %d is not among those kept", i).isZero();
            } else {
                double e = p[i] * DRAWS;
                chiSquare += (counts[i] - e) * (counts[i] - e) / e;
                freedom++;
            }
        }
        assertThat(chiSquare).isLessThanOrEqualTo(critical(freedom));
    }

    /** The value that chi-square exceeds with probability 0.001, by Wilson and Hilferty; exact to 1 %. */
    private static double critical(int freedom) {
        if (freedom == 0) {
            return 0;
        }
        double t = 2.0 / (9 * freedom);
        return freedom * Math.pow(1 - t + 3.0902 * Math.sqrt(t), 3) * 1.01;
    }

    @Test
    void temperature_0_takes_the_likeliest_and_the_first_among_equals() {
        float[] logits = {1, 3, 3, 2};
        assertThat(new Sampler(Sampling.greedy(1), 0).draw(logits, 0, 4)).isEqualTo(1);
    }

    @Test
    void top_k_keeps_exactly_k_where_logits_are_equal() {
        float[] logits = {1, 2, 2, 2, 0};
        int[] counts = counts(Sampling.DEFAULT.withTemperature(1).withTopK(2), logits);
        assertThat(counts[1]).isPositive();
        assertThat(counts[2]).isPositive();
        assertThat(counts[0] + counts[3] + counts[4]).isZero();
    }

    @Test
    void top_p_keeps_the_token_that_crosses_it() {
        float[] logits = {(float) Math.log(0.5), (float) Math.log(0.3), (float) Math.log(0.2)};
        int[] counts = counts(Sampling.DEFAULT.withTemperature(1).withTopP(0.6), logits);
        assertThat(counts[0]).isPositive();
        assertThat(counts[1]).isPositive();
        assertThat(counts[2]).isZero();
    }

    @Test
    void negative_and_extreme_logits_keep_their_order() {
        float[] logits = {-1e30f, -2, -3, Float.NEGATIVE_INFINITY, -0f, 0f};
        int[] counts = counts(Sampling.DEFAULT.withTemperature(1).withTopK(2), logits);
        assertThat(counts[4] + counts[5]).isEqualTo(DRAWS);
    }

    @Test
    void the_same_seed_draws_the_same_tokens_and_rows_differ() {
        Sampling sampling = Sampling.DEFAULT.withSeed(5);
        assertThat(first(new Sampler(sampling, 0))).isEqualTo(first(new Sampler(sampling, 0)));
        assertThat(first(new Sampler(sampling, 0))).isNotEqualTo(first(new Sampler(sampling, 1)));
    }

    private static int[] first(Sampler sampler) {
        return IntStream.range(0, 50)
                .map(_ -> sampler.draw(LOGITS, 0, LOGITS.length))
                .toArray();
    }
}
