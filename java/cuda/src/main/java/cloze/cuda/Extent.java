package cloze.cuda;

/** How many blocks and threads a launch has, and the dynamic shared memory of a block in bytes. */
record Extent(int blocksX, int blocksY, int threadsX, int threadsY, int sharedBytes) {
    static Extent blocks(long blocks, int threads) {
        return new Extent(Math.toIntExact(blocks), 1, threads, 1, 0);
    }

    Extent shared(long bytes) {
        return new Extent(blocksX, blocksY, threadsX, threadsY, Math.toIntExact(bytes));
    }

    /** CUDA does not take a launch without blocks. */
    boolean isEmpty() {
        return blocksX == 0 || blocksY == 0;
    }
}
