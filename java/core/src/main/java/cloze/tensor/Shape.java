package cloze.tensor;

import java.util.Arrays;

/** The extents of a tensor, outermost axis first; prints as {@code [8, 197, 768]}. */
public final class Shape {
    private final int[] extents;
    private final long size;

    public Shape(int... extents) {
        this.extents = extents.clone();
        long product = 1;
        for (int extent : extents) {
            if (extent < 0) {
                throw new IllegalArgumentException("negative extent in shape " + Arrays.toString(extents));
            }
            product = Math.multiplyExact(product, extent);
        }
        size = product;
    }

    public int[] extents() {
        return extents.clone();
    }

    /** Number of axes. */
    public int rank() {
        return extents.length;
    }

    /** Extent of one axis; a negative axis counts from the last, so {@code extent(-1)} is the innermost. */
    public int extent(int axis) {
        return extents[axis < 0 ? axis + extents.length : axis];
    }

    /** Number of elements. */
    public long size() {
        return size;
    }

    /** Number of rows: elements divided by the innermost extent, or 0 if that is 0. */
    public long rows() {
        int last = extent(-1);
        return last == 0 ? 0 : size / last;
    }

    /** This shape without its innermost axis. */
    public Shape dropLast() {
        return new Shape(Arrays.copyOf(extents, extents.length - 1));
    }

    /** This shape with its innermost extent replaced. */
    public Shape withLast(int extent) {
        int[] changed = extents.clone();
        changed[changed.length - 1] = extent;
        return new Shape(changed);
    }

    /** True if {@code tail} equals the innermost axes of this shape. */
    public boolean endsWith(Shape tail) {
        int skipped = rank() - tail.rank();
        return skipped >= 0 && Arrays.equals(extents, skipped, rank(), tail.extents, 0, tail.rank());
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(extents, shape.extents);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(extents);
    }

    @Override
    public String toString() {
        return Arrays.toString(extents);
    }
}
