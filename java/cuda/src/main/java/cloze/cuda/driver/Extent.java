package cloze.cuda.driver;

/** The blocks and threads of a launch, and the dynamic shared memory of a block in bytes. */
public record Extent(int blocksX, int blocksY, int threadsX, int threadsY, int sharedBytes) {
    public static Extent blocks(long blocks, int threads) {
        return new Extent(Math.toIntExact(blocks), 1, threads, 1, 0);
    }

    public Extent shared(long bytes) {
        return new Extent(blocksX, blocksY, threadsX, threadsY, Math.toIntExact(bytes));
    }

    /** CUDA does not take a launch without blocks. */
    public boolean isEmpty() {
        return blocksX == 0 || blocksY == 0;
    }
}
