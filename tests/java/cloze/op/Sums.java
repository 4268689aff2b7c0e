package cloze.op;

import java.util.ArrayList;
import java.util.function.DoubleUnaryOperator;

/** What more than one reference sums. */
final class Sums {
    private Sums() {}

    static Array64 add(Array64 x, Array64 y) {
        var sum = new double[x.size()];
        for (int i = 0; i < sum.length; i++) {
            sum[i] = x.at(i) + y.at(i);
        }
        return Array64.of(x.shape(), sum);
    }

    /** A norm whose inputs begin with x and a residual, from their sum as it is stored: statistics are of what is read back. */
    static Values fromStoredSum(Case c, DoubleUnaryOperator stored) {
        Array64 sum = add(c.inputs().get(0), c.inputs().get(1));
        var inputs = new ArrayList<>(c.inputs());
        inputs.set(0, Array64.of(sum.shape(), Scalars.each(sum.data(), stored)));
        inputs.set(1, Array64.zeros(sum.shape().extents()));
        return c.with(inputs).values();
    }
}
