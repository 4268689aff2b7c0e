package cloze.op;

import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/** Numbers of 8 bits of mantissa. */
public final class Bf16 {
    private Bf16() {}

    /** The nearest, ties to even. */
    public static float round(float x) {
        return Float.intBitsToFloat(bits(x) << 16);
    }

    /** The same of a float64. */
    static double nearest(double x) {
        return round((float) x);
    }

    /** Half of what lies between a number and the next: the most that rounding to it may be off. */
    static double halfUnit(double x) {
        return Math.scalb(1.0, Math.max(Math.getExponent(x), Float.MIN_EXPONENT) - 8);
    }

    /** The nearest, as it is stored. */
    static short bits(float x) {
        int bits = Float.floatToRawIntBits(x);
        return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
    }

    static Tensor tensor(Backend backend, Scope scope, String name, Array64 values) {
        return set(backend, scope.tensor(name, values.shape(), DType.BF16), values);
    }

    static Tensor set(Backend backend, Tensor tensor, Array64 values) {
        var halves = new short[values.size()];
        for (int i = 0; i < halves.length; i++) {
            halves[i] = bits((float) values.at(i));
        }
        backend.upload(MemorySegment.ofArray(halves), tensor);
        return tensor;
    }

    /** Whose address is that many elements behind an aligned one. */
    static Tensor behind(Backend backend, Scope scope, String name, Array64 values, int elements) {
        Tensor whole = scope.tensor(name, new Shape(values.size() + elements), DType.BF16);
        return set(backend, scope.slice(whole, elements, name, values.shape(), false), values);
    }
}
