package cloze.cuda.cublas;

import cloze.tensor.DType;
import java.util.Locale;

/**
 * A matrix multiplication for cuBLASLt, which stores matrices column by column: {@code D [rows, columns] = op(A) [rows, depth] op(B)
 * [depth, columns]}. A row-major matrix of Cloze is its transpose there.
 *
 * @param op the op that needs it, for messages
 * @param tf32 true lets factors be rounded to tf32, 10 bits of mantissa
 * @param alignment of all addresses in bytes, a power of two up to 256
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

    /** The function of the sums that is stored, by the numbers of {@code cublasLtEpilogue_t}. */
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

    /** The largest alignment of all addresses, up to 256 bytes; null pointers are left out. */
    static int alignment(long... addresses) {
        long bits = 256;
        for (long address : addresses) {
            bits |= address;
        }
        return (int) Long.lowestOneBit(bits);
    }

    @Override
    public String toString() {
        return String.format(
                Locale.ROOT,
                "%s [%d, %d] x [%d, %d] of %s into %s, epilogue %s",
                op,
                columns,
                depth,
                depth,
                rows,
                factors,
                result,
                epilogue);
    }
}
