package cloze.op;

import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** An op on one set of inputs, with its naive float64 reference. */
final class Case {
    /** Step of the differences: their own error is about 1e-10 of the values. */
    static final double STEP = 1e-5;

    /** Inputs of at most so many elements have the slope of each checked, larger ones those of samples and ranges. */
    private static final int SMALL = 400;

    private static final int SAMPLES = 8;

    /** The slope of the loss when the elements of one input in [from, to) all move, each up or down by its sign. */
    record Slope(int from, int to, double value) {
        double of(float[] gradient) {
            double sum = 0;
            for (int i = from; i < to; i++) {
                sum += sign(i) * gradient[i];
            }
            return sum;
        }

        /** Root of the number of elements: how errors add up. */
        double root() {
            return Math.sqrt(to - from);
        }

        static int sign(int i) {
            return (Integer.bitCount(i * 0x9E3779B9) & 1) == 0 ? 1 : -1;
        }
    }

    /** An op and its gradients, where all that a naive computation stores on its way is what {@code stored} makes of it. */
    interface Naive {
        Values of(Case c, DoubleUnaryOperator stored);
    }

    private final String label;
    private final List<Array64> inputs;
    private final Function<List<Tensor>, Op> op;
    private final Function<List<Array64>, List<Array64>> reference;
    private final int reduction;
    private double condition = 1;
    private double terms = Tolerance.SMALLEST;
    private double step = STEP;
    private int values = 1;
    private int constant = -1;
    private int own;
    private @Nullable Naive naive;
    private @Nullable List<Array64> given;
    private @Nullable List<Array64> expected;
    private final List<List<Slope>> slopes = new ArrayList<>();

    /**
     * @param reference from inputs to all results, in their order, but for those of {@link #own}
     * @param reduction longest sum behind one element
     */
    Case(
            String label,
            int reduction,
            List<Array64> inputs,
            Function<List<Tensor>, Op> op,
            Function<List<Array64>, List<Array64>> reference) {
        this.label = label;
        this.inputs = inputs;
        this.op = op;
        this.reference = reference;
        this.reduction = reduction;
    }

    /** An input without a gradient, though it is real. */
    Case constant(int input) {
        constant = input;
        return this;
    }

    /** How much the function magnifies relative errors of its inputs. */
    Case condition(double factor) {
        condition = factor;
        return this;
    }

    /** The magnitude of the terms where they nearly cancel. */
    Case terms(double magnitude) {
        terms = magnitude;
        return this;
    }

    /** Of the differences: small where the function has kinks. */
    Case step(double length) {
        step = length;
        return this;
    }

    /** How many of the results are values into which gradients flow. */
    Case values(int count) {
        values = count;
        return this;
    }

    /** How many of the last results, kept for backward alone, a backend fills as it likes; the reference has none of them. */
    Case own(int count) {
        own = count;
        return this;
    }

    int own() {
        return own;
    }

    /** A naive computation that stores more than the results and gradients of {@link #values}, which are all that others do. */
    Case naive(Naive computation) {
        naive = computation;
        return this;
    }

    Case with(List<Array64> otherInputs) {
        Case other = new Case(label, reduction, otherInputs, op, reference)
                .condition(condition)
                .terms(terms)
                .step(step)
                .values(values)
                .own(own)
                .constant(constant);
        other.naive = naive;
        other.given = given;
        return other;
    }

    /** The same with these gradients of the values. */
    Case with(List<Array64> otherInputs, List<Array64> seeds) {
        Case other = with(otherInputs);
        other.given = seeds;
        return other;
    }

    List<Array64> inputs() {
        return inputs;
    }

    Op op(List<Tensor> tensors) {
        return op.apply(tensors);
    }

    Tolerance tolerance() {
        return new Tolerance(Math.max(1, reduction), condition, terms);
    }

    boolean small() {
        return inputs.stream().allMatch(input -> input.size() <= SMALL);
    }

    /** The inputs that can have a gradient. */
    List<Integer> trainable() {
        return IntStream.range(0, inputs.size())
                .filter(i -> inputs.get(i).dtype() == DType.F32 && i != constant)
                .boxed()
                .toList();
    }

    List<Array64> expected() {
        List<Array64> results = expected;
        if (results == null) {
            results = reference.apply(inputs);
            expected = results;
        }
        return results;
    }

    /** The gradients of the values; the loss is the sum of their products with them. */
    List<Array64> seeds() {
        List<Array64> seeds = given;
        if (seeds != null) {
            return seeds;
        }
        var random = new SplittableRandom(2);
        return expected().stream()
                .limit(values)
                .map(value -> Array64.normal(random, value.shape().extents()))
                .toList();
    }

    boolean hasNaive() {
        return naive != null;
    }

    /** What a naive computation makes; float64's, if it stores all as it is. Results and gradients are not yet stored. */
    Values naive(DoubleUnaryOperator stored) {
        Naive computation = naive;
        return computation == null ? values() : computation.of(this, stored);
    }

    /** Results, and gradients by the differences at each element: of a small case. */
    Values values() {
        Map<Integer, Array64> gradients = new HashMap<>();
        for (int input : trainable()) {
            gradients.put(
                    input,
                    Array64.of(
                            inputs.get(input).shape(),
                            slopes(input).stream()
                                    .mapToDouble(slope -> Slope.sign(slope.from) * slope.value)
                                    .toArray()));
        }
        return new Values(expected(), gradients);
    }

    /** Central differences of the reference with respect to one input. */
    List<Slope> slopes(int input) {
        while (slopes.size() <= input) {
            int next = slopes.size();
            slopes.add(inputs.get(next).dtype() == DType.F32 ? differences(next) : List.of());
        }
        return slopes.get(input);
    }

    private List<Slope> differences(int input) {
        int size = inputs.get(input).size();
        if (size <= SMALL) {
            return IntStream.range(0, size)
                    .parallel()
                    .mapToObj(i -> slope(input, i, i + 1))
                    .toList();
        }
        int[] samples = new SplittableRandom(3).ints(SAMPLES, 0, size).toArray();
        samples[0] = size - 1;
        return IntStream.range(0, 2 * SAMPLES)
                .parallel()
                .mapToObj(i -> i < SAMPLES
                        ? slope(input, samples[i], samples[i] + 1)
                        : slope(input, part(size, i - SAMPLES), part(size, i - SAMPLES + 1)))
                .toList();
    }

    private static int part(int size, int i) {
        return (int) ((long) size * i / SAMPLES);
    }

    private Slope slope(int input, int from, int to) {
        List<Array64> above = reference.apply(shifted(input, from, to, step));
        List<Array64> below = reference.apply(shifted(input, from, to, -step));
        List<Array64> seeds = seeds();
        double sum = 0;
        for (int k = 0; k < values; k++) {
            for (int i = 0; i < seeds.get(k).size(); i++) {
                sum += seeds.get(k).at(i) * (above.get(k).at(i) - below.get(k).at(i));
            }
        }
        return new Slope(from, to, sum / (2 * step));
    }

    private List<Array64> shifted(int input, int from, int to, double by) {
        var all = new ArrayList<>(inputs);
        double[] x = inputs.get(input).data().clone();
        for (int i = from; i < to; i++) {
            x[i] += by * Slope.sign(i);
        }
        all.set(input, Array64.of(inputs.get(input).shape(), x));
        return all;
    }

    @Override
    public String toString() {
        return label;
    }
}
