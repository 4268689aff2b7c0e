package cloze.stat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class KneserNeyTest {
    private static final int V = 7;
    private static final int[] TEXT = markov(400, 1);

    /** A text in which a token is mostly decided by the two before it. */
    private static int[] markov(int length, long seed) {
        var random = new Random(seed);
        var text = new int[length];
        for (int i = 0; i < length; i++) {
            boolean free = i < 2 || random.nextInt(4) == 0;
            text[i] = free ? random.nextInt(V - 1) : (2 * text[i - 1] + 3 * text[i - 2]) % (V - 1);
        }
        return text;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 5, 8})
    void probabilities_sum_to_one_after_any_context(int order) {
        var model = KneserNey.train(TEXT, order, V);
        var random = new Random(2);
        for (int trial = 0; trial < 200; trial++) {
            int[] context = random.ints(random.nextInt(10), 0, V).toArray();
            double sum = IntStream.range(0, V)
                    .mapToDouble(w -> Math.exp(model.logProbability(context, w)))
                    .sum();
            assertThat(sum).isCloseTo(1, within(1e-9));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 6, 8})
    void agrees_with_the_formula_computed_from_lists(int order) {
        var model = KneserNey.train(TEXT, order, V);
        var reference = new Reference(TEXT, order);
        var random = new Random(3);
        for (int trial = 0; trial < 200; trial++) {
            int from = random.nextInt(TEXT.length - 9);
            int[] context = trial % 2 == 0
                    ? Arrays.copyOfRange(TEXT, from, from + random.nextInt(9))
                    : random.ints(random.nextInt(9), 0, V).toArray();
            int next = random.nextInt(V);
            assertThat(model.logProbability(context, next))
                    .isCloseTo(Math.log(reference.probability(context, next)), within(1e-9));
        }
    }

    @Test
    void longer_n_grams_predict_a_text_of_that_memory_better() {
        int[] train = markov(20_000, 4);
        int[] held = markov(4_000, 5);
        double[] nats = IntStream.rangeClosed(1, 3)
                .mapToDouble(order -> KneserNey.train(train, order, V).nats(held))
                .toArray();
        assertThat(nats[0]).isBetween(nats[1], Math.log(V));
        assertThat(nats[2]).isLessThan(nats[1]);
        // the source: 3/4 sure of one token, else uniform over 6
        double sure = 0.75 + 0.25 / 6;
        double entropy = -sure * Math.log(sure) - 5 * 0.25 / 6 * Math.log(0.25 / 6);
        assertThat(nats[2]).isCloseTo(entropy, within(0.05));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 8})
    void the_shorter_model_is_the_one_trained_at_its_order(int order) {
        var shorter = KneserNey.train(TEXT, 8, V).shorter(order);
        assertThat(shorter.order()).isEqualTo(order);
        assertThat(shorter.nats(markov(300, 8)))
                .isEqualTo(KneserNey.train(TEXT, order, V).nats(markov(300, 8)));
    }

    @Test
    void a_text_is_read_like_its_tokens_one_by_one() {
        var model = KneserNey.train(TEXT, 4, V);
        int[] held = markov(50, 6);
        double sum = 0;
        for (int i = 0; i < held.length; i++) {
            sum -= model.logProbability(Arrays.copyOf(held, i), held[i]);
        }
        assertThat(model.nats(held)).isCloseTo(sum / held.length, within(1e-12));
    }

    @Test
    void a_token_never_seen_is_possible() {
        var model = KneserNey.train(TEXT, 3, V);
        assertThat(model.logProbability(new int[] {1, 2}, V - 1)).isGreaterThan(Math.log(1e-6));
        assertThat(KneserNey.train(new int[] {0, 0, 1, 1}, 1, 3).logProbability(new int[0], 2))
                .isFinite();
    }

    @Test
    void an_empty_text_gives_the_uniform_distribution() {
        var model = KneserNey.train(new int[0], 3, V);
        assertThat(model.logProbability(new int[] {1, 2}, 3)).isCloseTo(-Math.log(V), within(1e-12));
        assertThat(model.nats(new int[0])).isNaN();
    }

    @Test
    void keys_of_a_large_vocabulary_do_not_meet() {
        int vocabulary = 1 << 30;
        int[] text = new Random(7).ints(30_000, 0, vocabulary).toArray();
        var model = KneserNey.train(text, 2, vocabulary);
        assertThat(model.size()).isEqualTo(text.length - 1);
    }

    @Test
    void refuses_tokens_and_orders_out_of_range() {
        assertThatThrownBy(() -> KneserNey.train(TEXT, 9, V))
                .hasMessage("KneserNey: order must be 1 to 8, but it is 9");
        assertThatThrownBy(() -> KneserNey.train(new int[] {V}, 2, V))
                .hasMessage("KneserNey: token must be 0 to 6, but it is 7");
    }

    @Test
    void bits_per_byte_are_bits_a_character_when_a_token_is_a_byte() {
        assertThat(KneserNey.bitsPerByte(Math.log(2), 10, 10)).isCloseTo(1, within(1e-12));
        assertThat(KneserNey.bitsPerByte(Math.log(16), 10, 40)).isCloseTo(1, within(1e-12));
    }

    /** The recursion over the whole text, for every probability anew. */
    private static final class Reference {
        private final List<Integer> text;
        private final int order;
        private final Map<Integer, Double> discounts = new HashMap<>();

        Reference(int[] text, int order) {
            this.text = Arrays.stream(text).boxed().toList();
            this.order = order;
        }

        double probability(int[] context, int next) {
            List<Integer> u = Arrays.stream(context).boxed().toList();
            return probability(u.subList(Math.max(0, u.size() - order + 1), u.size()), next);
        }

        private double probability(List<Integer> u, int next) {
            double lower = u.isEmpty() ? 1.0 / V : probability(u.subList(1, u.size()), next);
            double total = 0;
            double kinds = 0;
            for (int w = 0; w < V; w++) {
                total += count(concat(u, w));
                kinds += count(concat(u, w)) > 0 ? 1 : 0;
            }
            double d = discounts.computeIfAbsent(u.size() + 1, this::discount);
            double kept = Math.max(count(concat(u, next)) - d, 0);
            return total == 0 ? lower : kept / total + d * kinds / total * lower;
        }

        private double discount(int length) {
            Set<List<Integer>> ngrams = new HashSet<>();
            for (int i = 0; i + length <= text.size(); i++) {
                ngrams.add(text.subList(i, i + length));
            }
            double n1 = ngrams.stream().filter(g -> count(g) == 1).count();
            double n2 = ngrams.stream().filter(g -> count(g) == 2).count();
            return n1 == 0 ? 0.5 : n1 / (n1 + 2 * n2);
        }

        private int count(List<Integer> ngram) {
            Set<List<Integer>> kinds = new HashSet<>();
            int occurrences = 0;
            for (int i = 0; i + ngram.size() <= text.size(); i++) {
                if (text.subList(i, i + ngram.size()).equals(ngram)) {
                    occurrences++;
                    kinds.add(i == 0 ? List.of() : List.of(text.get(i - 1)));
                }
            }
            kinds.remove(List.<Integer>of());
            return ngram.size() == order ? occurrences : kinds.size();
        }

        private static List<Integer> concat(List<Integer> u, int w) {
            return IntStream.concat(u.stream().mapToInt(i -> i), IntStream.of(w))
                    .boxed()
                    .toList();
        }
    }
}
