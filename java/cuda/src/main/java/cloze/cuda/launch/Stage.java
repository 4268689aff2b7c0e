package cloze.cuda.launch;

import cloze.cuda.driver.Extent;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One launch of a kernel, or one for each number below a size.
 *
 * @param suffix of the function's name, empty for the first or only launch
 * @param times the name of that size, or null for one launch
 */
public record Stage(
        String suffix,
        Function<KernelSizes, Extent> extent,
        @Nullable String times) {
    public Stage(String suffix, Function<KernelSizes, Extent> extent) {
        this(suffix, extent, null);
    }

    Stage each(String size) {
        return new Stage(suffix, extent, size);
    }

    private static final int THREADS = 256;
    private static final int MOST_BLOCKS = 4096;
    /** The side of a tile and the shared memory of its block, as in {@code gemm.cuh}. */
    private static final int GEMM_SIDE = 128;

    private static final int GEMM_SHARED = 64 << 10;

    /** A grid that strides over so many elements; a thread does four at a time. */
    public static Function<KernelSizes, Extent> elements(String... factors) {
        return sizes -> elements(sizes.product(factors));
    }

    public static Extent elements(long count) {
        return Extent.blocks(Math.min(Math.ceilDiv(count, 4L * THREADS), MOST_BLOCKS), THREADS);
    }

    /** A warp a row. */
    public static Function<KernelSizes, Extent> rows(String... factors) {
        return sizes -> rows(sizes.product(factors));
    }

    public static Extent rows(long count) {
        return Extent.blocks(Math.ceilDiv(count, THREADS / 32), THREADS);
    }

    /** A number of neighbouring lanes for each row. */
    public static Extent lanes(long rows, long ofRow) {
        return Extent.blocks(Math.ceilDiv(rows * ofRow, THREADS), THREADS);
    }

    /** A block a row. */
    public static Function<KernelSizes, Extent> blocks(String... factors) {
        return sizes -> blocks(sizes.product(factors));
    }

    public static Extent blocks(long count) {
        return Extent.blocks(count, THREADS);
    }

    /** A block a row. A thread gets about four packs of 16 bytes: long rows get large blocks, since few rows run at a time. */
    public static Extent longRows(long count, long length) {
        long threads = Math.clamp(Long.highestOneBit(Math.max(1, length / 32)), 128, 1024);
        return Extent.blocks(count, Math.toIntExact(threads));
    }

    /** One block. */
    public static Function<KernelSizes, Extent> one() {
        return _ -> Extent.blocks(1, THREADS);
    }

    /** Sums over so many rows of d columns, a chunk of rows a block and 256 columns, see {@code columns.cuh}. */
    public static Function<KernelSizes, Extent> columns(Function<KernelSizes, Long> rows, String d) {
        return columns(rows, sizes -> sizes.of(d));
    }

    public static Function<KernelSizes, Extent> columns(
            Function<KernelSizes, Long> rows, Function<KernelSizes, Long> d) {
        return sizes -> new Extent(
                Math.toIntExact(Math.ceilDiv(d.apply(sizes), 256)),
                Math.toIntExact(chunks(rows.apply(sizes))),
                32,
                8,
                0);
    }

    /** As {@code column_chunks} in {@code columns.cuh}. */
    public static long chunks(long rows) {
        return Math.min(Math.ceilDiv(rows, 64), 128);
    }

    /** Sums over the chunks for 32 columns a block. */
    public static Function<KernelSizes, Extent> totals(String d) {
        return totals(sizes -> sizes.of(d));
    }

    public static Function<KernelSizes, Extent> totals(Function<KernelSizes, Long> d) {
        return sizes -> new Extent(Math.toIntExact(Math.ceilDiv(d.apply(sizes), 32)), 1, 32, 8, 0);
    }

    /** The tiles of a matrix multiplication with the result [n, m], see {@code gemm.cuh}. */
    public static Function<KernelSizes, Extent> tiles(Function<KernelSizes, Long> n, Function<KernelSizes, Long> m) {
        return sizes -> tiles(n.apply(sizes), m.apply(sizes), 1);
    }

    /** The tiles of several matrix multiplications, each with a result [n, m]. */
    public static Extent tiles(long n, long m, long count) {
        return new Extent(Math.toIntExact(tiles(n, m)), Math.toIntExact(count), THREADS, 1, GEMM_SHARED);
    }

    public static long tiles(long n, long m) {
        return Math.multiplyExact(Math.ceilDiv(n, GEMM_SIDE), Math.ceilDiv(m, GEMM_SIDE));
    }
}
