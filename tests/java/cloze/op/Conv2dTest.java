package cloze.op;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.op.Conv2d.Window;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class Conv2dTest extends OpContract {
    private static final Window ONE = Window.ONE;

    @Override
    Stream<Case> cases() {
        var random = new SplittableRandom(1);
        return Stream.of(
                        conv("one number ", random, new int[] {1, 1, 1, 1}, new int[] {1, 1, 1}, ONE),
                        conv("1 x 1 ", random, new int[] {2, 3, 5, 7}, new int[] {5, 1, 1}, ONE),
                        conv("1 x 1 in groups ", random, new int[] {1, 3, 2, 6}, new int[] {4, 1, 1}, groups(1, 0, 2)),
                        conv("1 x 1 with gaps ", random, new int[] {2, 5, 4, 3}, new int[] {2, 1, 1}, Window.of(2, 0)),
                        conv("no images ", random, new int[] {0, 4, 4, 2}, new int[] {3, 3, 3}, Window.of(1, 1)),
                        conv("one window ", random, new int[] {3, 3, 3, 2}, new int[] {4, 3, 3}, ONE),
                        conv("odd ", random, new int[] {2, 5, 7, 3}, new int[] {5, 3, 2}, Window.of(1, 1)),
                        conv("one row ", random, new int[] {1, 1, 13, 4}, new int[] {4, 1, 5}, Window.of(1, 2)),
                        conv("wide padding ", random, new int[] {1, 3, 2, 4}, new int[] {3, 2, 2}, Window.of(2, 3)),
                        conv("a stride of 3 ", random, new int[] {2, 8, 7, 4}, new int[] {8, 3, 3}, Window.of(3, 1)),
                        conv(
                                "a stride beyond the window ",
                                random,
                                new int[] {1, 7, 9, 2},
                                new int[] {3, 2, 2},
                                Window.of(4, 0)),
                        conv("dilated ", random, new int[] {1, 9, 8, 4}, new int[] {4, 3, 3}, new Window(1, 2, 2, 1)),
                        conv(
                                "dilated by 4, stride 6 ",
                                random,
                                new int[] {1, 12, 9, 2},
                                new int[] {3, 3, 2},
                                new Window(6, 5, 4, 1)),
                        conv(
                                "dilated by 3, stride 2 ",
                                random,
                                new int[] {1, 9, 8, 4},
                                new int[] {4, 3, 3},
                                new Window(2, 3, 3, 1)),
                        conv("groups ", random, new int[] {2, 4, 5, 6}, new int[] {9, 2, 3}, groups(1, 1, 3)),
                        conv(
                                "groups of 4 and strides ",
                                random,
                                new int[] {2, 5, 6, 8},
                                new int[] {8, 3, 3},
                                groups(2, 1, 2)),
                        conv(
                                "a group a channel ",
                                random,
                                new int[] {1, 6, 5, 5},
                                new int[] {5, 3, 3},
                                groups(1, 1, 5)),
                        conv("1e4 ", random, new int[] {1, 5, 4, 3}, new int[] {3, 3, 3}, Window.of(1, 1))
                                .scaled(1e4),
                        conv("ResNet ", random, new int[] {2, 9, 9, 64}, new int[] {64, 3, 3}, Window.of(1, 1)),
                        conv(
                                "AlexNet's first ",
                                random,
                                new int[] {1, 39, 35, 3},
                                new int[] {96, 11, 11},
                                Window.of(4, 0)),
                        conv(
                                "AlexNet's second ",
                                random,
                                new int[] {1, 7, 7, 48},
                                new int[] {64, 5, 5},
                                groups(1, 2, 2)),
                        conv(
                                "more outputs than windows ",
                                random,
                                new int[] {1, 4, 5, 16},
                                new int[] {136, 3, 3},
                                Window.of(1, 1)),
                        conv("many windows ", random, new int[] {3, 19, 23, 2}, new int[] {3, 2, 2}, Window.of(1, 0)))
                .map(Spec::toCase);
    }

    private static Window groups(int stride, int padding, int groups) {
        return new Window(stride, padding, 1, groups);
    }

    private record Spec(String label, SplittableRandom random, Shape image, Shape kernel, Window window, double scale) {
        Spec scaled(double factor) {
            return new Spec(label, random, image, kernel, window, factor);
        }

        Case toCase() {
            int channels = image.extent(3) / window.groups();
            int depth = kernel.extent(1) * kernel.extent(2) * channels;
            Array64 x = Array64.normal(random, image.extent(0), image.extent(1), image.extent(2), image.extent(3))
                    .times(scale);
            Array64 weight = Array64.normal(random, kernel.extent(0), kernel.extent(1), kernel.extent(2), channels)
                    .times(1 / Math.sqrt(depth));
            boolean bias = kernel.extent(0) != 4; // of either kind
            Array64 added = Array64.normal(random, kernel.extent(0));
            return new Case(
                            String.format(Locale.ROOT, "%s%s %s %s", label, x.shape(), weight.shape(), window),
                            Math.max(
                                    kernel.extent(0) * kernel.extent(1) * kernel.extent(2),
                                    Math.max(depth, image.extent(0) * image.extent(1) * image.extent(2))),
                            bias ? List.of(x, weight, added) : List.of(x, weight),
                            in -> new Conv2d(in.get(0), in.get(1), bias ? in.get(2) : null, window),
                            in -> List.of(reference(in, window)))
                    .naive((c, stored) -> naive(window, c, stored));
        }
    }

    private static Spec conv(String label, SplittableRandom random, int[] image, int[] kernel, Window window) {
        return new Spec(label, random, new Shape(image), new Shape(kernel), window, 1);
    }

    private static Array64 reference(List<Array64> in, Window v) {
        Array64 y = sums(in.get(0), in.get(1), v);
        for (int i = 0; i < y.size() && in.size() > 2; i++) {
            y.data()[i] += in.get(2).at(i % y.columns());
        }
        return y;
    }

    private static Array64 sums(Array64 x, Array64 weight, Window v) {
        int down = (x.extent(1) + 2 * v.padding() - v.dilation() * (weight.extent(1) - 1) - 1) / v.stride() + 1;
        int across = (x.extent(2) + 2 * v.padding() - v.dilation() * (weight.extent(2) - 1) - 1) / v.stride() + 1;
        Array64 y = Array64.zeros(x.extent(0), down, across, weight.extent(0));
        int channels = weight.extent(3);
        double[] sums = y.data();
        for (int i = 0; i < y.size(); i++) {
            int at = i;
            taps(x, weight, y, v, at, (pixel, tap) -> {
                for (int c = 0; c < channels; c++) {
                    sums[at] += x.at(pixel + c) * weight.at(tap + c);
                }
            });
        }
        return y;
    }

    /** The first channel of a pixel of x, and that of the weight that it is multiplied by. */
    private interface Tap {
        void see(int pixel, int tap);
    }

    /** All that an element of y is the sum of. */
    private static void taps(Array64 x, Array64 weight, Array64 y, Window v, int at, Tap to) {
        int channels = weight.extent(3);
        int m = at % y.columns();
        int j = at / y.columns() % y.extent(2);
        int i = at / y.columns() / y.extent(2) % y.extent(1);
        int image = at / y.columns() / y.extent(2) / y.extent(1);
        int group = m / (weight.extent(0) / v.groups());
        for (int r = 0; r < weight.extent(1); r++) {
            for (int s = 0; s < weight.extent(2); s++) {
                int row = i * v.stride() - v.padding() + r * v.dilation();
                int column = j * v.stride() - v.padding() + s * v.dilation();
                if (row >= 0 && row < x.extent(1) && column >= 0 && column < x.extent(2)) {
                    to.see(
                            ((image * x.extent(1) + row) * x.extent(2) + column) * x.extent(3) + group * channels,
                            ((m * weight.extent(1) + r) * weight.extent(2) + s) * channels);
                }
            }
        }
    }

    /** Adds the bias to sums that are stored. */
    private static Values naive(Window v, Case c, DoubleUnaryOperator stored) {
        Array64 x = c.inputs().get(0);
        Array64 weight = c.inputs().get(1);
        Array64 dy = c.seeds().getFirst();
        Array64 y = sums(x, weight, v);
        Map<Integer, Array64> gradients = new HashMap<>();
        for (int input = 0; input < c.inputs().size(); input++) {
            gradients.put(input, Array64.zeros(c.inputs().get(input).shape().extents()));
        }
        double[] dx = gradients.get(0).data();
        double[] dweight = gradients.get(1).data();
        for (int i = 0; i < dy.size(); i++) {
            double back = dy.at(i);
            taps(x, weight, dy, v, i, (pixel, tap) -> {
                for (int channel = 0; channel < weight.extent(3); channel++) {
                    dx[pixel + channel] += back * weight.at(tap + channel);
                    dweight[tap + channel] += back * x.at(pixel + channel);
                }
            });
            if (c.inputs().size() > 2) {
                int m = i % dy.columns();
                y.data()[i] = stored.applyAsDouble(y.at(i)) + c.inputs().get(2).at(m);
                gradients.get(2).data()[m] += back;
            }
        }
        return new Values(List.of(y), gradients);
    }

    @Test
    void rejects_what_does_not_fit() {
        Tensors.with(scope -> {
            Tensor x = scope.tensor("x", new Shape(2, 5, 5, 6), DType.F32);
            Tensor weight = scope.tensor("conv.weight", new Shape(4, 3, 3, 6), DType.F32);
            assertThatThrownBy(() -> new Conv2d(x, weight, null, groups(1, 0, 4)))
                    .hasMessageStartingWith("Conv2d: groups must be a divisor of the channels of x [2, 5, 5, 6] f32");
            assertThatThrownBy(() -> new Conv2d(x, weight, null, groups(1, 0, 2)))
                    .hasMessage("Conv2d: weight must be [M, P, Q, 3] to fit x [2, 5, 5, 6] f32,"
                            + " but conv.weight is [4, 3, 3, 6]");
            assertThatThrownBy(() -> new Conv2d(x, weight, null, new Window(1, 0, 3, 1)))
                    .hasMessageContaining("a window that fits into x [2, 5, 5, 6] f32");
            assertThatThrownBy(() -> new Conv2d(x, weight, scope.tensor("b", new Shape(3), DType.F32), ONE))
                    .hasMessageStartingWith("Conv2d: bias must be [4] to fit conv.weight");
            assertThatThrownBy(() -> new Window(0, 0, 1, 1)).hasMessage("Window: stride must be positive, but it is 0");
        });
    }

    @Test
    void counts_windows_as_the_papers_do() {
        assertThat(Window.of(4, 2).count(224, 11)).isEqualTo(55); // AlexNet
        assertThat(Window.of(2, 3).count(224, 7)).isEqualTo(112); // ResNet
    }
}
