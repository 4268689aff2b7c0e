package cloze.foreign;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.StoredTensor;
import cloze.checkpoint.StoredType;
import cloze.nn.PositionGrid;
import cloze.nn.SinCosPositions;
import cloze.nn.Stack;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;

/** Positions as foreign files hold them: a row for the class token, then a square grid of patches. */
final class StoredPositions {
    private final float[] classToken; // [D]
    private final float[] grid; // [side side, D]
    private final int side;
    private final boolean fixed;

    private StoredPositions(float[] classToken, float[] grid, int side, boolean fixed) {
        this.classToken = classToken;
        this.grid = grid;
        this.side = side;
        this.fixed = fixed;
    }

    /**
     * Reads [1, 1 + N, D].
     *
     * @param prefix that the name may have in the file
     * @param side patches along a side
     * @throws CheckpointException if they are missing, have another shape or type
     */
    static StoredPositions read(Safetensors file, String prefix, String plain, int width, int side)
            throws CheckpointException {
        String name = file.tensors().containsKey(prefix + plain) ? prefix + plain : plain;
        StoredTensor stored = file.tensors().get(name);
        if (stored == null) {
            throw new CheckpointException(file.path(), "missing " + plain);
        }
        int[] shape = stored.shape().extents();
        if (shape.length != 3 || shape[0] != 1 || shape[1] != 1 + side * side || shape[2] != width) {
            String expected = String.format(Locale.ROOT, "[1, 1 + %1$d * %1$d, %2$d] by the config", side, width);
            throw new CheckpointException(file.path(), "shape of " + name, expected, "" + stored.shape());
        }
        if (!stored.type().convertsToFloat()) {
            throw new CheckpointException(file.path(), "dtype of " + name, "F32, F16, BF16 or F64", "" + stored.type());
        }
        var rows = new float[Math.toIntExact(stored.shape().size())];
        file.copyTo(name, MemorySegment.ofArray(rows));
        float[] classToken = Arrays.copyOf(rows, width);
        float[] grid = Arrays.copyOfRange(rows, width, rows.length);
        return new StoredPositions(classToken, grid, side, isSinCos(classToken, grid, side, rounding(stored.type())));
    }

    /** The positions of a Cloze model at its own size. */
    static StoredPositions of(float[] grid, int side, int width, boolean fixed) {
        return new StoredPositions(new float[width], grid, side, fixed);
    }

    /** Tolerance for fixed positions: rounding of the type, and of their computation in f32. */
    private static float rounding(StoredType type) {
        return switch (type) {
            case BF16 -> 0x1p-8f;
            case F16 -> 0x1p-11f;
            default -> 1e-5f;
        };
    }

    private static boolean isSinCos(float[] classToken, float[] grid, int side, float tolerance) {
        if (classToken.length % 4 != 0) {
            return false;
        }
        float[] expected = SinCosPositions.grid(side, side, classToken.length);
        return Arrays.mismatch(classToken, new float[classToken.length]) < 0 && near(expected, grid, tolerance);
    }

    private static boolean near(float[] expected, float[] actual, float tolerance) {
        for (int i = 0; i < expected.length; i++) {
            if (!(Math.abs(expected[i] - actual[i]) <= tolerance)) {
                return false;
            }
        }
        return true;
    }

    /** Interpolates to a grid of another size; the result is no longer fixed. */
    StoredPositions resized(int other) {
        if (other == side) {
            return this;
        }
        return new StoredPositions(classToken, PositionGrid.resize(grid, side, other, classToken.length), other, false);
    }

    Stack.Positions kind() {
        return fixed ? Stack.Positions.SIN_COS : Stack.Positions.LEARNED;
    }

    /** The class token's, [D]. */
    float[] classToken() {
        return classToken;
    }

    /** The patches', [N, D]. */
    float[] grid() {
        return grid;
    }

    /** Both, [1 + N, D]. */
    float[] all() {
        float[] all = Arrays.copyOf(classToken, classToken.length + grid.length);
        System.arraycopy(grid, 0, all, classToken.length, grid.length);
        return all;
    }
}
