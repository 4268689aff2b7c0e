package cloze.bench;

/**
 * What the machine can do, measured when the run begins.
 *
 * @param gflops f32 multiply-adds
 * @param gigabytes a second, to and from DRAM
 */
public record Machine(double gflops, double gigabytes) {
    static Machine measure(BenchLibrary library, int threads) {
        return new Machine(library.gflops(threads), library.gigabytes(threads));
    }

    /** Per cent of the peak that so many operations in so many ns are. */
    String peakShare(double flops, double ns) {
        return Report.number("%.0f %%", 100 * flops / ns / gflops);
    }

    /** Per cent of the bandwidth that so many bytes in so many ns are; more than 100 from the caches. */
    String bandwidthShare(double bytes, double ns) {
        return Report.number("%.0f %%", 100 * bytes / ns / gigabytes);
    }
}
