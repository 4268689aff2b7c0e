package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttentionTest extends OpContract {
    private static final DropoutKey DROPOUT = new DropoutKey(0.2f, 0x5eed_0000_0001L, 0x3_0000_0009L);

    private record Extents(int b, int t, Heads heads) {}

    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.of(
                        masks(new Extents(1, 1, new Heads(1, 1, 1)), 1, random),
                        masks(new Extents(2, 2, new Heads(2, 1, 3)), 1, random),
                        masks(new Extents(2, 17, new Heads(2, 2, 7)), 1, random),
                        masks(new Extents(1, 50, new Heads(3, 1, 32)), 1, random),
                        masks(new Extents(1, 65, new Heads(4, 2, 33)), 1, random),
                        masks(new Extents(1, 130, new Heads(2, 1, 64)), 1, random),
                        masks(new Extents(2, 17, new Heads(2, 2, 7)), 100, random),
                        Stream.of(
                                attention(new Extents(0, 3, new Heads(2, 1, 8)), 1, "none", DropoutKey.NONE, random),
                                attention(
                                        new Extents(1, 197, new Heads(3, 3, 64)), 1, "none", DropoutKey.NONE, random)))
                .flatMap(cases -> cases);
    }

    private static Stream<Case> masks(Extents e, double scale, SplittableRandom random) {
        return Stream.of("none", "causal", "padding", "causal padding", "window", "causal window")
                .flatMap(mask ->
                        Stream.of(DropoutKey.NONE, DROPOUT).map(dropout -> attention(e, scale, mask, dropout, random)));
    }

    private static Case attention(Extents e, double scale, String mask, DropoutKey dropout, SplittableRandom random) {
        Array64 qkv = Array64.normal(random, e.b, e.t, e.heads.fused()).times(scale);
        // row 0 starts with padding, so that under a causal mask its first query sees no key; row 1 has none kept
        Array64 keep = Array64.ints(i -> i % e.t != 0 && i / e.t == 0 && random.nextInt(3) > 0 ? 1 : 0, e.b, e.t);
        return new Case(
                        String.format(Locale.ROOT, "%s %s x %.0f rate %s", mask, e, scale, dropout.rate()),
                        Math.max(e.t, e.heads.width()),
                        List.of(qkv, keep),
                        in -> new Attention(in.get(0), e.heads, mask(mask, in.get(1)), dropout),
                        in -> reference(in.get(0), keep, e.heads, mask, dropout))
                .condition(scale * scale)
                .naive((c, stored) -> naive(e, mask, dropout, c, stored));
    }

    private static Values naive(Extents e, String mask, DropoutKey dropout, Case c, DoubleUnaryOperator stored) {
        Array64 qkv = c.inputs().get(0);
        Array64 dy = c.seeds().getFirst();
        var problem = new NaiveAttention.Problem(
                e.b, e.t, e.heads, mask, dropout, qkv, c.inputs().get(1), dy);
        var naive = new NaiveAttention(problem, stored);
        Array64 lse = Array64.of(c.expected().get(1).shape(), naive.lse);
        return new Values(
                List.of(Array64.of(dy.shape(), naive.y), lse), Map.of(0, Array64.of(qkv.shape(), naive.dqkv)));
    }

    private static AttentionMask mask(String name, Tensor keep) {
        return switch (name) {
            case "none" -> new AttentionMask.None();
            case "causal" -> new AttentionMask.Causal();
            case "padding" -> new AttentionMask.KeyPadding(keep);
            case "causal padding" -> new AttentionMask.CausalKeyPadding(keep);
            case "window" -> new AttentionMask.Window(5, false);
            case "causal window" -> new AttentionMask.Window(5, true);
            default -> throw new IllegalArgumentException(name);
        };
    }

    private static boolean visible(String mask, Array64 keep, int b, int i, int j) {
        return (!mask.contains("causal") || j <= i)
                && (!mask.contains("padding") || keep.at(b * keep.extent(1) + j) == 1)
                && (!mask.contains("window") || Math.abs(i - j) < 5);
    }

    private static List<Array64> reference(Array64 qkv, Array64 keep, Heads heads, String mask, DropoutKey dropout) {
        int t = qkv.extent(1);
        Array64 y = Array64.zeros(qkv.extent(0), t, heads.inner());
        Array64 lse = Array64.zeros(qkv.extent(0), heads.queries(), t);
        var p = new double[t];
        for (int row = 0; row < lse.size(); row++) {
            int i = row % t;
            int head = row / t % heads.queries();
            int b = row / t / heads.queries();
            int key = heads.queries() + head / (heads.queries() / heads.keyValues());
            for (int j = 0; j < t; j++) {
                p[j] = visible(mask, keep, b, i, j)
                        ? dot(qkv, heads, b * t + i, head, b * t + j, key) / Math.sqrt(heads.width())
                        : Double.NEGATIVE_INFINITY;
            }
            lse.data()[row] = softmax(p);
            for (int j = 0; j < t; j++) {
                double weight = p[j] == 0 ? 0 : p[j] * keep(dropout, row, j);
                for (int c = 0; c < heads.width() && weight != 0; c++) {
                    int value = (b * t + j) * heads.fused() + (key + heads.keyValues()) * heads.width() + c;
                    y.data()[(b * t + i) * heads.inner() + head * heads.width() + c] += weight * qkv.at(value);
                }
            }
        }
        return List.of(y, lse);
    }

    private static double keep(DropoutKey key, int row, int j) {
        if (key.rate() == 0) {
            return 1;
        }
        float u = Philox.uniform(key.seed(), key.offset(), j / 4, row, j % 4);
        return u >= key.rate() ? 1 / (1.0 - key.rate()) : 0;
    }

    static double dot(Array64 qkv, Heads heads, int queryToken, int query, int keyToken, int key) {
        double sum = 0;
        for (int c = 0; c < heads.width(); c++) {
            sum += qkv.at(queryToken * heads.fused() + query * heads.width() + c)
                    * qkv.at(keyToken * heads.fused() + key * heads.width() + c);
        }
        return sum;
    }

    /** In place; returns the logarithm of the sum. */
    static double softmax(double[] scores) {
        double max = Double.NEGATIVE_INFINITY;
        for (double score : scores) {
            max = Math.max(max, score);
        }
        double sum = 0;
        for (int j = 0; j < scores.length; j++) {
            scores[j] = max == Double.NEGATIVE_INFINITY ? 0 : Math.exp(scores[j] - max);
            sum += scores[j];
        }
        for (int j = 0; j < scores.length; j++) {
            scores[j] = sum == 0 ? 0 : scores[j] / sum;
        }
        return sum == 0 ? Double.NEGATIVE_INFINITY : max + Math.log(sum);
    }

    @Test
    void a_query_that_sees_no_key_gives_zeros() {
        var random = new SplittableRandom(5);
        Case c = attention(new Extents(2, 17, new Heads(2, 1, 8)), 1, "padding", DropoutKey.NONE, random);
        float[] y = run(c, 1, List.of(), List.of()).results().getFirst();
        for (int i = y.length / 2; i < y.length; i++) {
            assertThat(y[i]).isZero();
        }
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "5, 5", "7, 7", "1, 9", "4, 11"})
    void pairs_are_those_that_a_mask_lets_see(int queries, int keys) {
        for (int window : new int[] {0, 1, 2, 5, 40}) {
            for (boolean causal : new boolean[] {false, true}) {
                int pairs = 0;
                for (int i = keys - queries; i < keys; i++) {
                    for (int j = 0; j < keys; j++) {
                        pairs += (!causal || j <= i) && (window == 0 || Math.abs(i - j) < window) ? 1 : 0;
                    }
                }
                AttentionMask mask = window > 0
                        ? new AttentionMask.Window(window, causal)
                        : causal ? new AttentionMask.Causal() : new AttentionMask.None();
                assertThat(mask.pairs(queries, keys)).as("%s", mask).isEqualTo(pairs);
            }
        }
    }

    /** A token's share of a training step in one layer is {@code 12 D T} operations, of two each multiply-add. */
    @Test
    void counts_the_full_square_as_papers_do_and_half_of_it_where_a_mask_hides_half() {
        var heads = new Heads(12, 4, 64);
        long square = Attention.multiplyAdds(2, 1024, 1024, heads, new AttentionMask.None());
        assertThat(6 * square / (2 * 1024)).isEqualTo(12L * 768 * 1024);
        assertThat(Attention.multiplyAdds(2, 1024, 1024, heads, new AttentionMask.Causal()))
                .isEqualTo(square / 1024 * 1025 / 2);
        assertThat(Attention.multiplyAdds(1, 3, 8, heads, new AttentionMask.None()))
                .isEqualTo(2L * 768 * 24);
    }

    @Test
    void rejects_more_causal_queries_than_keys() {
        assertThatThrownBy(() -> new AttentionMask.Causal().pairs(3, 2))
                .hasMessage("AttentionMask: queries must be at most 2, as many as keys, but it is 3");
    }

    @Test
    void rejects_a_qkv_that_does_not_hold_the_heads() {
        Tensors.with(scope -> assertThatThrownBy(() -> new Attention(
                        scope.tensor("qkv", new Shape(1, 2, 9), DType.F32), Heads.of(2, 4), new AttentionMask.None()))
                .hasMessage("Attention: qkv must be [1, 2, 24] to fit qkv [1, 2, 9] f32, but qkv is [1, 2, 9]"));
    }
}
