package cloze.cuda.launch;

import static cloze.cuda.launch.Stage.tiles;

/** The launches of {@code lstm.cu}. */
public final class LstmLaunches {
    private LstmLaunches() {}

    public static LaunchPlan forward() {
        return LaunchPlan.of(
                new Stage("_input", tiles(LstmLaunches::tokens, LstmLaunches::gates)),
                new Stage("", tiles(s -> s.of("b"), LstmLaunches::gates)).each("t"));
    }

    /** Forward without the input's part of the gates. */
    public static LaunchPlan tokensOnly() {
        return LaunchPlan.first(tiles(s -> s.of("b"), LstmLaunches::gates)).each("t");
    }

    public static LaunchPlan backward() {
        return withoutInput()
                .then("input", tiles(LstmLaunches::tokens, s -> s.of("in")))
                .then("input_weight", tiles(LstmLaunches::gates, s -> s.of("in")));
    }

    /** Backward without the gradients of the input and of its weight. */
    public static LaunchPlan withoutInput() {
        return LaunchPlan.first(tiles(s -> s.of("b"), s -> s.of("hidden")))
                .each("t")
                .then("state", tiles(s -> s.of("b"), s -> s.of("hidden")))
                .then("hidden_weight", tiles(LstmLaunches::gates, s -> s.of("hidden")))
                .then("columns", Stage.columns(LstmLaunches::tokens, LstmLaunches::gates))
                .then("reduce", Stage.totals(LstmLaunches::gates))
                .scratch(LstmLaunches::scratch);
    }

    private static long tokens(KernelSizes s) {
        return s.product("b", "t");
    }

    private static long gates(KernelSizes s) {
        return 4 * s.of("hidden");
    }

    private static long scratch(KernelSizes s) {
        return scratch(s.of("b"), s.of("t"), s.of("hidden"));
    }

    /** Bytes for the gradients of all gates, which come first, those of the cells of one token, and sums for the bias. */
    public static long scratch(long b, long t, long hidden) {
        long all = Math.multiplyExact(Math.multiplyExact(b, t), 4 * hidden);
        return Float.BYTES * (all + b * hidden + Stage.chunks(b * t) * 4 * hidden);
    }
}
