package cloze.op;

import cloze.tensor.DType;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntPredicate;
import java.util.stream.Stream;

/**
 * How far a naive computation in bf16 is off from float64, tensor by tensor: it sums exactly and rounds whatever it stores.
 *
 * <p>What it rounds on the way, in other places than a device does, may by luck leave a tensor nearly exact. So errors are
 * the largest of several such computations, of inputs near by, where all is rounded anew.
 */
record NaiveBf16(List<Errors> results, Map<Integer, Errors> gradients) {
    /** So many computations at least, and of each tensor so many elements in all, where something is rounded on the way. */
    private static final int COMPUTATIONS = 4;

    private static final int ELEMENTS = 100;

    /** As a share; half a unit in the last place is at most 2^-8 of a number. */
    private static final double NEAR = 0x1p-7;

    /**
     * The largest errors of a tensor.
     *
     * @param stored if it is bf16
     * @param unstored if it is f32, and only what it is made of was rounded
     */
    record Errors(Array64 exact, double stored, double unstored) {
        static Errors of(Array64 exact, Array64 naive) {
            double stored = 0;
            double unstored = 0;
            for (int i = 0; i < exact.size(); i++) {
                if (Double.isFinite(exact.at(i))) {
                    stored = Math.max(stored, Math.abs(Bf16.nearest(naive.at(i)) - exact.at(i)));
                    unstored = Math.max(unstored, Math.abs(naive.at(i) - exact.at(i)));
                }
            }
            return new Errors(exact, stored, unstored);
        }

        Errors or(Errors other) {
            return new Errors(exact, Math.max(stored, other.stored), Math.max(unstored, other.unstored));
        }

        /** What a tensor may be off: so many times as much, but nothing has to be nearer than the next number of its type. */
        double bound(double times, DType dtype, Tolerance f32) {
            double largest = largest(exact);
            double rounded = dtype == DType.BF16 ? Math.max(times * stored, Bf16.halfUnit(largest)) : times * unstored;
            return rounded + f32.absolute(largest);
        }

        private static double largest(Array64 x) {
            double largest = 0;
            for (double value : x.data()) {
                largest = Double.isFinite(value) ? Math.max(largest, Math.abs(value)) : largest;
            }
            return largest;
        }
    }

    static NaiveBf16 of(Case c) {
        NaiveBf16 all = once(c);
        var random = new SplittableRandom(7);
        int fewest = all.fewest();
        for (int i = 1; fewest > 0 && (i < COMPUTATIONS || i * fewest < ELEMENTS); i++) {
            all = all.or(once(near(c, random)));
        }
        return all;
    }

    private static NaiveBf16 once(Case c) {
        Values exact = c.naive(DoubleUnaryOperator.identity());
        Values naive = c.naive(Bf16::nearest);
        var results = new ArrayList<Errors>();
        for (int i = 0; i < exact.results().size(); i++) {
            results.add(Errors.of(exact.results().get(i), naive.results().get(i)));
        }
        var gradients = new HashMap<Integer, Errors>();
        exact.gradients()
                .forEach((input, gradient) -> gradients.put(
                        input, Errors.of(gradient, naive.gradients().get(input))));
        return new NaiveBf16(results, gradients);
    }

    /** Elements of the smallest tensor with errors from the way; 0 if there is none. */
    private int fewest() {
        return Stream.concat(results.stream(), gradients.values().stream())
                .filter(errors -> errors.unstored > 0)
                .mapToInt(errors -> errors.exact.size())
                .min()
                .orElse(0);
    }

    private NaiveBf16 or(NaiveBf16 other) {
        var allResults = new ArrayList<Errors>();
        for (int i = 0; i < results.size(); i++) {
            allResults.add(results.get(i).or(other.results.get(i)));
        }
        var allGradients = new HashMap<Integer, Errors>();
        gradients.forEach((input, errors) -> allGradients.put(input, errors.or(other.gradients.get(input))));
        return new NaiveBf16(allResults, allGradients);
    }

    /**
     * The case whose inputs and gradients of results bf16 holds.
     *
     * @param rounds whether a real input is bf16
     */
    static Case rounded(Case c, IntPredicate rounds) {
        var inputs = new ArrayList<Array64>();
        for (int i = 0; i < c.inputs().size(); i++) {
            Array64 x = c.inputs().get(i);
            inputs.add(x.dtype() == DType.F32 && rounds.test(i) ? x.map(Bf16::nearest) : x);
        }
        return c.with(
                inputs, c.seeds().stream().map(seed -> seed.map(Bf16::nearest)).toList());
    }

    private static Case near(Case c, SplittableRandom random) {
        return c.with(
                c.inputs().stream().map(x -> near(x, random)).toList(),
                c.seeds().stream().map(x -> near(x, random)).toList());
    }

    private static Array64 near(Array64 x, SplittableRandom random) {
        return x.dtype() == DType.F32 ? x.map(v -> v * (1 + random.nextDouble(-NEAR, NEAR))) : x;
    }
}
