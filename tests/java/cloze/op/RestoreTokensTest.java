package cloze.op;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class RestoreTokensTest extends OpContract {
    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        int[][] shapes = {
            {1, 1, 1, 1}, {2, 3, 5, 7}, {3, 2, 7, 31}, {2, 8, 8, 32}, {1, 5, 13, 33}, {2, 0, 3, 4}, {3, 49, 196, 192}
        };
        return Stream.concat(
                Stream.of(shapes).map(s -> restore("", Array64.normal(random, s[0], s[1], s[3]), s[2], random)),
                Stream.of(restore("1e4 ", Array64.normal(random, 2, 3, 9).times(1e4), 5, random)));
    }

    private static Case restore(String label, Array64 x, int n, SplittableRandom random) {
        int m = x.extent(1);
        int stride = n % 3 == 0 ? 5 : 3;
        return new Case(
                String.format(Locale.ROOT, "%s%d of %d, [%d, %d]", label, m, n, x.extent(0), x.extent(2)),
                x.extent(0) * n,
                List.of(
                        x,
                        Array64.normal(random, x.extent(2)),
                        Array64.ints(i -> (i % n * stride + i / n) % n, x.extent(0), n)),
                in -> new RestoreTokens(in.get(0), in.get(1), in.get(2)),
                in -> reference(in.get(0), in.get(1), in.get(2)));
    }

    private static List<Array64> reference(Array64 x, Array64 maskToken, Array64 idsRestore) {
        int m = x.extent(1);
        int n = idsRestore.extent(1);
        int d = x.extent(2);
        Array64 y = Array64.zeros(x.extent(0), n, d);
        for (int i = 0; i < y.size(); i++) {
            int id = idsRestore.intAt(i / d);
            y.data()[i] = id < m ? x.at((i / (n * d) * m + id) * d + i % d) : maskToken.at(i % d);
        }
        return List.of(y);
    }

    @Test
    void rejects_a_mask_token_of_another_width() {
        Tensors.with(scope -> assertThatThrownBy(() -> new RestoreTokens(
                        scope.tensor("x", new Shape(2, 3, 4), DType.F32),
                        scope.tensor("mask_token", new Shape(3), DType.F32),
                        scope.tensor("ids", new Shape(2, 5), DType.I32)))
                .hasMessage("RestoreTokens: maskToken must be [4] to fit x [2, 3, 4] f32, but mask_token is [3]"));
    }
}
