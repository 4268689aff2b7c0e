package cloze.cuda.launch;

import cloze.cuda.driver.Extent;

/** The launches of {@code layer_norm.cu} and {@code rms_norm.cu}, see {@code norm.cuh}. */
public final class NormLaunches {
    private static final long LONGEST_ROW = 1024;
    private static final long ROWS_OF_WARP = 2;
    private static final long ROWS_OF_CHUNK = 16;

    /** Two blocks for each multiprocessor of an H100, since a block keeps its sums of columns in registers. */
    private static final long MOST_CHUNKS = 264;

    private static final Extent NONE = Extent.blocks(0, 1);

    private NormLaunches() {}

    public static LaunchPlan forward() {
        return LaunchPlan.first(s -> Stage.rows(Math.ceilDiv(s.of("n"), ROWS_OF_WARP)));
    }

    /** @param sums of each column */
    public static LaunchPlan backward(int sums) {
        return LaunchPlan.first(s -> isLong(s) ? Stage.rows(s.of("n")) : Stage.blocks(chunks(s)))
                .then(
                        "columns",
                        s -> isLong(s)
                                ? Stage.columns(rows -> rows.of("n"), "d").apply(s)
                                : NONE)
                .then("reduce", Stage.totals("d"))
                .scratch(s -> chunks(s) * sums * s.of("d") * Float.BYTES);
    }

    private static boolean isLong(KernelSizes s) {
        return s.of("d") > LONGEST_ROW;
    }

    private static long chunks(KernelSizes s) {
        return isLong(s) ? Stage.chunks(s.of("n")) : Math.min(Math.ceilDiv(s.of("n"), ROWS_OF_CHUNK), MOST_CHUNKS);
    }
}
