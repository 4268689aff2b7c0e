package cloze.cuda.launch;

import static cloze.cuda.launch.Stage.chunks;
import static cloze.cuda.launch.Stage.elements;
import static cloze.cuda.launch.Stage.tiles;
import static cloze.cuda.launch.Stage.totals;

/** The launches of {@code mat_mul.cu}. */
public final class MatMulLaunches {
    private MatMulLaunches() {}

    public static LaunchPlan forward() {
        return LaunchPlan.first(tiles(s -> s.of("n"), s -> s.of("m")));
    }

    public static LaunchPlan backward() {
        return slope().then("input", tiles(s -> s.of("n"), s -> s.of("k")))
                .then("weight", tiles(s -> s.of("m"), s -> s.of("k")))
                .then("columns", Stage.columns(s -> s.of("n"), "m"))
                .then("reduce", totals("m"))
                .scratch(MatMulLaunches::scratch);
    }

    /** The slope of the activation alone. */
    public static LaunchPlan slope() {
        return LaunchPlan.first(elements("n", "m"));
    }

    /** The gradient of the bias alone. */
    public static LaunchPlan columns() {
        return LaunchPlan.of(
                        new Stage("_columns", Stage.columns(s -> s.of("n"), "m")), new Stage("_reduce", totals("m")))
                .scratch(MatMulLaunches::scratch);
    }

    private static long scratch(KernelSizes s) {
        return chunks(s.of("n")) * s.of("m") * Float.BYTES;
    }
}
