package cloze.op;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Checks for the compact constructors of ops. Messages are built only when a check fails. */
final class Check {
    private Check() {}

    static void shape(String op, String argument, @Nullable Tensor tensor, Tensor like, int... expected) {
        if (tensor != null && !tensor.shape().equals(new Shape(expected))) {
            throw new ShapeException(op, argument, new Shape(expected) + " to fit " + like, tensor);
        }
    }

    static void rank(String op, String argument, Tensor tensor, int rank, String axes) {
        if (tensor.shape().rank() != rank) {
            throw new ShapeException(op, argument, axes, tensor);
        }
    }

    static void dtype(String op, String argument, @Nullable Tensor tensor, DType dtype) {
        if (tensor != null && tensor.dtype() != dtype) {
            throw new ShapeException(op, argument, "of type " + dtype, tensor.toString());
        }
    }

    /** An activation: f32 or bf16. */
    static void real(String op, String argument, @Nullable Tensor tensor) {
        if (tensor != null && tensor.dtype() == DType.I32) {
            throw new ShapeException(op, argument, "of type f32 or bf16", tensor.toString());
        }
    }

    /** Checks that a tensor has the type of {@code like}. */
    static void same(String op, String argument, @Nullable Tensor tensor, Tensor like) {
        dtype(op, argument, tensor, like.dtype());
    }

    /** Checks the inputs of a loss over patches: {@code x} and {@code target} [B, N, D], {@code mask} [B, N]. */
    static void patches(String op, Tensor x, Tensor target, Tensor mask) {
        rank(op, "x", x, 3, "[B, N, D]");
        real(op, "x", x);
        shape(op, "target", target, x, x.shape().extents());
        same(op, "target", target, x);
        shape(op, "mask", mask, x, x.shape().extent(0), x.shape().extent(1));
        dtype(op, "mask", mask, DType.I32);
    }

    static void that(boolean holds, String op, String argument, String expected, Object actual) {
        if (!holds) {
            throw new ShapeException(op, argument, expected, String.valueOf(actual));
        }
    }
}
