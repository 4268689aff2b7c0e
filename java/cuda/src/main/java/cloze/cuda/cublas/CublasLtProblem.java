package cloze.cuda.cublas;

import cloze.tensor.DType;

/**
 * A product for cuBLASLt, whose matrices lie column by column: {@code D [rows, columns] = op(A) [rows, depth] op(B)
 * [depth, columns]}. A matrix of ours is its own transpose there.
 *
 * @param op what it is for, as messages call it
 * @param tf32 whether factors may lose all but 10 bits
 * @param alignment of all that it touches, a power of two up to 256
 */
record CublasLtProblem(
        String op,
        boolean transposesA,
        boolean transposesB,
        long rows,
        long columns,
        long depth,
        DType factors,
        DType result,
        boolean tf32,
        Epilogue epilogue,
        int alignment) {

    /** What is done to the sums before they are stored, by the numbers of {@code cublasLtEpilogue_t}. */
    enum Epilogue {
        DEFAULT(1, false, false),
        BIAS(4, true, false),
        RELU(2, false, false),
        RELU_BIAS(6, true, false),
        GELU(32, false, false),
        GELU_BIAS(36, true, false),
        /** Stores its input too. */
        GELU_AUX(160, false, true),
        GELU_AUX_BIAS(164, true, true),
        /** Stores the sums of B along the depth as a bias. */
        BGRADB(512, true, false);

        final int code;
        final boolean hasBias;
        final boolean hasAux;

        Epilogue(int code, boolean hasBias, boolean hasAux) {
            this.code = code;
            this.hasBias = hasBias;
            this.hasAux = hasAux;
        }
    }

    CublasLtProblem with(Epilogue other) {
        return new CublasLtProblem(
                op, transposesA, transposesB, rows, columns, depth, factors, result, tf32, other, alignment);
    }

    /** The largest alignment that all have, up to 256 bytes; null pointers have every. */
    static int alignment(long... addresses) {
        long bits = 256;
        for (long address : addresses) {
            bits |= address;
        }
        return (int) Long.lowestOneBit(bits);
    }

    @Override
    public String toString() {
        return "%s [%d, %d] x [%d, %d] of %s into %s, epilogue %s"
                .formatted(op, columns, depth, depth, rows, factors, result, epilogue);
    }
}
