package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class GatherTokensTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        int[][] shapes = {{1, 1, 1, 1}, {2, 5, 3, 7}, {3, 7, 2, 31}, {2, 8, 8, 32}, {1, 5, 9, 33}, {2, 3, 0, 4}};
        return Stream.concat(
                Stream.of(shapes)
                        .map(s -> gather(
                                "repeated", Array64.normal(random, s[0], s[1], s[3]), s[2], _ -> random.nextInt(s[1]))),
                Stream.of(
                        gather("one for all", Array64.normal(random, 2, 5, 9), 40, _ -> 4),
                        gather("1e4", Array64.normal(random, 2, 5, 9).times(1e4), 5, i -> i % 5),
                        gather("half of the patches", Array64.normal(random, 3, 196, 192), 98, i -> i * 131 % 196)));
    }

    private static Case gather(String label, Array64 x, int m, IntUnaryOperator ids) {
        return new Case(
                String.format(Locale.ROOT, "%s, %d of %s", label, m, x.shape()),
                m,
                List.of(x, Array64.ints(ids, x.extent(0), m)),
                in -> new GatherTokens(in.get(0), in.get(1)),
                in -> reference(in.get(0), in.get(1)));
    }

    private static List<Array64> reference(Array64 x, Array64 ids) {
        int n = x.extent(1);
        int m = ids.extent(1);
        int d = x.extent(2);
        Array64 y = Array64.zeros(x.extent(0), m, d);
        for (int i = 0; i < y.size(); i++) {
            int b = i / (m * d);
            y.data()[i] = x.at((b * n + ids.intAt(i / d)) * d + i % d);
        }
        return List.of(y);
    }

    @Test
    void rejects_ids_of_another_batch() {
        Tensors.with(scope -> assertThatThrownBy(() -> new GatherTokens(
                        scope.tensor("x", new Shape(2, 3, 4), DType.F32),
                        scope.tensor("ids", new Shape(3, 2), DType.I32)))
                .hasMessage("GatherTokens: ids must be [2, 2] to fit x [2, 3, 4] f32, but ids is [3, 2]"));
    }
}
