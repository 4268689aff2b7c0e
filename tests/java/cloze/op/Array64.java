package cloze.op;

import cloze.tensor.DType;
import cloze.tensor.Shape;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntUnaryOperator;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/** A float64 array, the currency of the references; its values fit the element type of the tensor that it becomes. */
public final class Array64 {
    private final Shape shape;
    private final DType dtype;
    private final double[] data;

    private Array64(Shape shape, DType dtype, double[] data) {
        this.shape = shape;
        this.dtype = dtype;
        this.data = data;
    }

    /** What a reference computes. */
    public static Array64 of(Shape shape, double... data) {
        return new Array64(shape, DType.F32, data);
    }

    public static Array64 zeros(int... extents) {
        var shape = new Shape(extents);
        return of(shape, new double[Math.toIntExact(shape.size())]);
    }

    /** Standard normal float32 values. */
    public static Array64 normal(RandomGenerator random, int... extents) {
        return zeros(extents).map(_ -> random.nextGaussian());
    }

    public static Array64 ints(IntUnaryOperator value, int... extents) {
        var shape = new Shape(extents);
        int size = Math.toIntExact(shape.size());
        double[] data = IntStream.range(0, size).map(value).asDoubleStream().toArray();
        return new Array64(shape, DType.I32, data);
    }

    /** Each value changed and rounded to float32. */
    public Array64 map(DoubleUnaryOperator f) {
        var changed = new double[data.length];
        for (int i = 0; i < data.length; i++) {
            changed[i] = (float) f.applyAsDouble(data[i]);
        }
        return of(shape, changed);
    }

    public Array64 times(double factor) {
        return map(v -> v * factor);
    }

    public Shape shape() {
        return shape;
    }

    public DType dtype() {
        return dtype;
    }

    public double[] data() {
        return data;
    }

    public int size() {
        return data.length;
    }

    public double at(int i) {
        return data[i];
    }

    public int intAt(int i) {
        return (int) data[i];
    }

    public int extent(int axis) {
        return shape.extent(axis);
    }

    public int columns() {
        return shape.extent(-1);
    }

    public int rows() {
        return columns() == 0 ? 0 : data.length / columns();
    }

    public float[] floats() {
        var values = new float[data.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) data[i];
        }
        return values;
    }

    int[] intValues() {
        return IntStream.range(0, data.length).map(this::intAt).toArray();
    }
}
