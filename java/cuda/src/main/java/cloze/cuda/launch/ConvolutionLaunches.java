package cloze.cuda.launch;

import static cloze.cuda.launch.Stage.chunks;

import cloze.backend.BackendException;
import cloze.cuda.driver.Extent;
import java.util.Locale;

/**
 * The launches of {@code conv2d.cu}, and the sizes of a convolution that they follow from.
 *
 * @param windows of an image
 * @param depth elements of one group in a window
 */
public record ConvolutionLaunches(long images, long windows, long m, long groups, long depth) {
    /** The least number of blocks that a GPU should have. */
    private static final long BLOCKS = 256;

    /** The most blocks of a grid along y. */
    private static final long MOST_Y = 65_535;

    /** The least windows of a part of the sum over all windows. */
    private static final long LEAST = 256;

    static ConvolutionLaunches of(KernelSizes s) {
        long windows = count(s, s.of("h"), s.of("p")) * count(s, s.of("w"), s.of("q"));
        long depth = s.product("p", "q", "c") / s.of("groups");
        return new ConvolutionLaunches(s.of("b"), windows, s.of("m"), s.of("groups"), depth);
    }

    private static long count(KernelSizes s, long extent, long side) {
        return (extent + 2 * s.of("padding") - s.of("dilation") * (side - 1) - 1) / s.of("stride") + 1;
    }

    private long rows() {
        return images * windows;
    }

    /** The number of parts of the sum over windows for the gradient of the weight. */
    private long parts() {
        long tiles = groups * Stage.tiles(m / groups, depth);
        return Math.max(1, Math.min(BLOCKS / Math.max(tiles, 1), Math.ceilDiv(rows(), LEAST)));
    }

    public static LaunchPlan forward() {
        return LaunchPlan.first(s -> {
            ConvolutionLaunches v = of(s);
            return v.tiles(v.rows(), v.m / v.groups, 1);
        });
    }

    /** The bias alone. */
    public static LaunchPlan bias() {
        return LaunchPlan.of(new Stage("_bias", s -> Stage.elements(of(s).rows() * of(s).m)));
    }

    public static LaunchPlan backward() {
        return withWeights(LaunchPlan.first(ConvolutionLaunches::input));
    }

    /** Backward without the gradient of x. */
    public static LaunchPlan weights() {
        return withWeights(LaunchPlan.of());
    }

    /** The gradient of the bias alone. */
    public static LaunchPlan columns() {
        return withColumns(LaunchPlan.of()).scratch(ConvolutionLaunches::columnBytes);
    }

    private static LaunchPlan withWeights(LaunchPlan plan) {
        LaunchPlan weights = plan.then("weight", s -> {
                    ConvolutionLaunches v = of(s);
                    return v.tiles(v.m / v.groups, v.depth, v.parts());
                })
                .then("weight_sum", s -> Stage.elements(of(s).m * of(s).depth));
        return withColumns(weights)
                .scratch(s -> Math.max(Float.BYTES * of(s).parts() * of(s).m * of(s).depth, columnBytes(s)));
    }

    private static LaunchPlan withColumns(LaunchPlan plan) {
        return plan.then("columns", Stage.columns(s -> of(s).rows(), "m")).then("reduce", Stage.totals("m"));
    }

    private static long columnBytes(KernelSizes s) {
        return Float.BYTES * chunks(of(s).rows()) * of(s).m;
    }

    /** A matrix multiplication for each remainder of pixels modulo the stride; the first remainder has the most pixels. */
    private static Extent input(KernelSizes s) {
        long stride = s.of("stride");
        long pixels = s.of("b") * Math.ceilDiv(s.of("h"), stride) * Math.ceilDiv(s.of("w"), stride);
        return of(s).tiles(pixels, s.of("c") / s.of("groups"), stride * stride);
    }

    /** The tiles of several matrix multiplications for each group, each with a result [rows, columns]. */
    private Extent tiles(long rows, long columns, long count) {
        if (groups * count > MOST_Y) {
            throw new BackendException(String.format(
                    Locale.ROOT,
                    "Conv2d: groups x %d matrix multiplications must be at most %d, the blocks that a grid of CUDA has along y, but groups is %d",
                    count,
                    MOST_Y,
                    groups));
        }
        return Stage.tiles(rows, columns, groups * count);
    }
}
