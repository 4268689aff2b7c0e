package cloze.foreign;

import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.FloatConversion;
import cloze.checkpoint.Safetensors;
import cloze.checkpoint.StoredType;
import cloze.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.util.Arrays;

/** The form of a parameter in a file: the same values in another shape or order, or a part of them. */
public sealed interface TensorForm {
    /** The same as in the model. */
    record Same() implements TensorForm {}

    /** A matrix of the file is [in, out] where the model has [out, in]. */
    record Transposed() implements TensorForm {}

    /** The file has {@code axes} axes of extent 1 in front. */
    record Leading(int axes) implements TensorForm {}

    /**
     * The file has {@code parts} of {@code count} equal parts along the first axis, such as the keys of [Q; K; V].
     *
     * @param index of the first part
     */
    record Band(int index, int parts, int count) implements TensorForm {
        Band(int index, int count) {
            this(index, 1, count);
        }

        private MemorySegment of(Layout.Values values) {
            long bytes = values.floats().byteSize() / count;
            return values.floats().asSlice(index * bytes, parts * bytes);
        }
    }

    /**
     * A convolution over patches: [D, C, P, P] in the file, a matrix [D, P P C] with channels last in the model.
     *
     * @param channels C
     */
    record Patches(int channels) implements TensorForm {}

    /**
     * The shape in the file.
     *
     * @throws IllegalArgumentException if a parameter of this shape can not have this form
     */
    default Shape inFile(Shape model) {
        return switch (this) {
            case Same() -> model;
            case Transposed() -> {
                requireRank2(model);
                yield new Shape(model.extent(1), model.extent(0));
            }
            case Leading(int axes) -> {
                var extents = new int[axes + model.rank()];
                Arrays.fill(extents, 0, axes, 1);
                System.arraycopy(model.extents(), 0, extents, axes, model.rank());
                yield new Shape(extents);
            }
            case Band(int _, int parts, int count) -> {
                int[] extents = model.extents();
                extents[0] = extents[0] / count * parts;
                yield new Shape(extents);
            }
            case Patches(int channels) -> {
                requireRank2(model);
                int side = (int) Math.round(Math.sqrt((double) model.extent(1) / channels));
                yield new Shape(model.extent(0), channels, side, side);
            }
        };
    }

    private static void requireRank2(Shape model) {
        if (model.rank() != 2) {
            throw new IllegalArgumentException("TensorForm: a parameter must be a matrix, but is " + model);
        }
    }

    /** Fills the parameter, or its part, from a file's tensor of checked shape. */
    default void read(Safetensors file, String name, Layout.Values values) throws CheckpointException {
        switch (this) {
            case Transposed() -> file.copyTransposedTo(name, values.floats());
            case Same() -> file.copyTo(name, values.floats());
            case Leading(int _) -> file.copyTo(name, values.floats());
            case Band band -> file.copyTo(name, band.of(values));
            case Patches(int channels) -> {
                MemorySegment planes = MemorySegment.ofArray(
                        new float[Math.toIntExact(values.shape().size())]);
                file.copyTo(name, planes);
                int pixels = values.shape().extent(1) / channels;
                turn(planes, values.floats(), values.shape().extent(0), channels, pixels);
            }
        }
    }

    /** The elements for the file. */
    default MemorySegment elements(Layout.Values values, SegmentAllocator memory) {
        return switch (this) {
            case Transposed() -> {
                MemorySegment turned = memory.allocate(values.floats().byteSize(), Float.BYTES);
                Shape shape = values.shape();
                turn(values.floats(), turned, 1, shape.extent(0), shape.extent(1));
                yield turned;
            }
            case Same() -> values.floats();
            case Leading(int _) -> values.floats();
            case Band band -> band.of(values);
            case Patches(int channels) -> {
                MemorySegment planes = memory.allocate(values.floats().byteSize(), Float.BYTES);
                int pixels = values.shape().extent(1) / channels;
                turn(values.floats(), planes, values.shape().extent(0), pixels, channels);
                yield planes;
            }
        };
    }

    /** Matrices [rows, columns], one behind the other, as [columns, rows]. */
    private static void turn(MemorySegment from, MemorySegment to, int matrices, int rows, int columns) {
        long bytes = (long) rows * columns * Float.BYTES;
        for (int i = 0; i < matrices; i++) {
            new FloatConversion(from.asSlice(i * bytes, bytes), StoredType.F32)
                    .copyTransposedTo(to.asSlice(i * bytes, bytes), rows, columns);
        }
    }
}
